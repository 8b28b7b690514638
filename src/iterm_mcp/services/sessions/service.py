"""Sessions: open, split, read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.happenings import SessionEnded
from iterm_mcp.models.output import PromptState
from iterm_mcp.services.agents.start_problems import explained
from iterm_mcp.services.commands.ready_shells import SETTLED_SECONDS, ReadyShells, shows_text
from iterm_mcp.services.sessions.programs import check_program
from iterm_mcp.services.sessions.search import SessionSearch

if TYPE_CHECKING:
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId, WindowId
    from iterm_mcp.models.sessions import Direction, Program, Screen, SessionInfo
    from iterm_mcp.terminal.protocol import Terminal

READY_SECONDS = 10.0
"""How long a new shell may take to show its first prompt before the caller is told so."""


class SessionService:
    """What can be done with sessions.

    Every ``session_id`` may be an id or its beginning, an id with the position prefix that
    ``ITERM_SESSION_ID`` has (``w0t0p0:…``), ``active`` for the session that a person would be
    typing into, or say something of the session, such as ``name:build``; see `SessionSearch`.

    Args:
        search: Who finds sessions; without one, none is found by its agent.
        ready_seconds: How long a new shell may take to show its first prompt.
    """

    def __init__(
        self,
        terminal: Terminal,
        search: SessionSearch | None = None,
        *,
        ready_seconds: float = READY_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._search = search or SessionSearch(terminal)
        self._ready_seconds = ready_seconds
        self._shells = ReadyShells(terminal)

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        return await self._terminal.list_sessions()

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new window, or in a new tab of an existing one.

        A size makes an existing window grow or shrink.
        """
        check_program(program)
        async with explained(program):
            opened = await self._terminal.open_session(program, window_id=window_id)
        if program.size is not None and window_id is not None:
            await self._terminal.resize_session(opened.session_id, program.size)
        return opened

    async def wait_ready(self, session_id: SessionId) -> bool:
        """Wait until a session's shell shows a prompt; False when it shows none in time.

        A shell that does not mark its prompts is taken to show one when it is silent behind some
        text; another program that is silent so is no shell, and is not waited for.
        """
        with suppress(NotFoundError), anyio.move_on_after(self._ready_seconds):
            async with self._terminal.watch(session_id) as watch:
                while True:
                    prompt = await self._terminal.read_prompt(session_id)
                    if prompt is not None and prompt.state is PromptState.EDITING:
                        return True
                    happening: Happening | None = None
                    with anyio.move_on_after(SETTLED_SECONDS):
                        happening = await watch.next()
                    if isinstance(happening, SessionEnded):
                        return False
                    silent = happening is None and prompt is None
                    if silent and shows_text(await self._terminal.read_screen(session_id)):
                        return await self._shells.is_waiting(session_id)
        return False

    async def split_session(
        self, session_id: str, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two."""
        check_program(program)
        target = await self.find(session_id)
        async with explained(program):
            return await self._terminal.split_session(target, direction, program)

    async def read_screen(self, session_id: str) -> tuple[SessionId, Screen]:
        """Return the visible screen of a session."""
        target = await self.find(session_id)
        return target, await self._terminal.read_screen(target)

    async def find(self, session_id: str) -> SessionId:
        """Return the plain id that a caller means; a whole one asks the terminal nothing.

        Raises:
            NotFoundError: No session is meant.
            InvalidRequestError: Several are.
        """
        return await self._search.find(session_id)
