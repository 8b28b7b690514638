"""Registered agents are watched, whatever becomes of their processes and the terminal."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.fake_families import SHELL_PID, FakeFamilies
from tests.unit.services.observed import ANN, BEN, HOOK, REGISTRY, SCREEN, TITLE, does
from tests.unit.services.robot import Robot
from tests.waiting import eventually

from iterm_mcp.agents.kinds import describing
from iterm_mcp.errors import StoreError, TerminalTimeoutError, TerminalUnavailableError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.agents import Agent
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.states import watch as agent_watch
from iterm_mcp.services.states import watching as agent_watching
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.services.states.sight import see_screen
from iterm_mcp.services.states.watch import FORMER_SECONDS, STRANGER_SECONDS
from iterm_mcp.services.states.watching import AgentWatching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Sighting
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

ROBOT_PID, SECOND_PID, VIM_PID = 200, 300, 400


class Yard:
    """A terminal with one session, agents in it, and those who watch."""

    def __init__(
        self,
        terminal: FakeTerminal,
        store: Store,
        clock: FakeClock,
        families: FakeFamilies,
        robot: Robot,
    ) -> None:
        self.terminal = terminal
        self.clock = clock
        self.families = families
        self.robot = robot
        self.states = AgentStateService(store, clock)
        self.agents = AgentService(terminal, store, clock)
        self.watching = AgentWatching(
            terminal, store, self.states, families, clock, pulse_seconds=0.005
        )
        self.states.use(self.watching)
        self.session_id: SessionId

    async def open(self) -> None:
        self.session_id = (await self.terminal.open_session(Program())).session_id
        self.terminal.set_fact(self.session_id, "effective_root_pid", SHELL_PID)

    async def register(self, kind: str = "robot", name: AgentName = ANN) -> None:
        await self.agents.register_agent(name, self.session_id, kind=kind)

    async def is_in(self, *wanted: AgentState) -> StateView:
        return await eventually(
            lambda: self.states.view(ANN), lambda view: view.state in wanted, within_seconds=10
        )

    async def follows(self, pid: int) -> None:
        await eventually(lambda: pid in self.robot.tell)

    async def facts(self, fact: Fact) -> list[dict[str, object]]:
        seen = await self.states.observations(ANN)
        return [dict(one.sighting.value) for one in seen if one.sighting.fact is fact]


@asynccontextmanager
async def open_yard(terminal: FakeTerminal, store: Store, clock: FakeClock) -> AsyncIterator[Yard]:
    yard = Yard(terminal, store, clock, FakeFamilies(), Robot())
    await yard.open()
    with describing([yard.robot.kind]):
        async with yard.states.running(), yard.watching.running():
            yield yard


@pytest.fixture
async def yard(terminal: FakeTerminal, store: Store, clock: FakeClock) -> AsyncIterator[Yard]:
    async with open_yard(terminal, store, clock) as one:
        yield one


async def test_what_files_and_screen_tell_makes_the_state(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)

    yard.terminal.shell(yard.session_id).print("busy")
    await yard.is_in(AgentState.WORKING)
    yard.robot.tell[ROBOT_PID](does(REGISTRY, "idle"))

    yard.terminal.shell(yard.session_id).print("idle")
    view = await yard.is_in(AgentState.READY)
    assert view.winning[0].sighting.source == REGISTRY
    (occupant,) = await yard.facts(Fact.OCCUPANT)
    assert (occupant["who"], occupant["pid"]) == ("agent", ROBOT_PID)


async def test_an_agent_that_ends_is_followed_no_more_and_its_successor_is_another_life(
    yard: Yard,
) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)
    late = yard.robot.tell[ROBOT_PID]

    yard.families.end(ROBOT_PID)
    await yard.is_in(AgentState.EXITED)
    assert await yard.facts(Fact.EXIT) == [{}]
    yard.families.start(SECOND_PID, "robot")
    await yard.follows(SECOND_PID)
    late(does(REGISTRY, "busy"))
    yard.robot.tell[SECOND_PID](does(REGISTRY, "idle"))

    view = await yard.is_in(AgentState.READY)
    assert view.epoch == 2
    assert yard.robot.followed == [ROBOT_PID, SECOND_PID]


async def test_another_process_of_the_same_kind_at_once_is_another_life(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)

    del yard.families.members[ROBOT_PID]
    yard.families.start(SECOND_PID, "robot")

    await yard.follows(SECOND_PID)
    await eventually(lambda: yard.states.view(ANN), lambda view: view.epoch == 2)
    assert await yard.facts(Fact.EXIT) == []


async def test_what_the_screen_of_a_former_process_shows_is_not_its_successor_s(
    yard: Yard,
) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)
    yard.terminal.shell(yard.session_id).print("busy")
    await yard.is_in(AgentState.WORKING)
    yard.families.end(ROBOT_PID)
    await yard.is_in(AgentState.EXITED)
    yard.families.start(SECOND_PID, "robot")
    await yard.follows(SECOND_PID)

    assert (await yard.states.look(ANN)).state == AgentState.UNKNOWN
    yard.terminal.shell(yard.session_id).print("busy")

    await yard.is_in(AgentState.WORKING)


async def test_a_process_that_is_about_to_end_does_not_begin_the_new_life(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)

    assert await yard.states.new_life(ANN) == 2
    yard.families.stop(ROBOT_PID)  # which has it looked at again
    await yard.states.look(ANN)
    assert await yard.facts(Fact.OCCUPANT) == [
        {"who": "agent", "pid": ROBOT_PID, "started": 200.0, "command": "robot"}
    ]
    yard.clock.advance(FORMER_SECONDS + 1)

    await yard.is_in(AgentState.SUSPENDED)  # it was started before it was said so
    assert (await yard.states.view(ANN)).epoch == 2


async def test_a_passer_by_is_not_said_to_stand_in_its_place(yard: Yard) -> None:
    yard.families.start(VIM_PID, "vim")
    await yard.register()
    await yard.states.look(ANN)
    assert await yard.facts(Fact.OCCUPANT) == []

    yard.clock.advance(STRANGER_SECONDS)

    await yard.is_in(AgentState.REPLACED)
    yard.families.end(VIM_PID)
    await yard.is_in(AgentState.EXITED)


async def test_a_suspended_agent_is_seen_and_followed_again(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)

    yard.families.stop(ROBOT_PID)
    await yard.is_in(AgentState.SUSPENDED)
    yard.families.end(ROBOT_PID)
    yard.families.start(ROBOT_PID, "robot")
    yard.robot.tell[ROBOT_PID](does(REGISTRY, "idle"))

    assert (await yard.is_in(AgentState.READY)).epoch == 1


async def test_an_exit_code_that_the_shell_marks_is_the_agent_s(yard: Yard) -> None:
    shell = yard.terminal.shell(yard.session_id)
    shell.type("block\r")
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)

    shell.finish(7)
    yard.families.end(ROBOT_PID)

    await yard.is_in(AgentState.EXITED)
    await eventually(lambda: yard.facts(Fact.EXIT), lambda found: {"code": 7} in found)
    assert "code 7" in (await yard.states.view(ANN)).reason


async def test_while_the_terminal_is_away_its_screens_are_not_believed(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)
    yard.terminal.shell(yard.session_id).print("busy")
    await yard.is_in(AgentState.WORKING)

    yard.clock.advance(1)
    yard.terminal.lose()
    view = await yard.is_in(AgentState.UNKNOWN)
    assert {one.sighting.source for one, _ in view.losing} >= {SCREEN}
    assert (await yard.states.look(ANN)).state == AgentState.UNKNOWN
    yard.clock.advance(1)
    yard.terminal.recover()

    await yard.is_in(AgentState.WORKING)


async def test_a_closed_session_is_lost_and_watched_no_more(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)

    yard.terminal.end(yard.session_id)

    await yard.is_in(AgentState.LOST)
    await eventually(lambda: yard.watching.count == 0)
    assert (await yard.states.look(ANN)).state == AgentState.LOST
    await eventually(lambda: not yard.robot.tell)


async def test_an_agent_that_is_removed_is_watched_no_more(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)

    await yard.agents.remove_agent(ANN)

    await eventually(lambda: yard.watching.count == 0)


async def test_a_shell_is_told_by_its_marks_and_by_who_has_its_terminal(yard: Yard) -> None:
    shell = yard.terminal.shell(yard.session_id)
    await yard.register("shell")
    await yard.is_in(AgentState.READY)

    yard.families.start(VIM_PID, "vim")
    shell.type("block\r")
    view = await yard.is_in(AgentState.WORKING)
    assert view.winning[0].sighting.source == TITLE
    yard.families.end(VIM_PID)
    shell.finish()

    await yard.is_in(AgentState.READY)
    assert {"is": "busy"} in await yard.facts(Fact.ACTIVITY)


async def test_a_shell_that_runs_something_already_is_busy_from_the_start(yard: Yard) -> None:
    yard.terminal.shell(yard.session_id).type("block\r")

    await yard.register("shell")

    await yard.is_in(AgentState.WORKING)


async def test_a_suggestion_is_asked_about_a_second_time_with_its_styles(yard: Yard) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)
    yard.terminal.shell(yard.session_id).print("hint")

    await eventually(lambda: yard.facts(Fact.COMPOSER), bool)

    assert await yard.facts(Fact.COMPOSER) == [{"holds": "ghost"}]


async def test_a_store_that_fails_for_a_moment_ends_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.families.start(ROBOT_PID, "robot")
    await yard.register()
    await yard.follows(ROBOT_PID)
    failed = []

    async def full(_observations: object) -> None:
        failed.append(1)
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(yard.states._store, "append", full)
        yard.robot.tell[ROBOT_PID](does(REGISTRY, "busy"))
        await eventually(lambda: failed)
    yard.robot.tell[ROBOT_PID](does(HOOK, "busy"))

    await yard.is_in(AgentState.WORKING)


async def test_a_kind_that_is_no_more_is_not_watched(
    yard: Yard, store: Store, clock: FakeClock
) -> None:
    gone = Agent(ANN, "android", yard.session_id, (), "", clock.now())
    await store.agents.add_agent(gone)
    second = (await yard.terminal.open_session(Program())).session_id

    await yard.agents.register_agent(BEN, second, kind="shell")

    await eventually(lambda: yard.watching.count == 1)
    assert (await yard.states.look(ANN)).state == AgentState.UNKNOWN


async def test_an_agent_whose_session_ended_before_is_lost(
    yard: Yard, store: Store, clock: FakeClock
) -> None:
    gone = Agent(ANN, "robot", SessionId("gone"), (), "", clock.now())

    await store.agents.add_agent(gone)

    await yard.is_in(AgentState.LOST)
    assert yard.watching.count == 0


async def test_a_terminal_that_comes_late_or_does_not_answer_for_once_is_asked_again(
    terminal: FakeTerminal, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_watching, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(agent_watch, "RETRY_SECONDS", 0.01)
    terminal.fail_next("watch_sessions", TerminalUnavailableError("not yet"))
    terminal.fail_next("watch", TerminalTimeoutError("silent"))
    for _ in range(3):
        terminal.fail_next("read_screen", TerminalTimeoutError("silent"))
    async with open_yard(terminal, store, clock) as yard:
        yard.families.start(ROBOT_PID, "robot")
        await yard.register()
        await yard.follows(ROBOT_PID)
        yard.terminal.shell(yard.session_id).print("busy")

        await yard.is_in(AgentState.WORKING)
        terminal.fail_next("read_screen", TerminalTimeoutError("silent"))
        assert (await yard.states.look(ANN)).state == AgentState.WORKING


async def test_a_screen_that_changes_between_two_questions_is_read_as_it_was_first(
    yard: Yard,
) -> None:
    yard.families.start(ROBOT_PID, "robot")
    shell = yard.terminal.shell(yard.session_id)
    shell.print("hint")
    gate = yard.terminal.hold("read_lines")
    seen: list[tuple[Sighting, ...]] = []

    async def look() -> None:
        seen.append(await see_screen(yard.terminal, yard.session_id, yard.robot.kind))

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        await gate.wait_arrived()
        shell.print("more")
        gate.open()

    assert [one.value for one in seen[0]] == [{"holds": "draft"}]


async def test_in_a_multiplexer_only_the_screen_is_looked_at_and_no_title(yard: Yard) -> None:
    yard.terminal.set_fact(yard.session_id, "terminalWindowName", "somebody's")
    yard.families.start(ROBOT_PID, "tmux", "attach")
    await yard.register()
    yard.terminal.shell(yard.session_id).print("busy")

    view = await yard.is_in(AgentState.WORKING)

    assert {one.sighting.source for one in view.winning} == {SCREEN}
    assert yard.robot.titles[-1] == ""
    assert yard.robot.followed == []
