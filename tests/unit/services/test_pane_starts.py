"""Layouts that start their agents, with pretended keepers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.lives_stage import ADA, Stage, World, open_stage

from iterm_mcp.errors import (
    ConflictError,
    ItermMcpError,
    NotFoundError,
    TerminalRejectedError,
)
from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.layouts import AppliedLayout, Node, Pane, PaneAgent, Splitter
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.layouts.export import LayoutExporter
from iterm_mcp.services.layouts.plan import leaves
from iterm_mcp.services.layouts.saved_layouts import SavedLayoutService
from iterm_mcp.services.layouts.service import LayoutService
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.ids import SessionId, WindowId
    from iterm_mcp.models.sessions import Direction, SessionInfo
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

BOB, CREW = AgentName("bob"), TeamName("crew")


class KeptTerminal(FakeTerminal):
    """A terminal in which a keeper stands as soon as a pane was opened for one."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        opened = await super().open_session(program, window_id=window_id)
        self._stand(program, opened.session_id)
        return opened

    async def split_session(
        self, session_id: SessionId, direction: Direction, program: Program
    ) -> SessionId:
        opened = await super().split_session(session_id, direction, program)
        self._stand(program, opened)
        return opened

    def _stand(self, program: Program, session_id: SessionId) -> None:
        if program.arguments:
            self.world.stand(AgentName(program.arguments[-1].rpartition("/")[2]), session_id)


class Bench:
    """Layouts over a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.layouts = LayoutService(stage.terminal, stage.sessions, stage.agents, stage.panes)
        self.exporter = LayoutExporter(stage.terminal, stage.agents, stage.panes)
        self.saved = SavedLayoutService(stage.store, self.layouts, stage.agents, stage.clock)

    async def apply(self, root: Node, **where: object) -> AppliedLayout:
        """Apply a layout; nobody waits for states, as nothing here looks at screens."""
        return await self.layouts.apply_layout(root, settled=False, **where)  # type: ignore[arg-type]

    async def refused(self, root: Node) -> ItermMcpError:
        with pytest.raises(ItermMcpError) as caught:
            await self.apply(root)
        return caught.value

    async def phases(self) -> dict[str, str]:
        return {life.agent: life.phase.value for life in await self.stage.book.all()}

    async def close(self, applied: AppliedLayout) -> None:
        """Close all its panes, as a person does, and have that be noticed."""
        for pane in applied.panes:
            await self.stage.terminal.close_session(pane.session_id)
            if pane.agent is not None:
                self.stage.world.end(pane.agent, hung_up="pane", signal=1)
                self.stage.world.alive.discard(self.stage.world.keeper(pane.agent))
        await self.stage.tick()


@pytest.fixture
async def bench(store: Store, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Bench]:
    world = World()
    async with open_stage(KeptTerminal(world), store, clock, tmp_path, world) as stage:
        yield Bench(stage)


def lives(name: AgentName, kind: str = "fake", **more: object) -> Pane:
    return Pane(agent=PaneAgent(name, kind, **more))  # type: ignore[arg-type]


def columns(*children: Node) -> Splitter:
    return Splitter(vertical=True, children=children)


async def test_agents_of_a_kind_are_started_in_their_panes(bench: Bench) -> None:
    root = columns(
        Pane(Program(name="edit")),
        Pane(
            Program(name="left", directory="/tmp", environment={"A": "1"}, tags=("t",)),
            agent=PaneAgent(ADA, "fake", "tester", (CREW,), "Begin."),
        ),
        lives(BOB),
    )

    applied = await bench.apply(root)

    edit, ada, bob = applied.panes
    agents = {one.agent.name: one.agent for one in await bench.stage.agents.list_agents()}
    assert edit.start is None
    assert ada.start is not None
    assert (ada.start.new, ada.start.resumed, ada.start.problem) == (True, False, "")
    assert agents[ADA].session_id == ada.session_id
    assert agents[BOB].session_id == bob.session_id
    assert (agents[ADA].role, agents[ADA].teams) == ("tester", (CREW,))
    life = await bench.stage.book.get(ADA)
    assert (life.phase, life.order.prompt, life.order.directory) == (
        Phase.RUNNING, "Begin.", "/tmp",
    )  # fmt: skip
    assert life.order.environment == {"A": "1"}
    program = bench.stage.terminal.program(ada.session_id)
    assert (program.name, program.tags) == ("left", ("t",))
    assert len(bench.stage.world.orders) == 2
    assert len(await bench.stage.terminal.list_sessions()) == 3


async def test_an_agent_is_started_from_a_template(bench: Bench) -> None:
    folder = bench.stage.folder / "templates"
    folder.mkdir()
    (folder / "careful.toml").write_text('kind = "fake"\nrole = "reviewer"\nprompt = "Read."\n')

    await bench.apply(lives(ADA, "template:careful"))

    life = await bench.stage.book.get(ADA)
    assert (life.order.kind, life.order.role, life.order.prompt) == ("fake", "reviewer", "Read.")
    assert (await bench.stage.agents.find_agent(ADA)).kind == "fake"
    assert isinstance(await bench.refused(lives(BOB, "template:none")), NotFoundError)


@pytest.mark.parametrize(
    "pane",
    [
        Pane(agent=PaneAgent(ADA)),
        Pane(Program(command="fake"), agent=PaneAgent(ADA, "fake")),
    ],
)
async def test_a_shell_and_a_pane_with_a_command_are_registered_alone(
    bench: Bench, pane: Pane
) -> None:
    applied = await bench.apply(pane)

    assert applied.panes[0].start is None
    assert await bench.stage.book.all() == ()
    assert (await bench.stage.agents.find_agent(ADA)).session_id == applied.panes[0].session_id


async def test_applied_again_a_layout_starts_nobody_twice_and_shells_take_no_agents_pane(
    bench: Bench,
) -> None:
    root = columns(lives(ADA), lives(BOB))
    first = await bench.apply(root)

    again = await bench.apply(root, tab_id=first.tab_id)
    other = await bench.apply(columns(lives(AgentName("eve")), lives(ADA)), tab_id=first.tab_id)

    assert [one.session_id for one in again.panes] == [one.session_id for one in first.panes]
    assert [one.start for one in again.panes] == [None, None]
    assert other.panes[0].opened
    assert other.panes[1].session_id == first.panes[0].session_id
    assert len(bench.stage.world.orders) == 3


async def test_what_is_wrong_with_one_is_found_before_anything_is_opened(bench: Bench) -> None:
    wrong = columns(lives(ADA), Pane(Program(directory="/no/such"), agent=PaneAgent(BOB, "fake")))

    assert "/no/such" in str(await bench.refused(wrong))
    bench.stage.kind.is_here = False
    assert isinstance(await bench.refused(columns(lives(ADA), lives(BOB))), NotFoundError)

    assert await bench.stage.terminal.list_sessions() == ()
    assert await bench.stage.book.all() == ()
    bench.stage.kind.is_here = True
    await bench.apply(lives(ADA))  # the name is free


async def test_one_that_cannot_be_started_leaves_the_others_alone(bench: Bench) -> None:
    bench.stage.world.problem = "No such file"

    applied = await bench.apply(columns(lives(ADA), Pane(Program(name="edit"))))

    start = applied.panes[0].start
    assert start is not None
    assert "No such file" in start.problem
    assert start.hint
    assert await bench.stage.book.all() == ()
    assert [one.name for one in applied.panes][1] == "edit"
    settled = await bench.layouts.settle(applied)
    assert settled == applied


async def test_the_states_of_all_are_waited_for(bench: Bench) -> None:
    applied = await bench.apply(columns(lives(ADA), lives(BOB)))
    await bench.stage.ready(ADA)
    await bench.stage.sees(Fact.GATE, {"name": "trust"}, BOB)

    settled = await bench.layouts.settle(applied)

    states = [one.start.view.state for one in settled.panes if one.start and one.start.view]
    assert states == [AgentState.READY, AgentState.GATE]


@pytest.mark.parametrize("method", ["split_session", "resize_sessions"])
async def test_of_a_layout_that_fails_no_agent_is_left(bench: Bench, method: str) -> None:
    terminal = bench.stage.terminal
    terminal.fail_next(method, TerminalRejectedError("no", hint="Less."))

    await bench.refused(columns(lives(ADA), replace(lives(BOB), weight=3)))

    assert await terminal.list_sessions() == ()
    assert await bench.stage.book.all() == ()
    assert (await bench.stage.agents.list_agents()) == ()
    await bench.apply(columns(lives(ADA), lives(BOB)))


async def test_who_gives_up_leaves_no_agent(bench: Bench) -> None:
    gate = bench.stage.terminal.hold("split_session")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(bench.apply, columns(lives(ADA), lives(BOB)))
            await gate.wait_arrived()
            group.cancel_scope.cancel()

    assert await bench.stage.book.all() == ()
    assert await bench.stage.terminal.list_sessions() == ()


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    """A file in which an agent has written."""
    path = tmp_path / "transcript"
    path.touch()
    return path


async def talked(bench: Bench, name: AgentName, transcript: Path) -> str:
    """Have an agent hold a conversation; return its id."""
    conversation = (await bench.stage.book.get(name)).conversation
    await bench.stage.sees(
        Fact.CONVERSATION, {"id": conversation, "transcript": str(transcript)}, name
    )
    return conversation


async def test_ended_agents_come_back_in_new_panes_in_their_conversations(
    bench: Bench, transcript: Path
) -> None:
    root = columns(lives(ADA, prompt="Begin."), lives(BOB))
    first = await bench.apply(root)
    conversation = await talked(bench, ADA, transcript)
    await bench.close(first)
    assert await bench.phases() == {"ada": "ended", "bob": "ended"}

    again = await bench.apply(root)

    ada = await bench.stage.book.get(ADA)
    assert again.panes[0].start is not None
    assert again.panes[1].start is not None
    assert (again.panes[0].start.resumed, again.panes[1].start.resumed) == (True, False)
    assert (ada.conversation, ada.session_id) == (conversation, again.panes[0].session_id)
    assert (ada.desired, ada.phase) == (Desired.RUNNING, Phase.RUNNING)
    resumed = [one for one in bench.stage.kind.requests if one.resume]
    assert [one.conversation for one in resumed][-1] == conversation
    assert len(await bench.stage.terminal.list_sessions()) == 2


async def test_a_saved_layout_brings_forgotten_agents_back_in_their_conversations(
    bench: Bench, transcript: Path
) -> None:
    pane = Pane(
        Program(name="a", environment={"KEY": "1"}),
        agent=PaneAgent(ADA, "fake", "tester", (CREW,), "Begin."),
    )
    first = await bench.apply(columns(pane, lives(BOB), Pane(Program(name="edit"))))
    conversation = await talked(bench, ADA, transcript)
    await bench.saved.save("work", await bench.exporter.export(tab_id=first.tab_id))
    for name in (ADA, BOB):
        await bench.stage.ender.stop(name, forget=True, grace_seconds=0)
        assert not bench.stage.files.folder(name).exists()
    for one in await bench.stage.terminal.list_sessions():
        await bench.stage.terminal.close_session(one.session_id)
    restoring = bench.saved.restore("work")
    async with anyio.create_task_group() as group:

        async def see() -> None:
            await bench.stage.states.wait_for(ADA, lambda _: True, 5)

        results: list[tuple[AppliedLayout, ...]] = []

        async def restore() -> None:
            results.append(await restoring)

        group.start_soon(restore)
        while not {"ada": "running", "bob": "running"}.items() <= (await bench.phases()).items():
            await anyio.lowlevel.checkpoint()
        await see()
        await bench.stage.ready(ADA)
        await bench.stage.ready(BOB)

    ((applied,),) = results
    ada = await bench.stage.book.get(ADA)
    starts = [one.start for one in applied.panes]
    assert [one is not None and one.resumed for one in starts] == [True, False, False]
    assert (ada.conversation, ada.order.role, ada.order.teams) == (conversation, "tester", (CREW,))
    assert ada.order.environment == {"KEY": "1"}
    assert ada.order.prompt == "Begin."
    last = [one for one in bench.stage.kind.requests if one.conversation == conversation][-1]
    assert (last.resume, last.prompt) == (True, "")


async def test_what_is_written_down_of_an_agent_names_no_keeper(bench: Bench) -> None:
    ada = replace(lives(ADA), program=Program(directory="/tmp"))
    first = await bench.apply(columns(ada, Pane(Program(command="top"))))

    (tab,) = await bench.exporter.export(tab_id=first.tab_id)

    one, other = leaves(tab.root)
    assert (one.program.command, one.program.directory) == (None, "/tmp")
    assert one.agent is not None
    assert one.agent.order == (await bench.stage.book.get(ADA)).order
    assert other.program.command == "top"


async def test_an_agent_that_was_being_begun_is_gone_on_with_and_not_begun_twice(
    bench: Bench,
) -> None:
    applied = await bench.apply(lives(ADA))
    life = await bench.stage.book.get(ADA)
    await bench.stage.book.save(life, phase=Phase.CREATING)

    again = await bench.apply(
        Pane(session_id=applied.panes[0].session_id, agent=PaneAgent(ADA, "fake"))
    )

    assert again.panes[0].start is not None
    assert again.panes[0].start.problem == ""
    assert await bench.phases() == {"ada": "running"}
    assert len(bench.stage.world.orders) == 1


async def test_one_whose_keeper_stands_unregistered_takes_that_pane(bench: Bench) -> None:
    applied = await bench.apply(lives(ADA))
    await bench.stage.agents.remove_agent(ADA)
    life = await bench.stage.book.get(ADA)
    await bench.stage.book.save(life, phase=Phase.CREATING)

    again = await bench.apply(columns(lives(ADA), Pane()))

    assert again.panes[0].session_id == applied.panes[0].session_id
    assert (await bench.stage.agents.find_agent(ADA)).session_id == again.panes[0].session_id
    assert len(bench.stage.world.orders) == 1


async def test_an_ended_agent_whose_pane_stands_is_started_again_in_it(bench: Bench) -> None:
    applied = await bench.apply(lives(ADA))
    await bench.stage.ender.stop(ADA, keep_pane=True, grace_seconds=0)

    again = await bench.apply(lives(ADA))

    assert again.panes[0].session_id == applied.panes[0].session_id
    assert again.panes[0].start is not None
    assert not again.panes[0].start.new
    assert await bench.phases() == {"ada": "running"}


async def test_one_in_quarantine_stays_there(bench: Bench) -> None:
    applied = await bench.apply(lives(ADA))
    life = await bench.stage.book.get(ADA)
    await bench.stage.book.save(life, phase=Phase.QUARANTINED, reason="it crashed")

    stood = await bench.apply(lives(ADA))
    await bench.close(applied)
    refused = await bench.refused(lives(ADA))

    assert stood.panes[0].start is None
    assert "quarantine" in str(refused)
    assert await bench.phases() == {"ada": "quarantined"}


async def test_a_name_is_not_given_to_another_kind(bench: Bench) -> None:
    await bench.apply(lives(ADA))

    refused = await bench.refused(lives(ADA, "claude"))

    assert isinstance(refused, ConflictError)
    assert "of kind fake" in str(refused)


async def test_an_agent_of_somebody_elses_stays_as_it_is(bench: Bench) -> None:
    session = await bench.stage.terminal.open_session(Program())
    await bench.stage.agents.register_agent(ADA, session.session_id, kind="fake")

    applied = await bench.apply(lives(ADA))

    assert applied.panes[0].session_id == session.session_id
    assert applied.panes[0].start is None
    assert await bench.stage.book.all() == ()


async def test_agents_that_were_new_end_with_a_restoring_that_fails(bench: Bench) -> None:
    first = await bench.apply(columns(lives(ADA), lives(BOB)))
    second = await bench.apply(
        columns(Pane(Program(name="edit"), 3), Pane(agent=PaneAgent(AgentName("sh"))))
    )
    await bench.saved.save("work", await bench.exporter.export())
    await bench.close(first)
    await bench.stage.ender.stop(BOB, forget=True, grace_seconds=0)
    for pane in second.panes:
        await bench.stage.terminal.close_session(pane.session_id)
    await bench.stage.agents.remove_agent(AgentName("sh"))
    bench.stage.terminal.fail_next("resize_sessions", TerminalRejectedError("no"))

    with pytest.raises(TerminalRejectedError):
        await bench.saved.restore("work")

    assert await bench.stage.terminal.list_sessions() == ()
    assert (await bench.phases()).keys() == {"ada"}
