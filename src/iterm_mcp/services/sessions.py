"""Sessions: open, split, type into, read, close."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.services.keys import key_sequence
from iterm_mcp.services.programs import check_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.ids import WindowId
    from iterm_mcp.models.sessions import Direction, Program, Screen, SessionInfo
    from iterm_mcp.services.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal

MAX_TEXT = 1 << 20
"""Characters that one call may type."""

ACTIVE = "active"
_POSITION_PREFIX = re.compile(r"w\d+t\d+p\d+[:.]")


class SessionService:
    """What can be done with sessions.

    Every ``session_id`` may be an id, an id with the position prefix that ``ITERM_SESSION_ID``
    has (``w0t0p0:…``), or ``active`` for the session that a person would be typing into.
    """

    def __init__(self, terminal: Terminal, writers: SessionWriters) -> None:
        self._terminal = terminal
        self._writers = writers

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        return await self._terminal.list_sessions()

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new window, or in a new tab of an existing one."""
        check_program(program)
        return await self._terminal.open_session(program, window_id=window_id)

    async def split_session(
        self, session_id: str, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two."""
        check_program(program)
        target = await self.find(session_id)
        return await self._terminal.split_session(target, direction, program)

    async def send_text(self, session_id: str, text: str, *, enter: bool) -> SessionId:
        """Type text, then Enter if asked; newlines inside the text are typed as Enter.

        No other writer's text comes in between.

        Raises:
            InvalidRequestError: Nothing to type, or more than `MAX_TEXT` characters.
        """
        if not text and not enter:
            raise InvalidRequestError("there is nothing to type", hint="Give text, or enter=true.")
        if len(text) > MAX_TEXT:
            raise InvalidRequestError(
                f"{len(text)} characters are more than the {MAX_TEXT} that one call may type",
                hint="Write it to a file and have the session read it.",
            )
        typed = text.replace("\r\n", "\r").replace("\n", "\r") + ("\r" if enter else "")
        return await self._type(session_id, typed)

    async def send_keys(self, session_id: str, keys: Sequence[str]) -> SessionId:
        """Press keys one after the other; nothing is sent unless all are known."""
        if not keys:
            raise InvalidRequestError("there are no keys to press", hint="Name at least one key.")
        return await self._type(session_id, "".join(key_sequence(key) for key in keys))

    async def read_screen(self, session_id: str) -> tuple[SessionId, Screen]:
        """Return the visible screen of a session."""
        target = await self.find(session_id)
        return target, await self._terminal.read_screen(target)

    async def close_session(self, session_id: str) -> SessionId:
        """End a session and what runs in it."""
        target = await self.find(session_id)
        await self._terminal.close_session(target)
        return target

    async def find(self, session_id: str) -> SessionId:
        """Return the plain id that a caller means; only ``active`` asks the terminal."""
        if session_id != ACTIVE:
            return SessionId(_POSITION_PREFIX.sub("", session_id, count=1))
        for session in await self._terminal.list_sessions():
            if session.active:
                return session.session_id
        raise NotFoundError(
            "session", ACTIVE, hint="No session is active; open one, or name one by its id."
        )

    async def _type(self, session_id: str, text: str) -> SessionId:
        target = await self.find(session_id)
        async with self._writers.hold(target):
            await self._terminal.send_text(target, text)
        return target
