"""Everything that is open: sessions, where they stand, and what has the focus."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio

from iterm_mcp.host import moves, profiles, restarting, scopes, sizes, tree
from iterm_mcp.host.broadcasts import Domains
from iterm_mcp.host.compressing import Compressor
from iterm_mcp.host.preferences import THEMES
from iterm_mcp.host.start_places import find_directory
from iterm_mcp.host.tree import Pane, Splitter, Tab, Window
from iterm_mcp.host.turns import OncePerTurn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from anyio.abc import TaskGroup

    from iterm_mcp.host.closers import Closers
    from iterm_mcp.host.moves import Burial
    from iterm_mcp.host.prompts import PromptEvent
    from iterm_mcp.host.recording.recordings import Recordings
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.start_places import Kind
    from iterm_mcp.host.starter import Starter
    from iterm_mcp.host.wardrobe import Wardrobe
    from iterm_mcp.host.world_observer import WorldObserver


class World:
    """The terminal's state. All methods but the opening and closing ones are immediate.

    Args:
        closers: Where programs that were told to end are waited for.
        starter: Starts sessions' programs.
        recordings: Where sessions are recorded; None where they cannot be.
    """

    def __init__(
        self,
        observer: WorldObserver,
        closers: TaskGroup | Closers,
        starter: Starter,
        recordings: Recordings | None = None,
    ) -> None:
        self.windows: list[Window] = []
        self.sessions: dict[str, Session] = {}
        self.user: dict[str, dict[str, Any]] = {}
        """Variables ``user.*`` by owner: ``tab 1``, ``window pty-…``, ``app``."""
        self.titles: dict[str, str] = {}
        """Titles that were set, by the same keys."""
        self.burials: dict[str, Burial] = {}
        """Buried sessions and where they stood."""
        self.domains: Domains = Domains()
        self.key: Window | None = None
        self.app_active = True
        self.theme: str = THEMES[1]
        self.recall_profile: Callable[[str], Mapping[str, Any] | None] = lambda _name: None
        self.wardrobe: Wardrobe | None = None
        self.observer = observer
        self._closers = closers
        self.starter = starter
        self.recordings = recordings
        self.tab_numbers = itertools.count(1)
        self._starting: list[int] = []  # numbers of windows whose first program is being started
        self.frozen = False
        self.closing = False
        self._compressor = Compressor()
        self._layout = OncePerTurn(self._tell_layout)
        self._variables = OncePerTurn(observer.variables_changed)

    # Finding.

    def tabs(self) -> Iterator[tuple[Window, Tab]]:
        """Yield every tab with its window."""
        for window in self.windows:
            for tab in window.tabs:
                yield window, tab

    def find_window(self, window_id: str) -> Window | None:
        """Return a window by its id."""
        return next((one for one in self.windows if one.window_id == window_id), None)

    def find_tab(self, tab_id: str) -> tuple[Window, Tab] | None:
        """Return a tab by its id, with its window."""
        return next(((w, t) for w, t in self.tabs() if t.tab_id == tab_id), None)

    def place(self, session_id: str) -> tuple[Window, Tab] | None:
        """Return the window and tab that a session stands in."""
        for window, tab in self.tabs():
            if any(pane.session_id == session_id for pane in tab.panes()):
                return window, tab
        return None

    def windows_of_sessions(self) -> dict[str, str]:
        """Return the window of each session that stands in one."""
        return {
            pane.session_id: window.window_id for window, tab in self.tabs() for pane in tab.panes()
        }

    def select(self, selector: str, *, many: bool = False) -> list[Session]:
        """Return the sessions that a selector names: an id, ``active``, or ``all`` if allowed."""
        if selector == "all" and many:
            return [
                self.sessions[pane.session_id] for _, tab in self.tabs() for pane in tab.panes()
            ]
        if selector == "active":
            selector = self.active_session() or ""
        session = self.sessions.get(selector)
        return [] if session is None else [session]

    def active_session(self) -> str | None:
        """Return the session that typing would go to."""
        if self.key is None or self.key.selected is None:
            return None
        return self.key.selected.active

    # Opening and closing.

    async def open_tab(
        self, profile: dict[str, Any], window: Window | None, index: int | None, *, select: bool
    ) -> tuple[Window, Tab, Session]:
        """Start a program in a new tab.

        Raises:
            PtyError: It could not be started.
            ValueError: The profile's command cannot be split.
        """
        near = self.sessions.get(self.active_session() or "")
        kind: Kind = "Window" if window is None else "Tab"
        directory = await find_directory(profile, kind, near)
        columns, rows = profiles.grid(profile) if window is None else (window.columns, window.rows)
        number = self.free_number() if window is None else window.number
        at = 0 if window is None else len(window.tabs)
        self._starting.append(number)
        try:
            session = await self.starter.start(
                profile, columns, rows, f"w{number}t{at}p0", self, directory
            )
        finally:
            self._starting.remove(number)
        if window is None or window not in self.windows:
            window = self.add_window(columns, rows, number)
        tab = self.add_tab(window, session.session_id, index)
        self.admit(session)
        if select or window.selected is None:
            self.focus_tab(window, tab)
        if select or self.key is None:
            self.focus_window(window)
        return window, tab, session

    async def split(
        self, target: Session, profile: dict[str, Any], *, vertical: bool, before: bool
    ) -> Session:
        """Start a program in a new pane beside a session's.

        Raises:
            CannotSplitError: There is no room.
            KeyError: The session went away meanwhile.
            PtyError, ValueError: As `open_tab`.
        """
        place = self.place(target.session_id)
        if place is None:
            raise KeyError(target.session_id)
        window, tab = place
        tree.rehearse_split(tab, target.session_id, vertical=vertical)
        at = f"w{window.number}t{window.tabs.index(tab)}p{len(list(tab.panes()))}"
        session = await self.starter.start(
            profiles.beside(profile, target.profile),
            target.columns,
            target.rows,
            at,
            self,
            await find_directory(profile, "Pane", target),
        )
        try:
            # The tree may have changed while the program was started; an empty tab has no pane.
            tree.split(tab, target.session_id, session.session_id, vertical=vertical, before=before)
        except (KeyError, tree.CannotSplitError):
            await self.discard(session)
            raise
        self.admit(session)
        sizes.apply(self, tab)
        if tab.active == target.session_id and tab is window.selected:
            self.focus_session(tab, session.session_id)
        return session

    def add_window(self, columns: int, rows: int, number: int | None = None) -> Window:
        """Open a window that has no tab yet; the number is taken if it is free."""
        if number is None or any(one.number == number for one in self.windows):
            number = self.free_number()
        window = Window(f"pty-{str(uuid4()).upper()}", number, columns, rows)
        self.windows.append(window)
        return window

    def add_tab(self, window: Window, session_id: str, index: int | None = None) -> Tab:
        """Open a tab for a session that stands nowhere."""
        pane = Pane(session_id, window.columns, window.rows)
        root = Splitter(vertical=False, children=[pane])
        tab = Tab(str(next(self.tab_numbers)), root, session_id)
        window.tabs.insert(len(window.tabs) if index is None else index, tab)
        return tab

    def admit(self, session: Session) -> None:
        """Make a started session known, and let it run."""
        self.sessions[session.session_id] = session
        session.start()
        if self.frozen:
            session.pause()
        self.opened(session)
        self.layout_touched()

    def opened(self, session: Session) -> None:
        """Tell that a session's program runs."""
        if self.recordings is not None:
            self.recordings.opened(session)
        self.observer.session_opened(session.session_id)

    def close(self, session: Session) -> None:
        """Take a session out of its window at once; its program is ended in the background."""
        self._remove(session)
        self._closers.start_soon(self.discard, session)

    async def close_all(self) -> None:
        """End every program, all at the same time: hang-up, then after a grace the kill."""
        self.closing = True
        async with anyio.create_task_group() as group:
            for session in list(self.sessions.values()):
                group.start_soon(self.discard, session)

    async def discard(self, session: Session) -> None:
        """End the program of a session that is not known, or not any more."""
        session.exited = True
        try:
            await session.pty.aclose(grace_seconds=restarting.CLOSE_GRACE_SECONDS)
        finally:
            session.release()

    def _remove(self, session: Session) -> None:
        if self.sessions.pop(session.session_id, None) is None:
            return
        if not session.exited:
            self.observer.session_ended(session.session_id)
        self.burials.pop(session.session_id, None)
        moves.take_out(self, session.session_id)
        self.layout_touched()

    def forget(self, key: str) -> None:
        """Drop the variables and the title of what has closed."""
        self.user.pop(key, None)
        self.titles.pop(key, None)

    # Focus.

    def focus_window(self, window: Window | None) -> None:
        """Make a window the key one; None when there is none left."""
        if self.key is not window:
            before, self.key = self.key, window
            if before is not None:
                self.observer.focus_changed("resigned", before.window_id)
            if window is not None:
                self.observer.focus_changed("window", window.window_id)
            self._variables.soon()

    def focus_tab(self, window: Window, tab: Tab) -> None:
        """Select a tab of a window."""
        if window.selected is not tab:
            window.selected = tab
            self.observer.focus_changed("tab", tab.tab_id)
            self._variables.soon()

    def focus_session(self, tab: Tab, session_id: str) -> None:
        """Make a session the active one of its tab."""
        if tab.active != session_id:
            tab.active = session_id
            self.observer.focus_changed("session", session_id)
            self._variables.soon()

    def activate_app(self) -> None:
        """Make the app the active one, which it is unless nobody ever asked."""
        if not self.app_active:
            self.app_active = True
            self.observer.focus_changed("app", "active")

    def free_number(self) -> int:
        """Return the least number that no window has or is about to have."""
        taken = {*self._starting, *(window.number for window in self.windows)}
        return next(number for number in itertools.count() if number not in taken)

    # Transactions.

    def freeze(self) -> None:
        """Take in no program's output or end until `thaw`; sessions to come included."""
        self.frozen = True
        for session in self.sessions.values():
            session.pause()

    def thaw(self) -> None:
        """Go on where `freeze` stopped."""
        self.frozen = False
        for session in list(self.sessions.values()):
            session.resume()

    # What sessions tell (session_observer.SessionObserver).

    def screen_changed(self, session: Session) -> None:
        """Pass on that a screen changed."""
        self.observer.screen_changed(session.session_id)

    def prompt_happened(self, session: Session, event: PromptEvent) -> None:
        """Pass on what happened at a prompt."""
        self.observer.prompt_happened(session, event)

    def sequence_received(self, session: Session, identity: str, payload: str) -> None:
        """Pass on a control sequence of a script's own."""
        self.observer.sequence_received(session, identity, payload)

    def variables_changed(self, _session: Session) -> None:
        """Pass on that variables may have changed."""
        self._variables.soon()

    def came_to_rest(self, session: Session) -> None:
        """Compress what it holds, beside everything else."""
        self._compressor.add(session.compress)

    def variable(self, session: Session, path: str) -> Any:  # noqa: ANN401 - any JSON
        """Return a variable by its path from a session."""
        return scopes.value(self, scopes.Target(scopes.SESSION, session.session_id), path)

    def profile_named(self, name: str) -> Mapping[str, Any] | None:
        """Return a shared profile, as it was when profiles were last asked for."""
        return self.recall_profile(name)

    def preset_wanted(self, session: Session, name: str) -> None:
        """Give a session the colours of a preset."""
        if self.wardrobe is not None:
            self.wardrobe.dress(session, name, self._closers)

    def focus_wanted(self, session: Session) -> None:
        """Give a session the focus, unless it is buried."""
        place = self.place(session.session_id)
        if place is not None:
            self.activate_app()
            self.focus_window(place[0])
            self.focus_tab(*place)
            self.focus_session(place[1], session.session_id)

    def unburial_wanted(self, session: Session) -> None:
        """Bring a buried session back."""
        moves.unbury(self, session.session_id)

    def size_wanted(self, session: Session, columns: int, rows: int) -> None:
        """Give a session's pane a grid within bounds."""
        size = tree.within_bounds(columns), tree.within_bounds(rows)
        sizes.resize_session(self, session, *size)

    def program_ended(self, session: Session) -> None:
        """Take an ended session out, unless its profile keeps it."""
        if session.session_id not in self.sessions:
            return
        self.observer.session_ended(session.session_id)
        if session.coprocess is not None:
            session.coprocess.stop()
        ending = session.profile.get("Close Sessions On End", 1)
        if ending in profiles.CLOSE_AT_END:
            self.close(session)
        elif ending == profiles.RESTART_AT_END and not self.closing:
            self._closers.start_soon(restarting.restart_ended, self, session)

    # Telling, once a turn of the loop.

    def variables_touched(self) -> None:
        """Note that a client changed a variable, a name or a title."""
        self._variables.soon()

    def set_broadcast_domains(self, domains: Iterable[Iterable[str]]) -> None:
        """Have sessions typed into together; all of a domain stand in one window."""
        if self.domains.replace(domains):
            self.observer.broadcasts_changed()
            self._variables.soon()

    def _tell_layout(self) -> None:
        if self.domains.listing() and self.domains.keep(self.windows_of_sessions()):
            self.observer.broadcasts_changed()
        self.observer.layout_changed()

    def tell_layout_now(self) -> None:
        """Tell a layout change that is still to be told."""
        self._layout.now()

    def layout_touched(self) -> None:
        """Note that windows, tabs, panes or sizes changed."""
        self._variables.soon()
        self._layout.soon()
