"""What services may ask of a terminal, whichever one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.sessions import Direction, Program, Screen, SessionInfo, Size


class Terminal(Protocol):
    """A terminal that can be scripted.

    Every method may raise `TerminalUnavailableError` (nothing answers),
    `TerminalTimeoutError` (no answer in time) and `TerminalRejectedError`; methods that take
    a session raise `NotFoundError` of kind ``session`` for one that does not exist. All
    waits are bounded.
    """

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new tab of a window, or in a new window.

        Raises:
            NotFoundError: No such window (``window``) or profile (``profile``).
        """

    async def split_session(
        self, session_id: SessionId, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two and return the new session.

        Raises:
            TerminalRejectedError: The pane is too small.
        """

    async def send_text(self, session_id: SessionId, text: str) -> None:
        """Type text as it is: no newline is added or translated; Enter is a carriage return."""

    async def read_screen(self, session_id: SessionId) -> Screen:
        """Return the visible screen."""

    async def rename_session(self, session_id: SessionId, name: str) -> None:
        """Give a session a name; it becomes part of its title."""

    async def resize_sessions(self, tab_id: TabId, sizes: Mapping[SessionId, Size]) -> None:
        """Ask for the grid of every session of a tab. The terminal may round.

        Raises:
            NotFoundError: No such tab.
            InvalidRequestError: The sessions named are not exactly those of the tab.
        """

    async def activate_session(self, session_id: SessionId) -> None:
        """Select a session, its tab and its window."""

    async def close_session(self, session_id: SessionId) -> None:
        """End a session without asking; its tab and window go with the last one."""
