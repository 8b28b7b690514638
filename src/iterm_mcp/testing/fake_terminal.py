"""A terminal in memory, for tests of what stands above one."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from anyio.lowlevel import checkpoint

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.models.sessions import Size
from iterm_mcp.testing.fake_windows import FakeWindows
from iterm_mcp.testing.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.sessions import Direction, Program, Screen, SessionInfo

DEFAULT_SIZE = Size(80, 24)


class FakeTerminal:
    """A `Terminal` of windows, tabs, splits and tiny shells.

    Every session runs a `FakeShell`, whatever command it was opened with. Every method gives
    others a turn before it does its work, which it then does at once.

    Args:
        size: The grid of a new tab.
    """

    def __init__(self, size: Size = DEFAULT_SIZE) -> None:
        self._windows = FakeWindows(size)
        self._lost = False
        self._failures: defaultdict[str, deque[ItermMcpError]] = defaultdict(deque)
        self._gates: dict[str, Gate] = {}

    # What only a test may do.

    def lose(self) -> None:
        """Go away: every method raises `TerminalUnavailableError` until `recover`."""
        self._lost = True

    def recover(self) -> None:
        """Answer again; the sessions are still there."""
        self._lost = False

    def fail_next(self, method: str, error: ItermMcpError) -> None:
        """Let the next call of a method raise this error and do nothing else.

        Errors given for the same method wait in line.
        """
        self._check_method(method)
        self._failures[method].append(error)

    def hold(self, method: str) -> Gate:
        """Stop all calls of a method, before they do anything, until the gate is opened."""
        self._check_method(method)
        gate = self._gates[method] = Gate()
        return gate

    def typed(self, session_id: SessionId) -> str:
        """Return everything that was typed into a session that still stands."""
        return self._windows.find(session_id).shell.typed

    def program(self, session_id: SessionId) -> Program:
        """Return what a session that still stands was asked to run."""
        return self._windows.find(session_id).program

    # What every terminal does.

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        await self._enter("list_sessions")
        return self._windows.infos()

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new tab of a window, or in a new window, and activate it."""
        await self._enter("open_session")
        return self._windows.open(program, window_id)

    async def split_session(
        self, session_id: SessionId, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two, activate the new one and return it."""
        await self._enter("split_session")
        return self._windows.split(session_id, direction, program)

    async def send_text(self, session_id: SessionId, text: str) -> None:
        """Type text as it is."""
        await self._enter("send_text")
        shell = self._windows.find(session_id).shell
        shell.type(text)
        if not shell.running:
            self._windows.end(session_id)

    async def read_screen(self, session_id: SessionId) -> Screen:
        """Return the visible screen."""
        await self._enter("read_screen")
        return self._windows.find(session_id).shell.screen()

    async def rename_session(self, session_id: SessionId, name: str) -> None:
        """Give a session a name, which is its title from now on."""
        await self._enter("rename_session")
        self._windows.find(session_id).title = name

    async def resize_sessions(self, tab_id: TabId, sizes: Mapping[SessionId, Size]) -> None:
        """Give every session of a tab its grid, exactly as asked for."""
        await self._enter("resize_sessions")
        self._windows.resize(tab_id, sizes)

    async def activate_session(self, session_id: SessionId) -> None:
        """Select a session, its tab and its window."""
        await self._enter("activate_session")
        self._windows.activate(session_id)

    async def close_session(self, session_id: SessionId) -> None:
        """End a session; its tab and window go with the last one."""
        await self._enter("close_session")
        self._windows.end(session_id)

    # What stands between a call and its effect.

    async def _enter(self, method: str) -> None:
        await checkpoint()
        gate = self._gates.get(method)
        if gate is not None:
            await gate.wait_opened()
        if self._lost:
            raise TerminalUnavailableError("the terminal is away", hint="Wait for it.")
        if self._failures[method]:
            raise self._failures[method].popleft()

    def _check_method(self, method: str) -> None:
        if method.startswith("_") or not hasattr(self, method):
            raise AttributeError(f"a terminal has no method {method!r}")
