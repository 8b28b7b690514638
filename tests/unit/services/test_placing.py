"""Where agents' panes go: the longer side is split, and nothing becomes a sliver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import ConflictError, NotFoundError, TerminalUnavailableError
from iterm_mcp.models.ids import AgentName, SessionId, TabId, WindowId
from iterm_mcp.models.layouts import StandingPane, StandingSplitter, StandingTab
from iterm_mcp.models.sessions import Direction, Program, Size
from iterm_mcp.services.agents.placing import (
    READABLE,
    Cut,
    PanePlacer,
    Place,
    beside_pane,
    check_place,
    choose_cut,
    cut_of,
)
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.sessions.service import SessionService
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

A, B, C, D = (SessionId(one) for one in "ABCD")
HOME, WINDOW = TabId("home"), WindowId("w")


def pane(session_id: SessionId, columns: int, rows: int) -> StandingPane:
    return StandingPane(session_id, Size(columns, rows))


def tab(*panes: StandingPane, name: TabId = HOME, window: WindowId = WINDOW) -> StandingTab:
    root = panes[0] if len(panes) == 1 else StandingSplitter(vertical=True, children=panes)
    return StandingTab(window, name, root)


def chosen(*tabs: StandingTab, owned: set[SessionId]) -> tuple[SessionId, Direction] | None:
    found = choose_cut(tabs, tabs[0], A, owned)
    return None if found is None else (found.session_id, found.direction)


@pytest.mark.parametrize(
    ("columns", "rows", "way"),
    [
        (160, 50, Direction.RIGHT),  # a row is as high as two columns are wide
        (100, 50, Direction.RIGHT),
        (99, 50, Direction.BELOW),
        (200, 10, Direction.RIGHT),
        (81, 8, Direction.RIGHT),
        (80, 17, Direction.BELOW),  # the other side, where the longer one leaves slivers
        (40, 17, Direction.BELOW),
        (80, 16, None),
        (39, 200, None),
        (500, 7, None),
    ],
)
def test_the_longer_side_is_split_if_both_halves_stay_readable(
    columns: int, rows: int, way: Direction | None
) -> None:
    found = cut_of(pane(A, columns, rows))

    assert (None if found is None else found.direction) == way


@given(st.integers(1, 500), st.integers(1, 200))
def test_no_half_is_a_sliver_and_a_pane_with_room_is_never_refused(columns: int, rows: int) -> None:
    found = cut_of(pane(A, columns, rows))

    room = (columns >= 2 * READABLE.columns + 1 and rows >= READABLE.rows) or (
        rows >= 2 * READABLE.rows + 1 and columns >= READABLE.columns
    )
    assert (found is not None) == room
    if found is not None:
        assert found.size.columns >= READABLE.columns
        assert found.size.rows >= READABLE.rows


def test_the_named_pane_comes_before_larger_ones() -> None:
    assert chosen(tab(pane(A, 80, 17), pane(B, 200, 80)), owned={A, B}) == (A, Direction.BELOW)


def test_then_come_agents_panes_of_its_tab_the_largest_first_and_nobody_elses() -> None:
    small, person = pane(A, 40, 8), pane(D, 300, 100)

    found = chosen(tab(small, pane(B, 90, 20), pane(C, 90, 60), person), owned={A, B, C})

    assert found == (C, Direction.BELOW)
    assert chosen(tab(small, person), owned={A}) is None


def test_then_come_tabs_of_the_window_that_hold_agents_alone() -> None:
    full = tab(pane(A, 40, 8))
    crew = tab(pane(B, 90, 20), name=TabId("crew"))
    mixed = tab(pane(C, 90, 20), pane(D, 90, 20), name=TabId("mixed"))
    far = tab(pane(C, 90, 20), name=TabId("far"), window=WindowId("other"))

    assert chosen(full, mixed, crew, owned={A, B, C}) == (B, Direction.RIGHT)
    assert chosen(full, mixed, far, owned={A, B, C}) is None


def test_a_cut_tells_the_smaller_half() -> None:
    assert cut_of(pane(A, 100, 8)) == Cut(A, Direction.RIGHT, Size(49, 8))


def test_a_place_means_one_thing() -> None:
    check_place(Place(beside=A))
    with pytest.raises(ConflictError, match="not both"):
        check_place(Place(beside=A, window_id=WINDOW))


def columns_of(tree: StandingPane | StandingSplitter) -> list[tuple[str, int, int]]:
    return [(one.session_id, one.size.columns, one.size.rows) for one in tree.panes()]


@pytest.mark.parametrize(
    ("direction", "wanted", "nested"),
    [
        (Direction.RIGHT, [("A", 50, 20), ("D", 49, 20), ("B", 60, 20)], False),
        (Direction.LEFT, [("D", 49, 20), ("A", 50, 20), ("B", 60, 20)], False),
        (Direction.BELOW, [("A", 100, 10), ("D", 100, 9), ("B", 60, 20)], True),
        (Direction.ABOVE, [("D", 100, 9), ("A", 100, 10), ("B", 60, 20)], True),
    ],
)
def test_a_pane_comes_beside_another_and_leaves_the_others_as_they_are(
    direction: Direction, wanted: list[tuple[str, int, int]], *, nested: bool
) -> None:
    root = tab(pane(A, 100, 20), pane(B, 60, 20)).root

    found = beside_pane(root, Cut(A, direction, Size(1, 1)), D)

    assert columns_of(found) == wanted
    assert isinstance(found, StandingSplitter)
    assert any(isinstance(one, StandingSplitter) for one in found.children) == nested


# Over a terminal.


class Ground:
    """Agents' panes in a terminal in memory."""

    def __init__(self, store: Store, clock: FakeClock, size: Size) -> None:
        self.terminal = FakeTerminal(size)
        self.agents = AgentService(self.terminal, store, clock)
        self.placer = PanePlacer(self.terminal, SessionService(self.terminal), self.agents)

    async def add(self, name: str, place: Place) -> str:
        """Open an agent's pane; return what is told of its place."""
        opened = await self.placer.open(Program(name=name), place)
        await self.agents.register_agent(AgentName(name), opened.session_id)
        return opened.note

    async def sizes(self) -> list[Size]:
        return [one.size for one in await self.terminal.list_sessions()]


async def test_many_agents_beside_one_session_are_readable_and_what_has_no_room_says_so(
    store: Store, clock: FakeClock
) -> None:
    ground = Ground(store, clock, Size(160, 50))
    first = await ground.terminal.open_session(Program())

    notes = [await ground.add(f"a{at}", Place(first.session_id)) for at in range(16)]

    sizes = await ground.sizes()
    assert len(sizes) == 17
    assert all(one.columns >= 40 and one.rows >= 8 for one in sizes), sizes
    assert notes[0] == ""
    assert any(note.startswith("beside agent a0") for note in notes), notes
    new_tabs = [note for note in notes if note.startswith("in a new tab")]
    tabs = {one.tab_id for one in await ground.terminal.list_sessions()}
    windows = {one.window_id for one in await ground.terminal.list_sessions()}
    assert len(tabs) == 1 + len(new_tabs) <= 3, notes
    assert windows == {first.window_id}


async def test_who_is_opened_at_once_shares_no_cut(store: Store, clock: FakeClock) -> None:
    ground = Ground(store, clock, Size(100, 17))
    first = await ground.terminal.open_session(Program())
    opened = []

    async def add() -> None:
        opened.append(await ground.placer.open(Program(), Place(first.session_id)))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(add)

    assert [bool(one.note) for one in opened] == [False, False, True]
    assert all(one.columns >= 40 and one.rows >= 8 for one in await ground.sizes())


async def test_a_side_that_was_asked_for_is_split_however_small(
    store: Store, clock: FakeClock
) -> None:
    ground = Ground(store, clock, Size(60, 20))
    first = await ground.terminal.open_session(Program())

    note = await ground.add("a", Place(first.session_id, Direction.LEFT))

    listed = await ground.terminal.list_sessions()
    assert note == ""
    assert listed[1].session_id == first.session_id
    assert max(one.size.columns for one in listed) < READABLE.columns


async def test_a_session_that_is_not_there_is_named(store: Store, clock: FakeClock) -> None:
    ground = Ground(store, clock, Size(60, 20))

    with pytest.raises(NotFoundError, match="nobody"):
        await ground.placer.open(Program(), Place(SessionId("nobody")))


async def test_what_is_opened_behind_leaves_active_what_was(store: Store, clock: FakeClock) -> None:
    ground = Ground(store, clock, Size(100, 40))
    first = await ground.terminal.open_session(Program())

    await ground.placer.open(Program(), Place(behind=True))

    active = [one.session_id for one in await ground.terminal.list_sessions() if one.active]
    assert active == [first.session_id]


@pytest.mark.parametrize(
    "error",
    [NotFoundError("session", "it"), TerminalUnavailableError("it is gone")],
    ids=["closed", "away"],
)
async def test_what_was_active_may_be_closed_while_a_pane_is_opened_behind_it(
    store: Store, clock: FakeClock, error: ItermMcpError
) -> None:
    ground = Ground(store, clock, Size(100, 40))
    await ground.terminal.open_session(Program())
    ground.terminal.fail_next("activate_session", error)

    placed = await ground.placer.open(Program(), Place(behind=True))

    standing = [one.session_id for one in await ground.terminal.list_sessions()]
    assert placed.session_id in standing


async def test_a_pane_is_moved_beside_another_into_a_window_or_to_one_of_its_own(
    store: Store, clock: FakeClock
) -> None:
    ground = Ground(store, clock, Size(100, 40))
    first = await ground.terminal.open_session(Program())
    small = Ground(store, clock, Size(60, 10))
    tight = await small.terminal.open_session(Program())
    opened = [await ground.terminal.open_session(Program()) for _ in range(3)]
    far = await small.terminal.open_session(Program())

    notes = [
        await ground.placer.move(opened[0].session_id, Place(first.session_id)),
        await ground.placer.move(opened[1].session_id, Place(first.session_id, Direction.ABOVE)),
        await ground.placer.move(opened[2].session_id, Place()),
        await small.placer.move(far.session_id, Place(tight.session_id)),
    ]

    sessions = {one.session_id: one for one in await ground.terminal.list_sessions()}
    others = {one.session_id: one for one in await small.terminal.list_sessions()}
    assert notes[:3] == ["", "", ""]
    assert notes[3].startswith("in a new tab")
    assert sessions[opened[0].session_id].tab_id == first.tab_id
    assert sessions[opened[1].session_id].tab_id == first.tab_id
    assert sessions[opened[2].session_id].window_id == opened[2].window_id
    assert others[far.session_id].window_id == tight.window_id
    assert others[far.session_id].tab_id != tight.tab_id
