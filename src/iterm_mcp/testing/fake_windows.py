"""Windows, tabs and sessions in memory. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError, NotFoundError, TerminalRejectedError
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.layouts import StandingTab
from iterm_mcp.models.sessions import Direction, Program, SessionInfo, Size
from iterm_mcp.terminal.quoting import given
from iterm_mcp.testing.fake_shell import FakeShell
from iterm_mcp.testing.fake_tree import (
    LEAST,
    Branch,
    Leaf,
    leaves,
    remove,
    span,
    split,
    spread,
    standing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.layouts import StandingNode

PROFILE = "Default"
"""The one profile there is."""

TITLE = "sh"
"""What a session is called that was given no name."""

HINT = "Call list_sessions to see which there are."


@dataclass
class FakeSession:
    """One shell, what it is called, and what it was asked to run."""

    session_id: SessionId
    title: str
    program: Program
    shell: FakeShell
    user: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


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
        tell: Called with what happens in a session.
    """

    def __init__(self, size: Size, tell: Callable[[SessionId, Happening], None]) -> None:
        self._size = size
        self._tell = tell
        self._windows: list[FakeWindow] = []
        self._sessions: dict[SessionId, FakeSession] = {}
        self._former: dict[SessionId, FakeSession] = {}
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
        root = Branch(vertical=True, children=[Leaf(session.session_id, session.shell.size)])
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

    def resize_one(self, session_id: SessionId, size: Size) -> None:
        """Give one session its grid."""
        if min(size.columns, size.rows) < LEAST:
            raise TerminalRejectedError(f"the terminal would not resize the session to {size}")
        _, tab = self._find_tab(session_id)
        next(leaf for leaf in leaves(tab.root) if leaf.session_id == session_id).size = size
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
        self._close_tab(window, tab)

    def _close_tab(
        self, window: FakeWindow, tab: FakeTab, *, unless: FakeWindow | None = None
    ) -> None:
        """Take a tab away, and its window with the last one, `unless` that one is to stay."""
        window.tabs.remove(tab)
        if window is unless:
            return
        if window.tabs:
            if window.selected == tab.tab_id:
                window.selected = window.tabs[0].tab_id
            return
        self._windows.remove(window)
        if self._current == window.window_id:
            self._current = self._windows[0].window_id if self._windows else None

    def given(self, session_id: SessionId) -> Program:
        """Return what a session was asked to run, under the name that it has now."""
        session = self.find(session_id)
        name = None if session.title == TITLE else session.title
        program = session.program
        return Program(program.command, program.directory, program.profile or PROFILE, name)

    def standing(self) -> tuple[StandingTab, ...]:
        """Return every tab with its tree."""
        return tuple(
            StandingTab(window.window_id, tab.tab_id, standing(tab.root))
            for window, tab in self._tabs()
        )

    def arrange(self, trees: Mapping[TabId, StandingNode], closing: Collection[TabId]) -> None:
        """Give tabs new trees; all of them, or none."""
        tabs = {tab.tab_id: tab for _, tab in self._tabs()}
        if not {*trees, *closing} <= set(tabs):
            raise TerminalRejectedError("the terminal would not arrange the panes: no such tab")
        placed = sorted(pane.session_id for root in trees.values() for pane in root.panes())
        if placed != sorted(one for tab in (*trees, *closing) for one in tabs[tab].session_ids()):
            raise TerminalRejectedError("the terminal would not arrange the panes: who is where?")
        try:
            roots = {
                tab_id: spread(tree, span(tabs[tab_id].root)) for tab_id, tree in trees.items()
            }
        except LookupError as error:
            raise TerminalRejectedError(f"the terminal would not arrange: {error}") from None
        for tab_id, root in roots.items():
            tab = tabs[tab_id]
            tab.root = root
            if tab.active not in tab.session_ids():
                tab.active = tab.session_ids()[0]
            self._resize_shells(tab)
        for window, tab in list(self._tabs()):
            if tab.tab_id in closing:
                self._close_tab(window, tab)

    def move(self, session_id: SessionId, window_id: WindowId | None) -> None:
        """Give a session a tab of its own."""
        source, tab = self._find_tab(session_id)
        target = self._find_window(window_id)
        remove(tab.root, session_id)
        if tab.session_ids():
            self._resize_shells(tab)
            if tab.active == session_id:
                tab.active = tab.session_ids()[0]
        else:
            self._close_tab(source, tab, unless=target)
        root = Branch(vertical=True, children=[Leaf(session_id, self._size)])
        target.tabs.append(FakeTab(TabId(str(next(self._numbers))), root, session_id))
        self.activate(session_id)
        self._resize_shells(target.tabs[-1])

    def restart(self, session: FakeSession) -> None:
        """Give a session another shell."""
        session.shell = self._make_shell(session.session_id, session.shell.size)

    def replace(self, session_id: SessionId) -> SessionId:
        """Give a session another id; `find_or_former` still knows it by the one it had."""
        _, tab = self._find_tab(session_id)
        session = self._sessions.pop(session_id)
        new = SessionId(f"00000000-0000-4000-8000-{next(self._numbers):012X}")
        next(leaf for leaf in leaves(tab.root) if leaf.session_id == session_id).session_id = new
        tab.active = new
        session.session_id = new
        self._sessions[new] = self._former[session_id] = session
        return new

    def find_or_former(self, session_id: SessionId) -> FakeSession:
        """Return a session, by an id that it had too."""
        return self._former.get(session_id) or self.find(session_id)

    def variables(self, session_id: SessionId) -> dict[str, Any]:
        """Return what a session knows about itself, by name."""
        session = self.find(session_id)
        return {
            "name": session.title,
            "autoName": session.title,
            "path": session.program.directory or "/",
            "jobName": "block" if session.shell.blocking else "sh",
            "columns": session.shell.size.columns,
            "rows": session.shell.size.rows,
            **session.user,
            **session.facts,
        }

    def _make_session(self, program: Program) -> FakeSession:
        if program.profile not in {None, PROFILE}:
            raise NotFoundError("profile", str(program.profile))
        session_id = SessionId(f"00000000-0000-4000-8000-{next(self._numbers):012X}")
        shell = self._make_shell(session_id, program.size or self._size)
        return FakeSession(
            session_id,
            program.name or TITLE,
            program,
            shell,
            user=dict(given(program)),
        )

    def _make_shell(self, session_id: SessionId, size: Size) -> FakeShell:
        shell = FakeShell(size)
        shell.tell = partial(self._tell, session_id)
        return shell

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
