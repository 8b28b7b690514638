"""A terminal in memory, for tests of what stands above one."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from iterm_mcp.errors import (
    InvalidRequestError,
    NotFoundError,
    TerminalRejectedError,
    TerminalUnavailableError,
)
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.sessions import Direction, Program, SessionInfo, Size
from iterm_mcp.testing.fake_shell import FakeShell
from iterm_mcp.testing.fake_tree import Branch, Leaf, leaves, remove, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.models.sessions import Screen

DEFAULT_PROFILE = "Default"
HINT = "Call list_sessions to see which there are."


class Gate:
    """Holds calls of one method of a `FakeTerminal` before they take effect.

    Attributes:
        waiting: How many calls stand before it now.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._opened = anyio.Event()
        self._arrived = anyio.Event()

    def open(self) -> None:
        """Let all pass, now and from now on."""
        self._opened.set()

    async def wait_arrived(self, calls: int = 1) -> None:
        """Wait until at least so many calls stand before the gate."""
        while self.waiting < calls:
            await self._arrived.wait()

    async def wait_opened(self) -> None:
        """Stand before the gate until it is open."""
        self.waiting += 1
        self._arrived.set()
        self._arrived = anyio.Event()
        try:
            await self._opened.wait()
        finally:
            self.waiting -= 1


@dataclass
class _Session:
    session_id: SessionId
    title: str
    program: Program
    shell: FakeShell


@dataclass
class _Tab:
    tab_id: TabId
    root: Branch
    active: SessionId


@dataclass
class _Window:
    window_id: WindowId
    tabs: list[_Tab] = field(default_factory=list)
    selected: TabId | None = None


class FakeTerminal:
    """A `Terminal` of windows, tabs, splits and tiny shells.

    Every session runs a `FakeShell`, whatever command it was opened with. Every method gives
    others a turn before it does its work, which it then does at once.

    Args:
        size: The grid of a new tab.
    """

    def __init__(self, size: Size = Size(80, 24)) -> None:  # noqa: B008 - frozen
        self._size = size
        self._windows: list[_Window] = []
        self._sessions: dict[SessionId, _Session] = {}
        self._current: WindowId | None = None
        self._numbers = count(1)
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
        """Return everything that was typed into a session."""
        return self._find(session_id).shell.typed

    def program(self, session_id: SessionId) -> Program:
        """Return what a session was asked to run."""
        return self._find(session_id).program

    # What every terminal does.

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        await self._enter("list_sessions")
        return tuple(
            self._info(window, tab, leaf.session_id)
            for window, tab in self._tabs()
            for leaf in leaves(tab.root)
        )

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new tab of a window, or in a new window, and activate it."""
        await self._enter("open_session")
        session = self._new_session(program, self._size)
        window = self._window(window_id)
        root = Branch(vertical=True)
        tab = _Tab(TabId(str(next(self._numbers))), root, session.session_id)
        root.children.append(Leaf(session.session_id, self._size))
        self._sessions[session.session_id] = session
        window.tabs.append(tab)
        window.selected = tab.tab_id
        self._current = window.window_id
        return self._info(window, tab, session.session_id)

    async def split_session(
        self, session_id: SessionId, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two, activate the new one and return it."""
        await self._enter("split_session")
        _, tab = self._tab_of(session_id)
        session = self._new_session(program, self._size)
        if not split(tab.root, session_id, direction, session.session_id):
            raise TerminalRejectedError(f"session {session_id} is too small to be split")
        self._sessions[session.session_id] = session
        tab.active = session.session_id
        self._resize_shells(tab)
        return session.session_id

    async def send_text(self, session_id: SessionId, text: str) -> None:
        """Type text as it is."""
        await self._enter("send_text")
        shell = self._find(session_id).shell
        shell.type(text)
        if not shell.running:
            self._end(session_id)

    async def read_screen(self, session_id: SessionId) -> Screen:
        """Return the visible screen."""
        await self._enter("read_screen")
        return self._find(session_id).shell.screen()

    async def rename_session(self, session_id: SessionId, name: str) -> None:
        """Give a session a name, which is its title from now on."""
        await self._enter("rename_session")
        self._find(session_id).title = name

    async def resize_sessions(self, tab_id: TabId, sizes: Mapping[SessionId, Size]) -> None:
        """Give every session of a tab its grid, exactly as asked for."""
        await self._enter("resize_sessions")
        tab = next((tab for _, tab in self._tabs() if tab.tab_id == tab_id), None)
        if tab is None:
            raise NotFoundError("tab", tab_id, hint=HINT)
        if {leaf.session_id for leaf in leaves(tab.root)} != set(sizes):
            raise InvalidRequestError(
                f"tab {tab_id} has other sessions than those that sizes were given for",
                hint="Give a size for each session of the tab and for no other.",
            )
        for leaf in leaves(tab.root):
            leaf.size = sizes[leaf.session_id]
        self._resize_shells(tab)

    async def activate_session(self, session_id: SessionId) -> None:
        """Select a session, its tab and its window."""
        await self._enter("activate_session")
        window, tab = self._tab_of(session_id)
        tab.active = session_id
        window.selected = tab.tab_id
        self._current = window.window_id

    async def close_session(self, session_id: SessionId) -> None:
        """End a session; its tab and window go with the last one."""
        await self._enter("close_session")
        self._find(session_id)
        self._end(session_id)

    # The rest is between these methods.

    async def _enter(self, method: str) -> None:
        """Pass what every call passes: others' turns, a gate, a loss, a failure."""
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

    def _new_session(self, program: Program, size: Size) -> _Session:
        if program.profile not in {None, DEFAULT_PROFILE}:
            raise NotFoundError("profile", str(program.profile))
        session_id = SessionId(f"00000000-0000-4000-8000-{next(self._numbers):012X}")
        return _Session(session_id, program.name or "sh", program, FakeShell(size))

    def _window(self, window_id: WindowId | None) -> _Window:
        """Return an existing window, or a new one for None."""
        if window_id is None:
            window = _Window(WindowId(f"window-{next(self._numbers)}"))
            self._windows.append(window)
            return window
        for window in self._windows:
            if window.window_id == window_id:
                return window
        raise NotFoundError("window", window_id, hint=HINT)

    def _tabs(self) -> Iterator[tuple[_Window, _Tab]]:
        for window in self._windows:
            for tab in window.tabs:
                yield window, tab

    def _find(self, session_id: SessionId) -> _Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise NotFoundError("session", session_id, hint=HINT)
        return session

    def _tab_of(self, session_id: SessionId) -> tuple[_Window, _Tab]:
        self._find(session_id)
        return next(
            (window, tab)
            for window, tab in self._tabs()
            if any(leaf.session_id == session_id for leaf in leaves(tab.root))
        )

    def _info(self, window: _Window, tab: _Tab, session_id: SessionId) -> SessionInfo:
        session = self._sessions[session_id]
        return SessionInfo(
            session_id=session_id,
            window_id=window.window_id,
            tab_id=tab.tab_id,
            title=session.title,
            size=session.shell.size,
            active=window.window_id == self._current
            and tab.tab_id == window.selected
            and session_id == tab.active,
        )

    def _resize_shells(self, tab: _Tab) -> None:
        for leaf in leaves(tab.root):
            self._sessions[leaf.session_id].shell.size = leaf.size

    def _end(self, session_id: SessionId) -> None:
        window, tab = self._tab_of(session_id)
        del self._sessions[session_id]
        remove(tab.root, session_id)
        remaining = [leaf.session_id for leaf in leaves(tab.root)]
        if remaining:
            self._resize_shells(tab)
            if tab.active == session_id:
                tab.active = remaining[0]
            return
        window.tabs.remove(tab)
        if window.tabs:
            if window.selected == tab.tab_id:
                window.selected = window.tabs[0].tab_id
            return
        self._windows.remove(window)
        if self._current == window.window_id:
            self._current = self._windows[0].window_id if self._windows else None
