"""Where an agent's pane goes: panes are split on their longer side, and none becomes a sliver."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ConflictError, NotFoundError, TerminalError
from iterm_mcp.models.layouts import StandingPane, StandingSplitter
from iterm_mcp.models.sessions import Direction, Size
from iterm_mcp.services.layouts.sizes import DIVIDER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from iterm_mcp.models.ids import SessionId, WindowId
    from iterm_mcp.models.layouts import StandingNode, StandingTab
    from iterm_mcp.models.sessions import Program
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.terminal.protocol import Terminal

READABLE = Size(40, 8)
"""The smallest pane in which a person can still follow an agent."""

ROW_COLUMNS = 2
"""A cell is about twice as high as it is wide."""


_LEAST = f"{READABLE.columns}x{READABLE.rows}"
_NEW_TAB = f"in a new tab: beside {{}} no pane would have {_LEAST} cells"
_OTHER = f"beside agent {{}}: {{}} has no room for two of {_LEAST} cells"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent's pane is opened: beside a session, in a window, or in a window of its own.

    Attributes:
        direction: The side of the session that is split; None for what is readable, which may
            be beside another agent or in another tab of its window.
        session_id: A session that was opened for it, in which its keeper comes up; nothing
            else counts then.
        behind: What is active stays so.
    """

    beside: SessionId | None = None
    direction: Direction | None = None
    window_id: WindowId | None = None
    session_id: SessionId | None = None
    behind: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """A pane to be split, and on which side."""

    session_id: SessionId
    direction: Direction
    size: Size


@dataclass(frozen=True, slots=True)
class PlacedPane:
    """A pane that was opened.

    Attributes:
        note: Where it went, when it is not beside the session that was named; else empty.
    """

    session_id: SessionId
    note: str = ""


class PanePlacer:
    """Opens panes for agents."""

    def __init__(self, terminal: Terminal, sessions: SessionService, agents: AgentService) -> None:
        self._terminal = terminal
        self._sessions = sessions
        self._agents = agents
        self._choosing = anyio.Lock()

    async def open(self, program: Program, place: Place) -> PlacedPane:
        """Open a pane that runs a program; those that are opened at once share no cut.

        Raises:
            NotFoundError: No such session or window.
            TerminalRejectedError: The pane is too small for the side that was asked for.
        """
        if place.beside is None:
            active = await self._active() if place.behind else None
            opened = await self._sessions.open_session(program, window_id=place.window_id)
            if active is not None:
                with suppress(NotFoundError, TerminalError):  # it may have been closed meanwhile
                    await self._terminal.activate_session(active)
            return PlacedPane(opened.session_id)
        if place.direction is not None:
            return PlacedPane(
                await self._sessions.split_session(place.beside, place.direction, program)
            )
        async with self._choosing:
            return await self._open_readable(program, place.beside)

    async def move(self, session_id: SessionId, place: Place) -> str:
        """Bring a pane that has a tab of its own to a place; return where it went instead, if so.

        Raises:
            NotFoundError: No such session or window.
            TerminalRejectedError: There is no room.
        """
        if place.beside is None:
            tabs = await self._terminal.list_tabs()
            own = next((one for one in tabs if session_id in one.session_ids()), None)
            alone = own is not None and len([*_of(tabs, own.window_id)]) == 1
            if place.window_id is not None or not alone:
                await self._terminal.move_session(session_id, place.window_id)
            return ""
        async with self._choosing:
            return await self._move_beside(session_id, place.beside, place.direction)

    async def _move_beside(
        self, session_id: SessionId, beside: SessionId, direction: Direction | None
    ) -> str:
        tabs = await self._terminal.list_tabs()
        home = _home(tabs, beside)
        own = _home(tabs, session_id)
        owners = await self._agents.owners()
        named = next(one for one in home.root.panes() if one.session_id == beside)
        cut = (
            choose_cut(tabs, home, beside, owners)
            if direction is None
            else Cut(beside, direction, named.size)
        )
        if cut is None:
            await self._terminal.move_session(session_id, home.window_id)
            return _NEW_TAB.format(beside)
        goal = _home(tabs, cut.session_id)
        tree = beside_pane(goal.root, cut, session_id)
        await self._terminal.arrange_tabs({goal.tab_id: tree}, [own.tab_id])
        await self._terminal.resize_sessions(
            goal.tab_id, {pane.session_id: pane.size for pane in tree.panes()}
        )
        return "" if cut.session_id == beside else _OTHER.format(owners[cut.session_id], beside)

    async def _active(self) -> SessionId | None:
        sessions = await self._terminal.list_sessions()
        return next((one.session_id for one in sessions if one.active), None)

    async def _open_readable(self, program: Program, beside: SessionId) -> PlacedPane:
        tabs = await self._terminal.list_tabs()
        home = _home(tabs, beside)
        owners = await self._agents.owners()
        found = choose_cut(tabs, home, beside, owners)
        if found is None:
            opened = await self._sessions.open_session(program, window_id=home.window_id)
            return PlacedPane(opened.session_id, _NEW_TAB.format(beside))
        session_id = await self._sessions.split_session(found.session_id, found.direction, program)
        if found.session_id == beside:
            return PlacedPane(session_id)
        return PlacedPane(session_id, _OTHER.format(owners[found.session_id], beside))


def choose_cut(
    tabs: Sequence[StandingTab],
    home: StandingTab,
    beside: SessionId,
    owned: Collection[SessionId],
) -> Cut | None:
    """Return which pane to split, so that both halves are readable; None when no one can be.

    The named one comes first, then the agents' panes of its tab, then those of the window's tabs
    that hold agents alone, the largest first. No pane of a person's is split that was not named.

    Args:
        home: The tab in which the named session stands.
        owned: The sessions of agents.
    """
    panes = {pane.session_id: pane for pane in home.root.panes()}
    named = cut_of(panes.pop(beside))
    if named is not None:
        return named
    crews = [
        one
        for one in tabs
        if one.window_id == home.window_id
        and one.tab_id != home.tab_id
        and all(session_id in owned for session_id in one.session_ids())
    ]
    groups = [
        [pane for pane in panes.values() if pane.session_id in owned],
        *([*one.root.panes()] for one in crews),
    ]
    return next((cut for group in groups for cut in _cuts(group)), None)


def cut_of(pane: StandingPane) -> Cut | None:
    """Return how a pane is split on its longer side, or else on the other; None for neither."""
    size = pane.size
    wide = size.columns >= ROW_COLUMNS * size.rows
    ways = [Direction.RIGHT, Direction.BELOW] if wide else [Direction.BELOW, Direction.RIGHT]
    for way in ways:
        half = _half(size, way)
        if half.columns >= READABLE.columns and half.rows >= READABLE.rows:
            return Cut(pane.session_id, way, half)
    return None


def _cuts(panes: Sequence[StandingPane]) -> Iterator[Cut]:
    """Yield how these panes can be split, what leaves the largest halves first."""
    cuts = [cut for pane in panes if (cut := cut_of(pane)) is not None]
    yield from sorted(cuts, key=lambda cut: -cut.size.columns * cut.size.rows)


def _half(size: Size, way: Direction) -> Size:
    """Return the smaller of the halves."""
    if way is Direction.RIGHT:
        return Size((size.columns - DIVIDER) // 2, size.rows)
    return Size(size.columns, (size.rows - DIVIDER) // 2)


def beside_pane(root: StandingNode, cut: Cut, session_id: SessionId) -> StandingNode:
    """Return a tree with another pane in it; the sizes of the others stay as they are."""
    vertical = cut.direction in {Direction.RIGHT, Direction.LEFT}
    first = cut.direction in {Direction.LEFT, Direction.ABOVE}
    if isinstance(root, StandingPane):
        if root.session_id != cut.session_id:
            return root
        pair = _halves(root, session_id, vertical=vertical, first=first)
        return StandingSplitter(vertical, pair)
    children: list[StandingNode] = []
    for child in root.children:
        changed = beside_pane(child, cut, session_id)
        if isinstance(changed, StandingSplitter) and changed.vertical == root.vertical:
            children += changed.children  # no splitter stands in one of its own kind
        else:
            children.append(changed)
    return StandingSplitter(root.vertical, tuple(children))


def _halves(
    pane: StandingPane, session_id: SessionId, *, vertical: bool, first: bool
) -> tuple[StandingNode, ...]:
    """Return a pane and the new one beside it, which has the smaller half."""
    columns, rows = pane.size.columns, pane.size.rows
    half = (columns if vertical else rows) - DIVIDER
    sizes = [half - half // 2, half // 2]
    grids = [Size(one, rows) if vertical else Size(columns, one) for one in sizes]
    pair = (StandingPane(pane.session_id, grids[0]), StandingPane(session_id, grids[1]))
    return pair[::-1] if first else pair


def _of(tabs: Sequence[StandingTab], window_id: WindowId) -> Iterator[StandingTab]:
    return (one for one in tabs if one.window_id == window_id)


def _home(tabs: Sequence[StandingTab], session_id: SessionId) -> StandingTab:
    """Return the tab in which a session stands.

    Raises:
        NotFoundError: It stands in none.
    """
    for one in tabs:
        if session_id in one.session_ids():
            return one
    raise NotFoundError("session", session_id, hint="Call list_sessions to see which there are.")


def check_place(place: Place) -> None:
    """See that a place means one thing.

    Raises:
        ConflictError: It names a session and a window.
    """
    if place.beside is not None and place.window_id is not None:
        raise ConflictError(
            "an agent goes beside a session or into a window, not both", hint="Give one of them."
        )
