"""Windows, tabs and sessions in memory. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, NotFoundError, TerminalRejectedError
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.sessions import Direction, Program, SessionInfo, Size
from iterm_mcp.testing.fake_shell import FakeShell
from iterm_mcp.testing.fake_tree import Branch, Leaf, leaves, remove, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROFILE = "Default"
"""The one profile there is."""

HINT = "Call list_sessions to see which there are."


@dataclass
class FakeSession:
    """One shell, what it is called, and what it was asked to run."""

    session_id: SessionId
    title: str
    program: Program
    shell: FakeShell


@dataclass
class FakeTab:
    """A tree of panes, one of them active."""

    tab_id: TabId
    root: Branch
    active: SessionId

    def session_ids(self) -> list[SessionId]:
        """Return the sessions in reading order."""
        return [leaf.session_id for leaf in leaves(self.root)]


@dataclass
class FakeWindow:
    """Tabs, one of them selected."""

    window_id: WindowId
    tabs: list[FakeTab] = field(default_factory=list)
    selected: TabId | None = None


class FakeWindows:
    """All windows; no window is without a tab, and no tab without a session.

    Args:
        size: The grid of a new tab.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._windows: list[FakeWindow] = []
        self._sessions: dict[SessionId, FakeSession] = {}
        self._current: WindowId | None = None
        self._numbers = count(1)

    def infos(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        return tuple(
            self._info(window, tab, session_id)
            for window, tab in self._tabs()
            for session_id in tab.session_ids()
        )

    def find(self, session_id: SessionId) -> FakeSession:
        """Return a session, or raise `NotFoundError`."""
        session = self._sessions.get(session_id)
        if session is None:
            raise NotFoundError("session", session_id, hint=HINT)
        return session

    def open(self, program: Program, window_id: WindowId | None) -> SessionInfo:
        """Open and activate a session in a new tab of a window, or of a new one for None."""
        session = self._make_session(program)
        window = self._find_window(window_id)
        root = Branch(vertical=True, children=[Leaf(session.session_id, self._size)])
        tab = FakeTab(TabId(str(next(self._numbers))), root, session.session_id)
        self._sessions[session.session_id] = session
        window.tabs.append(tab)
        self.activate(session.session_id)
        return self._info(window, tab, session.session_id)

    def split(self, session_id: SessionId, direction: Direction, program: Program) -> SessionId:
        """Open and activate a session in half of another one's space."""
        _, tab = self._find_tab(session_id)
        session = self._make_session(program)
        if not split(tab.root, session_id, direction, session.session_id):
            raise TerminalRejectedError(f"session {session_id} is too small to be split")
        self._sessions[session.session_id] = session
        tab.active = session.session_id
        self._resize_shells(tab)
        return session.session_id

    def resize(self, tab_id: TabId, sizes: Mapping[SessionId, Size]) -> None:
        """Give every session of a tab its grid, exactly as asked for."""
        tab = next((tab for _, tab in self._tabs() if tab.tab_id == tab_id), None)
        if tab is None:
            raise NotFoundError("tab", tab_id, hint=HINT)
        if set(tab.session_ids()) != set(sizes):
            raise InvalidRequestError(
                f"tab {tab_id} has other sessions than those that sizes were given for",
                hint="Give a size for each session of the tab and for no other.",
            )
        for leaf in leaves(tab.root):
            leaf.size = sizes[leaf.session_id]
        self._resize_shells(tab)

    def activate(self, session_id: SessionId) -> None:
        """Select a session, its tab and its window."""
        window, tab = self._find_tab(session_id)
        tab.active = session_id
        window.selected = tab.tab_id
        self._current = window.window_id

    def end(self, session_id: SessionId) -> None:
        """Take a session away, and its tab and window when it was their last."""
        window, tab = self._find_tab(session_id)
        del self._sessions[session_id]
        remove(tab.root, session_id)
        remaining = tab.session_ids()
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

    def _make_session(self, program: Program) -> FakeSession:
        if program.profile not in {None, PROFILE}:
            raise NotFoundError("profile", str(program.profile))
        session_id = SessionId(f"00000000-0000-4000-8000-{next(self._numbers):012X}")
        return FakeSession(session_id, program.name or "sh", program, FakeShell(self._size))

    def _find_window(self, window_id: WindowId | None) -> FakeWindow:
        """Return an existing window, or a new one for None."""
        if window_id is None:
            window = FakeWindow(WindowId(f"window-{next(self._numbers)}"))
            self._windows.append(window)
            return window
        for window in self._windows:
            if window.window_id == window_id:
                return window
        raise NotFoundError("window", window_id, hint=HINT)

    def _tabs(self) -> Iterator[tuple[FakeWindow, FakeTab]]:
        for window in self._windows:
            for tab in window.tabs:
                yield window, tab

    def _find_tab(self, session_id: SessionId) -> tuple[FakeWindow, FakeTab]:
        self.find(session_id)
        return next(
            (window, tab) for window, tab in self._tabs() if session_id in tab.session_ids()
        )

    def _info(self, window: FakeWindow, tab: FakeTab, session_id: SessionId) -> SessionInfo:
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

    def _resize_shells(self, tab: FakeTab) -> None:
        for leaf in leaves(tab.root):
            self._sessions[leaf.session_id].shell.size = leaf.size
