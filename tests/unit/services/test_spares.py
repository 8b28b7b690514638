"""Spare agents: when they wait, who gets one, and when nobody does; with pretended keepers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.unit.services.lives_stage import ADA, Stage, open_stage

from iterm_mcp.agents import configuration
from iterm_mcp.errors import TerminalRejectedError
from iterm_mcp.models.agent_lives import Life, Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents import spares
from iterm_mcp.services.agents.placing import Place
from iterm_mcp.services.agents.processes import MarkedProcess
from iterm_mcp.services.agents.spare_wishes import SpareWishes
from iterm_mcp.services.agents.templates import Templates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.services.agents.starts import StartedAgent
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

TEMPLATE = 'kind = "fake"\nrole = "tester"\nteams = ["crew"]\nprewarm = {}\n'


class Bench:
    """A stage with a template whose agents wait."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.stage = stage
        self.directory = str(directory)
        self.write()

    def write(self, count: int = 1, more: str = "") -> None:
        folder = self.stage.folder / "templates"
        folder.mkdir(exist_ok=True)
        text = TEMPLATE.format(count) + f'directory = "{self.directory}"\n' + more
        (folder / "warm.toml").write_text(text)

    async def fill(self) -> Life:
        """Have one wait, and return it."""
        await self.stage.spares.upkeep()
        return (await self.waiting())[0]

    async def comes(self) -> None:
        """Wait until one has come to wait by itself."""
        with anyio.fail_after(10):
            while not [one for one in await self.waiting() if one.spare and one.spare.shown]:
                await self.stage.book.changed()

    async def waiting(self) -> tuple[Life, ...]:
        return await self.stage.spares.waiting()

    async def start(
        self,
        name: str = ADA,
        place: Place | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> StartedAgent:
        """Start an agent of the template."""
        order, _ = await Templates(self.stage.folder / "templates").order("template:warm")
        order = replace(order, **changes)
        return await self.stage.starter.start(order, name=name, place=place, wait_seconds=0)

    def typed(self, life: Life, text: str = "x") -> None:
        assert life.session_id is not None
        self.stage.terminal.shell(life.session_id).print(text)


@pytest.fixture
async def bench(
    terminal: FakeTerminal,
    store: Store,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Bench]:
    monkeypatch.setattr(spares, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(spares, "PAUSE_SECONDS", 0.001)
    directory = tmp_path / "project"
    directory.mkdir()
    async with open_stage(terminal, store, clock, tmp_path) as stage:
        yield Bench(stage, directory)


async def test_none_waits_unless_a_template_says_so(bench: Bench) -> None:
    bench.write(0)
    await bench.stage.spares.upkeep()

    assert await bench.waiting() == ()
    assert bench.stage.world.orders == []


async def test_a_spare_is_nobodys_and_stands_behind_what_is_active(bench: Bench) -> None:
    active = await bench.stage.terminal.open_session(Program())

    spare = await bench.fill()
    await bench.stage.spares.upkeep()

    sessions = {one.session_id: one for one in await bench.stage.terminal.list_sessions()}
    assert spare.spare is not None
    assert spare.spare.shown
    assert (spare.phase, len(bench.stage.world.orders)) == (Phase.RUNNING, 1)
    assert (await bench.stage.agents.list_agents()) == ()
    assert sessions[active.session_id].active
    await bench.stage.tick(100)
    assert await bench.waiting() == (spare,), "the supervisor has nothing to do with it"


async def test_who_starts_one_like_it_is_handed_it_under_its_own_name(bench: Bench) -> None:
    spare = await bench.fill()

    started = await bench.start(prompt="Begin.")

    life = started.life
    agent = await bench.stage.agents.find_agent(ADA)
    assert len(bench.stage.world.orders) == 1, "nothing was started"
    assert (life.session_id, life.token, life.conversation) == (
        spare.session_id, spare.token, spare.conversation,
    )  # fmt: skip
    assert (agent.session_id, agent.role, agent.teams) == (
        spare.session_id, "tester", (TeamName("crew"),),
    )  # fmt: skip
    assert started.view.state is AgentState.READY
    assert (life.pending, life.spare, life.born) == ("Begin.", None, spare.agent)
    assert await bench.waiting() == ()
    titles = [one.title for one in await bench.stage.terminal.list_sessions()]
    assert titles == ["ada"]
    await bench.stage.tick()
    assert [text for _, text, _ in bench.stage.told.texts] == ["Begin."]


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "other"},
        {"teams": (TeamName("others"),)},
        {"environment": {"A": "1"}},
        {"directory": "/"},
        {"options": ("--x",)},
        {"keep": ("TOKEN",)},
    ],
)
async def test_who_wants_another_gets_a_start_of_his_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    plan = bench.stage.kind.start
    monkeypatch.setattr(
        bench.stage.kind,
        "start",
        lambda request, installed: replace(
            plan(request, installed), arguments=(request.conversation, *request.options)
        ),
    )
    await bench.fill()

    await bench.start(**changes)

    assert len(bench.stage.world.orders) == 2
    assert len(await bench.waiting()) == 1


@pytest.mark.parametrize("change", ["version", "configuration", "template"])
async def test_what_is_out_of_date_is_handed_to_nobody_and_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(configuration, "IN_DIRECTORY", {"fake": ("NOTES",)})
    spare = await bench.fill()
    if change == "version":
        bench.stage.kind.features.add("more")
    elif change == "template":
        bench.write(1, 'permissions = "plan"\n[environment]\nB = "2"\n')
    else:
        await anyio.Path(bench.directory, "NOTES").write_text("new")

    started = await bench.start()
    fresh = await bench.fill()

    assert started.life.session_id != spare.session_id
    assert fresh.agent != spare.agent
    assert spare.agent not in {life.agent for life in await bench.stage.book.all()}
    assert not bench.stage.files.folder(spare.agent).exists()


@pytest.mark.parametrize("fault", ["typed", "draft", "gate", "spoken", "old", "dead", "owned"])
async def test_one_that_was_touched_is_handed_to_nobody(bench: Bench, fault: str) -> None:
    spare = await bench.fill()
    assert spare.session_id is not None
    match fault:
        case "typed":
            bench.typed(spare)
        case "draft":
            bench.stage.looker.states[spare.session_id] = AgentState.DRAFT
        case "gate":
            bench.stage.looker.states[spare.session_id] = AgentState.GATE
        case "spoken":
            bench.stage.looker.seen = (
                Sighting(Fact.TURN, {"phase": "ended"}, ObservationSource.HOOK),
            )
        case "old":
            bench.stage.clock.advance(spares.AGE_SECONDS + 1)
        case "dead":
            bench.stage.world.end(spare.agent, code=0)
        case _:
            await bench.stage.agents.register_agent(AgentName("his"), spare.session_id)

    started = await bench.start()

    assert started.life.session_id != spare.session_id
    assert len(bench.stage.world.orders) == 2


async def test_one_that_a_person_works_with_is_left_to_him(bench: Bench) -> None:
    spare = await bench.fill()
    assert spare.session_id is not None
    bench.stage.looker.states[spare.session_id] = AgentState.WORKING
    bench.stage.clock.advance(spares.AGE_SECONDS + 1)
    bench.write(0)

    await bench.stage.spares.upkeep()

    assert await bench.waiting() == ()
    assert bench.stage.world.process(spare.agent) in bench.stage.world.alive


async def test_one_that_somebody_registers_is_his(bench: Bench) -> None:
    spare = await bench.fill()
    assert spare.session_id is not None
    await bench.stage.agents.register_agent(ADA, spare.session_id)

    fresh = await bench.fill()

    assert fresh.agent != spare.agent
    assert bench.stage.world.process(spare.agent) in bench.stage.world.alive


async def test_one_that_does_not_come_to_wait_is_ended_and_not_tried_again_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spares, "READY_SECONDS", 0.01)
    monkeypatch.setattr(bench.stage.looker, "look", _nobody)
    await bench.stage.spares.upkeep()
    await bench.stage.spares.upkeep()

    assert await bench.waiting() == ()
    assert len(bench.stage.world.orders) == 1
    assert bench.stage.world.alive == set()
    bench.stage.clock.advance(spares.REST_SECONDS + 1)
    await bench.stage.spares.upkeep()
    assert len(bench.stage.world.orders) == 2


async def _nobody(_session: object) -> None:
    await anyio.lowlevel.checkpoint()


async def test_one_that_cannot_be_started_leaves_nothing(bench: Bench) -> None:
    bench.stage.world.problem = "No such file"

    await bench.stage.spares.upkeep()

    assert await bench.stage.book.all() == ()
    assert bench.stage.world.alive == set()


async def test_no_more_wait_than_the_settings_allow(bench: Bench) -> None:
    bench.write(3)
    wishes = SpareWishes(Templates(bench.stage.folder / "templates"), bench.stage.clock, 2)
    none = SpareWishes(Templates(bench.stage.folder / "templates"), bench.stage.clock, 0)

    (wish,) = await wishes.all(bench.stage.launcher)

    assert wish.count == 2
    assert await none.all(bench.stage.launcher) == ()


async def test_a_template_without_a_directory_waits_where_it_was_started_last(
    bench: Bench,
) -> None:
    folder = bench.stage.folder / "templates"
    (folder / "warm.toml").write_text('kind = "fake"\nprewarm = 1\n')
    await bench.stage.spares.upkeep()
    assert await bench.waiting() == ()

    await bench.start(directory=bench.directory)
    spare = await bench.fill()
    handed = await bench.start("bob", directory=bench.directory)

    assert spare.order.directory == bench.directory
    assert handed.life.session_id == spare.session_id
    bench.stage.clock.advance(7200)
    await bench.stage.spares.upkeep()
    assert await bench.waiting() == ()


async def test_a_spare_goes_where_its_agent_is_wanted(bench: Bench) -> None:
    first = await bench.stage.terminal.open_session(Program())
    other = await bench.stage.terminal.open_session(Program(), window_id=first.window_id)
    await bench.fill()
    beside = await bench.start("a", Place(first.session_id))
    await bench.fill()
    inside = await bench.start("b", Place(window_id=first.window_id))
    await bench.fill()
    alone = await bench.start("c")

    sessions = {one.session_id: one for one in await bench.stage.terminal.list_sessions()}
    at = {one.life.agent: sessions[one.life.session_id] for one in (beside, inside, alone)
          if one.life.session_id is not None}  # fmt: skip
    assert at[AgentName("a")].tab_id == first.tab_id
    assert at[AgentName("b")].window_id == first.window_id
    assert at[AgentName("b")].tab_id not in {first.tab_id, other.tab_id}
    assert at[AgentName("c")].window_id != first.window_id
    assert len(bench.stage.world.orders) == 3


async def test_a_new_daemon_goes_on_with_those_that_wait_and_ends_the_half_started(
    bench: Bench,
) -> None:
    spare = await bench.fill()
    half = replace(
        spare, agent=AgentName("spare-half"), phase=Phase.CREATING, token="", session_id=None
    )
    await bench.stage.book.save(half)
    bench.stage.make_supervisor()

    await bench.stage.spares.adopt()

    assert [life.agent for life in await bench.waiting()] == [spare.agent]
    started = await bench.start()
    assert started.life.session_id == spare.session_id


async def test_a_new_daemon_registers_whom_the_former_was_handing_out(bench: Bench) -> None:
    await bench.fill()
    await bench.start()
    await bench.stage.agents.remove_agent(ADA)
    bench.stage.make_supervisor()

    await bench.stage.spares.adopt()

    assert (await bench.stage.agents.find_agent(ADA)).kind == "fake"
    await bench.stage.tick()
    assert len(bench.stage.world.orders) == 1


async def test_at_the_end_none_is_left_but_those_that_were_handed_out(bench: Bench) -> None:
    async with bench.stage.spares.running():
        await bench.comes()
        started = await bench.start()
        await bench.comes()

    assert await bench.waiting() == ()
    assert [life.agent for life in await bench.stage.book.all()] == [ADA]
    assert bench.stage.world.process(started.life.agent) in bench.stage.world.alive


async def test_one_that_was_handed_out_ends_with_all_that_it_was_born_with(bench: Bench) -> None:
    await bench.fill()
    life = (await bench.start()).life
    child = bench.stage.world.spawn()
    bench.stage.world.marks.append(MarkedProcess(child, life.born, 1, "child", 1, 100.0))
    assert bench.stage.book.named(life.born) == ADA
    assert await bench.stage.sweeper.find() == ()

    await bench.stage.ender.stop(ADA, forget=True, grace_seconds=0)

    assert child not in bench.stage.world.alive
    assert not bench.stage.files.folder(ADA).exists()
    assert not bench.stage.files.folder(AgentName(life.born)).exists()
    assert bench.stage.book.named("nobody") == "nobody"


async def test_one_that_cannot_be_moved_is_handed_out_where_it_stands(bench: Bench) -> None:
    first = await bench.stage.terminal.open_session(Program())
    spare = await bench.fill()
    bench.stage.terminal.fail_next("move_session", TerminalRejectedError("no room"))

    life = (await bench.start(place=Place(window_id=first.window_id))).life

    assert life.session_id == spare.session_id
    assert "no room" in life.placed


async def test_none_waits_where_none_could_be_started(bench: Bench) -> None:
    bench.directory = "/no/such"
    bench.write()

    await bench.stage.spares.upkeep()

    assert await bench.stage.book.all() == ()


async def test_one_that_cannot_be_looked_at_is_handed_to_nobody(bench: Bench) -> None:
    spare = await bench.fill()
    bench.stage.terminal.fail_next("read_screen", TerminalRejectedError("no"))

    assert (await bench.start()).life.session_id != spare.session_id
