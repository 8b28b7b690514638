"""Pictures of sessions: PNG, SVG, and text that shows where the cursor stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, TerminalRejectedError

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.sessions import Screen
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.terminal.protocol import Terminal

MAX_PNG_BYTES = 3 << 20
"""What models' makers take as one picture is little more, in base64."""

MAX_SVG_CHARACTERS = 400_000
CURSOR = "▲"


class Form(StrEnum):
    """What a picture is made of."""

    PNG = "png"
    SVG = "svg"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Picture:
    """One session as it looked.

    Attributes:
        png: Set for `Form.PNG`, else empty.
        text: The drawing as SVG, or the rows with the cursor's mark.
    """

    session_id: SessionId
    form: Form
    screen: Screen
    png: bytes = b""
    text: str = ""


class PictureService:
    """Takes pictures."""

    def __init__(self, terminal: Terminal, sessions: SessionService) -> None:
        self._terminal = terminal
        self._sessions = sessions

    async def take(self, session_id: str, form: Form, *, history: int = 0) -> Picture:
        """Return a picture of a session's screen.

        Args:
            history: Lines above the screen to show too; SVG alone can.

        Raises:
            InvalidRequestError: This form shows no history.
            TerminalRejectedError: The terminal cannot draw this form, or it is too large.
        """
        if history and form is not Form.SVG:
            raise InvalidRequestError(
                f"a picture as {form} shows the screen alone",
                hint="Ask for svg, or read the lines above with read_output.",
            )
        target = await self._sessions.find(session_id)
        screen = await self._terminal.read_screen(target)
        match form:
            case Form.PNG:
                png = await self._terminal.screenshot(target)
                _check_size(len(png), MAX_PNG_BYTES, "bytes")
                return Picture(target, form, screen, png=png)
            case Form.SVG:
                svg = await self._terminal.draw_session(target, history=history)
                _check_size(len(svg), MAX_SVG_CHARACTERS, "characters")
                return Picture(target, form, screen, text=svg)
            case Form.TEXT:
                return Picture(target, form, screen, text=with_cursor(screen))


def with_cursor(screen: Screen) -> str:
    """Return a screen's rows with a mark below the cell in which the cursor stands."""
    rows = list(screen.lines)
    while rows and not rows[-1].strip() and len(rows) > screen.cursor_row + 1:
        rows.pop()
    rows += [""] * (screen.cursor_row + 1 - len(rows))
    rows.insert(screen.cursor_row + 1, f"{' ' * screen.cursor_column}{CURSOR} cursor")
    return "\n".join(rows)


def _check_size(size: int, limit: int, unit: str) -> None:
    if size > limit:
        raise TerminalRejectedError(
            f"the picture has {size} {unit}, more than {limit}",
            hint="Ask for another format, or make the session smaller.",
        )
