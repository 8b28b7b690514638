"""Layouts over the fake terminal: what goes wrong half-way, and what is left then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.lives_stage import Stage

from iterm_mcp.errors import (
    ConflictError,
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    TerminalRejectedError,
)
from iterm_mcp.models.ids import AgentName, SessionId, TabId, TeamName, WindowId
from iterm_mcp.models.layouts import Node, Pane, PaneAgent, Splitter
from iterm_mcp.models.sessions import Direction, Program
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.layouts.export import MOST_PANES, LayoutExporter
from iterm_mcp.services.layouts.saved_layouts import SavedLayoutService
from iterm_mcp.services.layouts.service import STANDS_HINT, LayoutService
from iterm_mcp.services.sessions.search import SessionSearch
from iterm_mcp.services.sessions.service import SessionService

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

CREW, STAFF = TeamName("crew"), TeamName("staff")


def no() -> TerminalRejectedError:
    return TerminalRejectedError("no", hint="Less.")


class Bench:
    """The services over one fake terminal."""

    def __init__(
        self, terminal: FakeTerminal, store: Store, clock: FakeClock, folder: Path
    ) -> None:
        starts = Stage(terminal, store, clock, folder).panes
        self.terminal = terminal
        self.agents = AgentService(terminal, store, clock)
        search = SessionSearch(terminal, self.agents.owners)
        self.layouts = LayoutService(
            terminal, SessionService(terminal, search), self.agents, starts
        )
        self.exporter = LayoutExporter(terminal, self.agents, starts)
        self.saved = SavedLayoutService(store, self.layouts, self.agents, clock)

    async def ids(self) -> list[SessionId]:
        return [one.session_id for one in await self.terminal.list_sessions()]

    async def refused(self, root: Node, tab_id: TabId | None = None) -> ItermMcpError:
        with pytest.raises(ItermMcpError) as caught:
            await self.layouts.apply_layout(root, tab_id=tab_id)
        return caught.value


@pytest.fixture
def bench(terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path) -> Bench:
    return Bench(terminal, store, clock, tmp_path)


def named(name: str, agent: str | None = None, *teams: TeamName) -> Pane:
    home = None if agent is None else PaneAgent(AgentName(agent), teams=teams)
    return Pane(Program(name=name), agent=home)


def columns(*children: Node) -> Splitter:
    return Splitter(vertical=True, children=children)


A_B = columns(named("a"), named("b"))


@pytest.mark.parametrize("method", ["open_session", "list_tabs", "arrange_tabs"])
async def test_what_fails_before_panes_change_places_leaves_all_as_it_was(
    bench: Bench, method: str
) -> None:
    stood = await bench.layouts.apply_layout(A_B)
    before = await bench.terminal.list_tabs()
    bench.terminal.fail_next(method, no())

    await bench.refused(columns(named("b"), named("new")), stood.tab_id)

    assert await bench.terminal.list_tabs() == before


@pytest.mark.parametrize("method", ["resize_sessions", "rename_session", "activate_session"])
async def test_what_fails_afterwards_ends_only_what_was_opened_and_says_so(
    bench: Bench, method: str
) -> None:
    stood = await bench.layouts.apply_layout(columns(Pane(), named("b"), named("c")))
    before = await bench.ids()
    bench.terminal.fail_next(method, no())

    root = columns(Pane(Program(name="new", command="top"), 2), named("b"), named("other"))
    error = await bench.refused(root, stood.tab_id)

    assert error.hint == f"Less. {STANDS_HINT}"
    assert sorted(await bench.ids()) == sorted(before)


async def test_who_gives_up_leaves_nothing_open(bench: Bench) -> None:
    stood = await bench.layouts.apply_layout(A_B)
    before = await bench.terminal.list_tabs()
    gate = bench.terminal.hold("arrange_tabs")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:

            async def apply() -> None:
                await bench.layouts.apply_layout(
                    columns(named("b"), named("new")), tab_id=stood.tab_id
                )

            group.start_soon(apply)
            await gate.wait_arrived()
            group.cancel_scope.cancel()

    assert await bench.terminal.list_tabs() == before


async def test_a_session_that_ends_under_way_is_told(bench: Bench) -> None:
    stood = await bench.layouts.apply_layout(A_B)
    gate = bench.terminal.hold("open_session")

    async with anyio.create_task_group() as group:

        async def apply() -> None:
            error = await bench.refused(columns(named("b"), named("new")), stood.tab_id)
            assert error.hint

        group.start_soon(apply)
        await gate.wait_arrived()
        for pane in stood.panes:
            await bench.terminal.close_session(pane.session_id)
        gate.open()

    assert await bench.ids() == []


async def test_the_layout_changes_names_only_where_they_differ(bench: Bench) -> None:
    first = await bench.terminal.open_session(Program())
    second = await bench.terminal.split_session(
        first.session_id, Direction.RIGHT, Program(name="b")
    )

    await bench.layouts.apply_layout(A_B, tab_id=first.tab_id)

    titles = {one.session_id: one.title for one in await bench.terminal.list_sessions()}
    assert titles == {first.session_id: "a", second: "b"}
    bench.terminal.fail_next("rename_session", no())
    await bench.layouts.apply_layout(A_B, tab_id=first.tab_id)


async def test_who_was_active_stays_so(bench: Bench) -> None:
    stood = await bench.layouts.apply_layout(A_B)
    other = await bench.terminal.open_session(Program())

    await bench.layouts.apply_layout(columns(named("b"), named("z")), tab_id=stood.tab_id)

    active = [one.session_id for one in await bench.terminal.list_sessions() if one.active]
    assert active == [other.session_id]


async def test_panes_that_do_not_fit_a_tab_open_nothing(bench: Bench) -> None:
    stood = await bench.layouts.apply_layout(A_B)
    bench.terminal.fail_next("open_session", no())

    error = await bench.refused(columns(*(Pane() for _ in range(40))), stood.tab_id)

    assert isinstance(error, InvalidRequestError)


async def test_an_agent_that_ended_is_registered_anew(bench: Bench) -> None:
    first = await bench.layouts.apply_layout(columns(named("a", "ada", CREW), named("b")))
    await bench.terminal.close_session(first.panes[0].session_id)

    again = await bench.layouts.apply_layout(
        columns(named("a", "ada", CREW), named("b")), tab_id=first.tab_id
    )

    assert await bench.agents.find_session(AgentName("ada")) == again.panes[0].session_id
    assert [one.opened for one in again.panes] == [True, False]
    assert [team.name for team in await bench.agents.list_teams()] == [CREW]


async def test_no_agent_is_left_when_one_cannot_be_registered(bench: Bench) -> None:
    gate = bench.terminal.hold("resize_sessions")
    root = columns(named("a", "ada"), named("b", "bob"), named("c"))

    async with anyio.create_task_group() as group:

        async def apply() -> None:
            assert isinstance(await bench.refused(root), ConflictError)

        group.start_soon(apply)
        await gate.wait_arrived()
        rival = await bench.terminal.open_session(Program())
        await bench.agents.register_agent(AgentName("bob"), rival.session_id)
        gate.open()

    assert [one.agent.name for one in await bench.agents.list_agents()] == ["bob"]
    assert await bench.ids() == [rival.session_id]


async def test_a_session_that_ends_while_it_is_exported_leaves_an_empty_pane(
    bench: Bench,
) -> None:
    await bench.layouts.apply_layout(A_B)
    bench.terminal.fail_next("read_program", NotFoundError("session", "b"))

    (exported,) = await bench.exporter.export()

    assert isinstance(exported.root, Splitter)
    assert [one.program for one in exported.root.children if isinstance(one, Pane)] == [
        Program(), Program(directory="/", profile="Default", name="b")
    ]  # fmt: skip


async def test_an_export_holds_no_names_that_no_layout_may_have(bench: Bench) -> None:
    one = await bench.terminal.open_session(Program(name="a\x1b", directory="/usr"))
    bench.terminal.set_fact(one.session_id, "path", None)

    (exported,) = await bench.exporter.export(one.window_id, one.tab_id)

    assert exported.root == Pane(Program(directory="/usr", profile="Default"))


async def test_an_export_has_an_end(bench: Bench) -> None:
    for _ in range(MOST_PANES + 1):
        await bench.terminal.open_session(Program())

    with pytest.raises(InvalidRequestError, match="257 panes") as caught:
        await bench.exporter.export()
    assert caught.value.hint


async def test_nothing_is_exported_and_nothing_saved_when_nothing_stands(bench: Bench) -> None:
    exported = await bench.exporter.export()

    assert exported == ()
    with pytest.raises(InvalidRequestError, match="nothing to save"):
        await bench.saved.save("desk", exported)


async def test_teams_are_saved_with_those_above_them(bench: Bench) -> None:
    await bench.agents.create_team(STAFF, description="all of us")
    await bench.agents.create_team(CREW, parent=STAFF)
    await bench.agents.create_team(TeamName("others"))
    await bench.layouts.apply_layout(columns(named("a", "ada", CREW), named("b", "bob", STAFF)))

    saved = await bench.saved.save("desk", await bench.exporter.export())

    assert [(one.name, one.parent, one.description) for one in saved.teams] == [
        (STAFF, None, "all of us"), (CREW, STAFF, "")
    ]  # fmt: skip


async def test_what_stands_of_a_half_restored_layout_is_closed_again(bench: Bench) -> None:
    await bench.layouts.apply_layout(columns(named("a", "ada"), named("b")))
    await bench.layouts.apply_layout(named("c"))
    await bench.saved.save("desk", await bench.exporter.export())
    for one in await bench.ids():
        await bench.terminal.close_session(one)
    bench.terminal.fail_next("split_session", no())

    with pytest.raises(TerminalRejectedError):
        await bench.saved.restore("desk")
    assert await bench.ids() == []


async def test_a_restored_window_keeps_its_tabs_together(bench: Bench) -> None:
    first = await bench.layouts.apply_layout(columns(named("a", "ada"), named("b")))
    await bench.layouts.apply_layout(named("c"), window_id=first.window_id)
    await bench.saved.save("desk", await bench.exporter.export(first.window_id))
    for session_id in await bench.ids():
        await bench.terminal.close_session(session_id)

    one, other = await bench.saved.restore("desk")

    assert one.window_id == other.window_id
    assert [pane.name for pane in (*one.panes, *other.panes)] == ["a", "b", "c"]
    assert await bench.agents.find_session(AgentName("ada")) == one.panes[0].session_id


async def test_several_windows_do_not_go_into_one(bench: Bench) -> None:
    await bench.layouts.apply_layout(named("a"))
    last = await bench.layouts.apply_layout(named("b"))
    await bench.saved.save("desk", await bench.exporter.export())

    with pytest.raises(InvalidRequestError, match="2 windows"):
        await bench.saved.restore("desk", window_id=last.window_id)
    with pytest.raises(InvalidRequestError, match="2 windows"):
        await bench.saved.restore("desk", tab_id=last.tab_id)


async def test_a_later_tab_that_fails_takes_the_earlier_ones_and_their_agents_along(
    bench: Bench,
) -> None:
    await bench.layouts.apply_layout(named("a", "ada"))
    bob = await bench.layouts.apply_layout(named("b", "bob"))
    await bench.layouts.apply_layout(A_B)
    await bench.saved.save("desk", await bench.exporter.export())
    for one in await bench.ids():
        if one != bob.panes[0].session_id:
            await bench.terminal.close_session(one)
    bench.terminal.fail_next("split_session", no())

    with pytest.raises(TerminalRejectedError):
        await bench.saved.restore("desk")

    assert await bench.ids() == [bob.panes[0].session_id]
    assert [one.agent.name for one in await bench.agents.list_agents()] == ["bob"]


async def test_a_layout_goes_to_a_window_or_to_a_tab(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="not both"):
        await bench.layouts.apply_layout(A_B, window_id=WindowId("w"), tab_id=TabId("t"))


async def test_sessions_are_placed_by_what_they_are_called(bench: Bench) -> None:
    one = await bench.terminal.open_session(Program(name="one"))
    other = await bench.terminal.open_session(Program())

    stands = await bench.layouts.apply_layout(
        columns(Pane(session_id=SessionId("name:one")), Pane(session_id=other.session_id))
    )

    assert [pane.session_id for pane in stands.panes] == [one.session_id, other.session_id]
    assert not any(pane.opened for pane in stands.panes)
    assert {one.tab_id for one in await bench.terminal.list_sessions()} == {stands.tab_id}


@pytest.mark.parametrize(
    ("pane", "error"),
    [
        (Pane(Program(command="top"), session_id=SessionId("active")), InvalidRequestError),
        (Pane(session_id=SessionId("DEADBEEF-0000-4000-8000-000000000000")), NotFoundError),
        (Pane(agent=PaneAgent(AgentName("no good"))), InvalidRequestError),
        (Pane(agent=PaneAgent(AgentName("ada"), kind="spy")), NotFoundError),
        (Pane(agent=PaneAgent(AgentName("ada"), role="\n")), InvalidRequestError),
        (Pane(agent=PaneAgent(AgentName("ada"), teams=(TeamName("all"),))), InvalidRequestError),
        (Pane(session_id=SessionId("active"), agent=PaneAgent(AgentName("bob"))), ConflictError),
        (Pane(session_id=SessionId("name:x"), agent=PaneAgent(AgentName("ada"))), ConflictError),
    ],
)
async def test_a_pane_that_makes_no_sense_opens_nothing(
    bench: Bench, pane: Pane, error: type[ItermMcpError]
) -> None:
    await bench.terminal.open_session(Program(name="x"))
    home = await bench.terminal.open_session(Program())
    await bench.agents.register_agent(AgentName("ada"), home.session_id)
    bench.terminal.fail_next("open_session", no())

    refused = await bench.refused(columns(Pane(), pane))

    assert type(refused) is error
    assert refused.hint


async def test_an_agent_and_its_session_are_not_placed_twice(bench: Bench) -> None:
    home = await bench.terminal.open_session(Program())
    await bench.agents.register_agent(AgentName("ada"), home.session_id)

    refused = await bench.refused(
        columns(Pane(session_id=home.session_id), Pane(agent=PaneAgent(AgentName("ada"))))
    )

    assert isinstance(refused, ConflictError)


async def test_an_agent_may_be_named_with_its_own_session(bench: Bench) -> None:
    home = await bench.terminal.open_session(Program())
    await bench.agents.register_agent(AgentName("ada"), home.session_id)
    pane = Pane(session_id=home.session_id, agent=PaneAgent(AgentName("ada")))

    stands = await bench.layouts.apply_layout(columns(pane, Pane()))

    assert stands.panes[0].agent == "ada"


async def test_a_tab_that_is_not_there_is_neither_arranged_nor_exported(bench: Bench) -> None:
    assert isinstance(await bench.refused(A_B, TabId("nope")), NotFoundError)
    for window_id, tab_id, kind in (
        (WindowId("nope"), None, "window"), (None, TabId("nope"), "tab")
    ):  # fmt: skip
        with pytest.raises(NotFoundError) as caught:
            await bench.exporter.export(window_id, tab_id)
        assert caught.value.kind == kind


async def test_a_session_that_ends_before_it_is_resized_is_told(bench: Bench) -> None:
    first = await bench.terminal.open_session(Program())
    gate = bench.terminal.hold("activate_session")

    async with anyio.create_task_group() as group:

        async def apply() -> None:
            root = columns(Pane(session_id=first.session_id), Pane())
            assert isinstance(await bench.refused(root), NotFoundError)

        group.start_soon(apply)
        await gate.wait_arrived()
        await bench.terminal.close_session(first.session_id)
        gate.open()

    assert await bench.ids() == []


async def test_saved_layouts_are_listed_and_forgotten(bench: Bench) -> None:
    await bench.layouts.apply_layout(A_B)
    await bench.saved.save("desk", await bench.exporter.export())
    assert [one.name for one in await bench.saved.list()] == ["desk"]

    await bench.saved.remove("desk")

    assert await bench.saved.list() == ()


async def test_a_tab_may_be_left_to_one_of_its_sessions(bench: Bench) -> None:
    stood = await bench.layouts.apply_layout(columns(named("a"), named("b"), named("c")))
    a, b, c = (pane.session_id for pane in stood.panes)

    after = await bench.layouts.apply_layout(named("b"), tab_id=stood.tab_id)

    assert (after.panes[0].session_id, after.moved_out) == (b, (a, c))
    mine, theirs = sorted(await bench.terminal.list_tabs(), key=lambda tab: len(tab.session_ids()))
    assert (mine.tab_id, mine.session_ids()) == (stood.tab_id, [b])
    assert (theirs.window_id, theirs.session_ids()) == (stood.window_id, [a, c])
