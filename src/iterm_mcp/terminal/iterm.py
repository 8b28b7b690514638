"""The `Terminal` that speaks iTerm2's API, to the app and to our host alike."""

from iterm_mcp.terminal.arranging import ItermArranging
from iterm_mcp.terminal.input import ItermInput
from iterm_mcp.terminal.output import ItermOutput
from iterm_mcp.terminal.pictures import ItermPictures
from iterm_mcp.terminal.properties import ItermProperties
from iterm_mcp.terminal.sessions import ItermSessions
from iterm_mcp.terminal.watching import ItermWatching


class ItermTerminal(
    ItermSessions,
    ItermArranging,
    ItermInput,
    ItermOutput,
    ItermPictures,
    ItermProperties,
    ItermWatching,
):
    """A `Terminal` over a `TerminalLink`; see `requests.Requests` for its arguments."""
