"""Agents started, crashed and ended, with pretended keepers and a clock that stands still."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.services.lives_stage import ADA, Stage, open_stage

from iterm_mcp.agents.reports import Reports
from iterm_mcp.agents.telemetry import WISH
from iterm_mcp.errors import (
    AgentError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    TerminalUnavailableError,
)
from iterm_mcp.models.agent_lives import Desired, Limits, Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName, SessionId, TeamName, WindowId
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.placing import Place
from iterm_mcp.services.agents.processes import MarkedProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


@pytest.fixture
async def stage(
    terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with open_stage(terminal, store, clock, tmp_path) as one:
        yield one


async def life(stage: Stage, agent: AgentName = ADA) -> Life:
    return await stage.book.get(agent)


async def typed(stage: Stage, agent: AgentName = ADA) -> str:
    """Return all that was typed to an agent."""
    session_id = (await life(stage, agent)).session_id
    assert session_id is not None
    return stage.terminal.typed(session_id)


# Starting.


async def test_a_started_agent_is_registered_in_the_pane_that_was_opened_for_it(
    stage: Stage,
) -> None:
    await stage.start(role="tester", teams=(TeamName("crew"),), prompt="Begin.")

    agent = await stage.agents.find_agent(ADA)
    (session,) = await stage.terminal.list_sessions()
    found = await life(stage)
    (order,) = stage.world.orders
    assert (agent.session_id, agent.kind, agent.role) == (session.session_id, "fake", "tester")
    assert agent.teams == ("crew",)
    assert (found.phase, found.epoch, found.session_id) == (Phase.RUNNING, 1, session.session_id)
    assert found.conversation == stage.kind.requests[-1].conversation != ""
    assert order.environment["ITERM_MCP_AGENT"] == "ada"
    assert stage.kind.requests[-1].hook_command == ("hook", "fake")
    assert found.pending == "", "its order went with its start"


@pytest.mark.parametrize(
    ("daemon", "wish", "exports"),
    [(True, "", True), (False, "", False), (False, "1", True), (True, "0", False)],
)
async def test_an_agent_exports_as_its_order_says_or_else_as_the_daemon_is_set(
    stage: Stage, *, daemon: bool, wish: str, exports: bool
) -> None:
    reports = Reports("http://h", "secret", telemetry=daemon)
    stage.launcher._origin = replace(stage.launcher._origin, reports=reports, environ={})
    await stage.start(environment={WISH: wish})

    assert stage.kind.requests[-1].reports == replace(reports, telemetry=exports)


async def test_a_first_order_that_cannot_go_with_the_start_is_told_once_the_agent_is_ready(
    stage: Stage,
) -> None:
    stage.kind.takes_prompt = False
    await stage.start(prompt="Begin.")

    await stage.tick()
    assert stage.told.texts == []
    await stage.ready()
    await stage.tick()
    await stage.tick()

    ((agent, text, key),) = stage.told.texts
    assert (agent, text) == (ADA, "Begin.")
    assert key.endswith("-1")


async def test_an_agent_that_nobody_can_see_is_told_its_order_after_a_while(stage: Stage) -> None:
    stage.kind.takes_prompt = False
    await stage.start(prompt="Begin.")

    await stage.tick(14)
    before = list(stage.told.texts)
    await stage.tick(2)

    assert before == []
    assert len(stage.told.texts) == 1


async def test_an_agent_goes_beside_a_session_or_into_a_window(stage: Stage) -> None:
    opened = await stage.terminal.open_session(Program())
    beside = Place(opened.session_id)
    into = Place(window_id=opened.window_id)

    first = await stage.starter.start(stage.order(), name="a", place=beside, wait_seconds=0)
    second = await stage.starter.start(stage.order(), name="b", place=into, wait_seconds=0)

    sessions = {one.session_id: one for one in await stage.terminal.list_sessions()}
    assert first.life.session_id is not None
    assert second.life.session_id is not None
    assert sessions[first.life.session_id].tab_id == opened.tab_id
    assert sessions[second.life.session_id].window_id == opened.window_id
    with pytest.raises(ConflictError, match="not both"):
        await stage.starter.start(
            stage.order(), place=Place(SessionId("S"), window_id=WindowId("W"))
        )


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"kind": "robot"}, NotFoundError, "robot"),
        ({"model": "none"}, InvalidRequestError, "no such model"),
        ({"trust": "yes"}, InvalidRequestError, "trust"),
        ({"directory": "/no/such"}, InvalidRequestError, "/no/such"),
        ({"directory": "~nobody-has-this-name/x"}, InvalidRequestError, "nobody"),
        ({"teams": ("a b",)}, InvalidRequestError, "a b"),
    ],
)
async def test_an_order_that_makes_no_sense_opens_nothing(
    stage: Stage, changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        await stage.start(**changes)

    assert await stage.terminal.list_sessions() == ()
    assert await stage.book.all() == ()


async def test_a_program_that_is_not_installed_is_named(stage: Stage) -> None:
    stage.kind.is_here = False

    with pytest.raises(NotFoundError) as caught:
        await stage.start()

    assert caught.value.code == "program_not_found"
    assert "agents doctor" in caught.value.hint


@pytest.mark.parametrize("fault", ["problem", "mute", "pane"])
async def test_of_a_start_that_failed_nothing_is_left(stage: Stage, fault: str) -> None:
    stage.world.problem = "No such file" if fault == "problem" else ""
    stage.world.mute = fault == "mute"
    stage.sessions.comes_up = fault != "pane"

    with pytest.raises(AgentError):
        await stage.start()

    assert await stage.book.all() == ()
    assert (await stage.store.agents.load()).agents == ()
    assert stage.world.alive == set()
    stage.world.problem, stage.world.mute, stage.sessions.comes_up = "", False, True
    await stage.start()  # the name is free


async def test_a_name_is_given_to_one_agent_only(stage: Stage) -> None:
    await stage.start()

    with pytest.raises(ConflictError, match="'ada'"):
        await stage.start()


# Crashes.


async def test_a_crashed_agent_is_started_again_in_its_conversation_after_a_wait(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.start(prompt="Begin.")
    conversation = (await life(stage)).conversation
    transcript = tmp_path / "transcript"
    transcript.touch()
    await stage.sees(Fact.CONVERSATION, {"id": conversation, "transcript": str(transcript)})
    stage.world.end(ADA, signal=9)

    await stage.tick()
    waiting = await life(stage)
    state = (await stage.states.view(ADA)).state
    await stage.tick(29)
    still = (await life(stage)).phase
    await stage.tick(2)

    again = await life(stage)
    request = stage.kind.requests[-1]
    assert (waiting.phase, waiting.reason) == (Phase.RESTARTING, "it was ended by signal 9")
    assert waiting.restart_at == waiting.begun_at + timedelta(seconds=30)  # type: ignore[operator]
    assert state is AgentState.RESTARTING
    assert still is Phase.RESTARTING
    assert (again.phase, again.epoch, again.conversation) == (Phase.RUNNING, 2, conversation)
    assert (request.resume, request.conversation, request.prompt) == (True, conversation, "")
    assert again.session_id == waiting.session_id
    assert len(await stage.terminal.list_sessions()) == 1


async def test_an_agent_that_goes_on_is_told_what_its_order_has_for_that(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.start(prompt="Begin.", resume_prompt="Go on.")
    (tmp_path / "t").touch()
    await stage.sees(Fact.CONVERSATION, {"id": "c", "transcript": str(tmp_path / "t")})
    stage.world.end(ADA, code=1)

    await stage.tick()
    await stage.tick(31)
    await stage.ready()
    await stage.tick()

    assert [text for _, text, _ in stage.told.texts] == ["Go on."]


async def test_without_a_transcript_a_new_conversation_begins_with_the_first_order(
    stage: Stage,
) -> None:
    await stage.start(prompt="Begin.")
    first = (await life(stage)).conversation
    await stage.sees(Fact.CONVERSATION, {"id": first, "transcript": "/no/such/file"})
    stage.world.end(ADA, code=1)

    await stage.tick()
    await stage.tick(31)

    request = stage.kind.requests[-1]
    assert (request.resume, request.prompt) == (False, "Begin.")
    assert request.conversation not in {first, ""}


async def test_the_fifth_crash_within_a_quarter_of_an_hour_ends_in_quarantine(
    stage: Stage,
) -> None:
    await stage.start()
    for seconds in (31, 61, 121, 241):
        stage.world.end(ADA, code=1)
        await stage.tick()
        await stage.tick(seconds)
        assert (await life(stage)).phase is Phase.RUNNING
    stage.world.end(ADA, code=1)
    await stage.tick()
    await stage.tick(86400)

    held = await life(stage)
    view = await stage.states.view(ADA)
    released = await stage.supervisor.release(ADA)

    assert held.phase is Phase.QUARANTINED
    assert held.reason == "5 crashes in 15 min, the last: it ended with code 1"
    assert view.state is AgentState.QUARANTINED
    assert held.reason in view.reason, "what a person must know"
    assert (released.phase, released.epoch) == (Phase.RUNNING, 6)
    with pytest.raises(ConflictError, match="not in quarantine"):
        await stage.supervisor.release(ADA)


async def test_half_an_hour_without_a_crash_forgives_former_ones(stage: Stage) -> None:
    await stage.start()
    for seconds in (31, 61, 121):
        stage.world.end(ADA, code=1)
        await stage.tick()
        await stage.tick(seconds)

    await stage.tick(1800)
    await stage.tick()
    stage.world.end(ADA, code=1)
    await stage.tick()

    waiting = await life(stage)
    assert waiting.restart_at == stage.clock.now() + timedelta(seconds=30)


async def test_forensics_are_kept_before_anything_is_started_again(stage: Stage) -> None:
    await stage.start()
    session_id = (await life(stage)).session_id
    assert session_id is not None
    await stage.terminal.send_text(session_id, "last words\r")
    child = stage.world.spawn()
    stage.world.marks.append(MarkedProcess(child, "ada", 1, "make \x1b[2J", 5, 9.0))
    stage.world.end(ADA, signal=11)

    await stage.tick()

    (found,) = await stage.store.lives.forensics(ADA)
    assert (found.signal, found.code, found.crash, found.epoch) == (11, None, True, 1)
    assert any("last words" in row for row in found.screen)
    assert any("last words" in row for row in found.lines)
    assert len(found.processes) == 1
    assert "\x1b" not in found.processes[0]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"code": 0}, "it left by itself"),
        ({"code": 0, "dismissed": True}, "its pane was closed"),
        ({"signal": 1, "hung_up": "pane"}, "its pane was closed"),
    ],
)
async def test_what_a_person_ended_stays_ended(
    stage: Stage, how: dict[str, object], reason: str
) -> None:
    await stage.start()
    stage.world.end(ADA, **how)

    await stage.tick()
    await stage.tick(86400)

    ended = await life(stage)
    assert (ended.phase, ended.desired, ended.reason) == (Phase.ENDED, Desired.STOPPED, reason)
    assert len(stage.world.orders) == 1
    assert not (await stage.store.lives.forensics(ADA))[0].crash


async def test_a_pane_that_is_closed_while_its_agent_waits_for_its_restart_stays_closed(
    stage: Stage,
) -> None:
    await stage.start()
    stage.world.end(ADA, code=143)
    await stage.tick()
    stage.world.end(ADA, hung_up="pane")

    await stage.tick(31)

    assert (await life(stage)).desired is Desired.STOPPED
    assert len(stage.world.orders) == 1


async def test_an_agent_that_shall_not_be_restarted_is_not(stage: Stage) -> None:
    await stage.start(restart=False)
    stage.world.end(ADA, code=1)

    await stage.tick()
    await stage.tick(3600)

    assert (await life(stage)).phase is Phase.ENDED
    assert len(stage.world.orders) == 1


@pytest.mark.parametrize("told", [True, False])
async def test_after_a_reboot_agents_stand_again_at_once_in_new_panes(
    stage: Stage, *, told: bool
) -> None:
    await stage.start()
    before = await life(stage)
    assert before.session_id is not None
    if told:
        stage.world.end(ADA, signal=1, hung_up="terminal")
    stage.world.lose(ADA)
    await stage.terminal.close_session(before.session_id)
    stage.supervisor = stage.make_supervisor()

    await stage.tick()
    await stage.tick()

    after = await life(stage)
    assert (after.phase, after.epoch) == (Phase.RUNNING, 2)
    assert after.session_id != before.session_id
    assert (await stage.agents.find_agent(ADA)).session_id == after.session_id
    assert not (await stage.store.lives.forensics(ADA))[0].crash


async def test_what_a_former_machine_left_counts_as_nothing(stage: Stage) -> None:
    await stage.start()
    stage.world.lose(ADA)
    await stage.files.forget(ADA)

    await stage.tick()

    assert (await life(stage)).phase is Phase.RESTARTING
    assert "machine restarts" in (await life(stage)).reason


async def test_a_keeper_that_is_about_to_tell_is_waited_for(stage: Stage) -> None:
    await stage.start()
    stage.world.alive.discard(stage.world.process(ADA))

    await stage.tick()
    assert (await life(stage)).phase is Phase.RUNNING
    stage.world.end(ADA, code=3)
    await stage.tick()

    assert (await life(stage)).reason == "it ended with code 3"


async def test_a_restart_that_fails_is_a_crash_too(stage: Stage) -> None:
    await stage.start()
    stage.world.end(ADA, code=1)
    await stage.tick()
    stage.world.problem = "No such file"

    await stage.tick(31)

    waiting = await life(stage)
    assert waiting.phase is Phase.RESTARTING
    assert "could not be started" in waiting.reason
    assert waiting.restart_at == stage.clock.now() + timedelta(seconds=60)


async def test_a_program_that_is_gone_for_a_while_is_looked_for_again(stage: Stage) -> None:
    await stage.start()
    stage.world.end(ADA, code=1)
    await stage.tick()
    stage.kind.is_here = False
    await stage.tick(31)
    lacking = await life(stage)

    stage.kind.is_here = True
    await stage.tick(6)

    assert lacking.phase is Phase.RESTARTING
    assert "program" in lacking.reason
    assert (await life(stage)).epoch == 2


async def test_while_the_terminal_is_away_nothing_is_counted(stage: Stage) -> None:
    await stage.start()
    stage.world.lose(ADA)
    await stage.tick()
    for _ in range(2):
        stage.terminal.fail_next("open_session", TerminalUnavailableError("it is away"))

    await stage.tick(1)
    await stage.tick(1)
    away = await life(stage)
    await stage.tick(1)

    assert away.phase is Phase.RESTARTING
    assert (await life(stage)).phase is Phase.RUNNING
    assert await stage.store.lives.crashes(ADA, stage.clock.now() - timedelta(days=1)) == ()


async def test_a_half_created_agent_is_finished_by_the_next_daemon_and_not_started_twice(
    stage: Stage,
) -> None:
    await stage.start()
    half = await stage.book.save(await life(stage), phase=Phase.CREATING)
    stage.supervisor = stage.make_supervisor()

    await stage.tick()

    assert (await life(stage)).phase is Phase.RUNNING
    assert (await life(stage)).token == half.token
    assert len(stage.world.orders) == 1


async def test_an_agent_whose_order_was_never_given_is_given_it_by_the_next_daemon(
    stage: Stage,
) -> None:
    await stage.start(prompt="Begin.")
    session_id = (await life(stage)).session_id
    assert session_id is not None
    stage.world.lose(ADA)
    stage.world.stand(ADA, session_id)
    await stage.book.save(await life(stage), phase=Phase.CREATING, epoch=0)
    stage.supervisor = stage.make_supervisor()

    await stage.tick()

    assert (await life(stage)).phase is Phase.RUNNING
    assert stage.kind.requests[-1].prompt == "Begin."
    assert (await life(stage)).session_id == session_id
    assert len(await stage.terminal.list_sessions()) == 1


# By hand.


async def test_a_restart_by_hand_ends_what_runs_and_counts_as_no_crash(stage: Stage) -> None:
    await stage.start()
    first = stage.world.process(ADA)

    again = await stage.supervisor.restart(ADA)

    assert first not in stage.world.alive
    assert (again.epoch, again.phase) == (2, Phase.RUNNING)
    (end,) = await stage.store.lives.forensics(ADA)
    assert not end.crash


async def test_an_agent_that_we_did_not_start_can_be_neither_restarted_nor_stopped(
    stage: Stage,
) -> None:
    opened = await stage.terminal.open_session(Program())
    await stage.agents.register_agent(ADA, opened.session_id)

    for act in (stage.supervisor.restart, stage.ender.stop, stage.ender.suspend):
        with pytest.raises(NotFoundError, match="ada"):
            await act(ADA)

    assert len(await stage.terminal.list_sessions()) == 1


async def test_an_agent_that_is_ready_is_asked_to_leave_first(stage: Stage) -> None:
    await stage.start()
    await stage.ready()

    ended = await stage.ender.stop(ADA, grace_seconds=0.1)

    assert await typed(stage) == "bye\r"
    assert (ended.how, ended.signal) == ("interrupt", signal.SIGINT)
    assert (await life(stage)).desired is Desired.STOPPED
    assert stage.world.keeper(ADA) not in stage.world.alive, "its pane closes"


async def test_an_agent_that_asks_something_is_never_typed_to(stage: Stage) -> None:
    await stage.start()
    await stage.sees(Fact.DIALOG, {"asks": "permission", "tool": "Bash"})

    await stage.ender.stop(ADA)

    assert await typed(stage) == ""


async def test_a_deaf_agent_is_killed_with_all_its_children(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterm_mcp.services.agents.ends.INTERRUPT_SECONDS", 0.01)
    monkeypatch.setattr("iterm_mcp.services.agents.ends.TERMINATE_SECONDS", 0.01)
    await stage.start()
    root, child, adopted, foreign = stage.world.process(ADA), *(stage.world.spawn() for _ in "abc")
    stage.world.below[root] = [child]
    stage.world.deaf |= {root, child}
    stage.world.marks += [
        MarkedProcess(adopted, "ada", 1, "server", 1, 9.0),
        MarkedProcess(foreign, "bob", 1, "server", 1, 9.0),
    ]

    ended = await stage.ender.stop(ADA, grace_seconds=0, keep_pane=True)

    assert (ended.how, ended.signal, ended.left_behind) == ("kill", signal.SIGKILL, 1)
    assert not {root, child, adopted} & stage.world.alive
    assert foreign in stage.world.alive
    assert stage.world.keeper(ADA) in stage.world.alive, "its pane was to stay"


async def test_an_agent_that_has_ended_before_is_only_noted_as_stopped(stage: Stage) -> None:
    await stage.start()
    stage.world.end(ADA, code=7)

    ended = await stage.ender.stop(ADA)
    await stage.tick(86400)

    assert (ended.how, ended.code) == ("gone", 7)
    assert len(stage.world.orders) == 1


async def test_a_forgotten_agent_gives_its_name_free(stage: Stage) -> None:
    await stage.start()

    await stage.ender.stop(ADA, forget=True)

    assert await stage.book.all() == ()
    assert (await stage.store.agents.load()).agents == ()
    await stage.start()
    assert (await life(stage)).epoch == 2, "what was seen of the former is none of its"


async def test_a_suspended_agent_stands_still_with_its_children_and_is_left_alone(
    stage: Stage,
) -> None:
    await stage.start(limits=Limits(total=1))
    root, child = stage.world.process(ADA), stage.world.spawn()
    stage.world.below[root] = [child]
    stage.world.sent.clear()

    await stage.ender.suspend(ADA)
    await stage.tick(3600)
    paused = await life(stage)
    stopped = list(stage.world.sent)
    stage.world.sent.clear()
    await stage.ender.resume(ADA)

    assert (paused.desired, paused.phase) == (Desired.PAUSED, Phase.RUNNING)
    assert stopped == [(root.pid, signal.SIGSTOP), (child.pid, signal.SIGSTOP)]
    assert stage.world.sent == [(child.pid, signal.SIGCONT), (root.pid, signal.SIGCONT)]
    assert (await life(stage)).desired is Desired.RUNNING


async def test_an_agent_that_does_not_run_cannot_be_suspended(stage: Stage) -> None:
    await stage.start()
    stage.world.end(ADA, code=0)

    with pytest.raises(ConflictError, match="does not run"):
        await stage.ender.suspend(ADA)


# Limits and gates.


async def test_an_agent_idle_for_too_long_is_stopped(stage: Stage) -> None:
    stage.kind.on_leave = lambda: stage.world.end(ADA, code=0)
    await stage.start(limits=Limits(idle=60))
    await stage.ready()

    await stage.tick(59)
    before = (await life(stage)).desired
    await stage.tick(2)

    assert before is Desired.RUNNING
    assert (await life(stage)).desired is Desired.STOPPED
    assert (await life(stage)).reason == "it had nothing to do for 60 s"


async def test_a_turn_that_takes_too_long_is_interrupted_once_and_then_ended(
    stage: Stage,
) -> None:
    await stage.start(limits=Limits(turn=60))
    await stage.sees(Fact.ACTIVITY, {"is": "busy"})

    await stage.tick(61)
    await stage.tick(1)
    interrupted = await typed(stage)
    await stage.tick(30)

    assert interrupted == "\x1b"
    assert (await life(stage)).desired is Desired.STOPPED


@pytest.mark.parametrize("restart", [True, False])
async def test_a_silent_worker_is_told_of_and_restarted_only_where_asked(
    stage: Stage, *, restart: bool
) -> None:
    await stage.start(limits=Limits(silent=60, restart_silent=restart))
    await stage.sees(Fact.ACTIVITY, {"is": "busy"})

    await stage.tick(61)

    found = await life(stage)
    assert found.epoch == (2 if restart else 1)
    assert found.desired is Desired.RUNNING
    if not restart:
        assert "no sign of life" in found.reason


async def test_only_the_question_of_trust_is_answered_and_only_where_the_order_says_so(
    stage: Stage,
) -> None:
    ada, bob, cem = ADA, AgentName("bob"), AgentName("cem")
    await stage.start(ada, trust="accept")
    await stage.start(bob, trust="ask")
    await stage.start(cem, trust="accept")
    await stage.sees(Fact.GATE, {"name": "trust"}, ada)
    await stage.sees(Fact.GATE, {"name": "trust"}, bob)
    await stage.sees(Fact.GATE, {"name": "login"}, cem)

    await stage.tick()
    await stage.tick()

    assert [await typed(stage, one) for one in (ada, bob, cem)] == ["allow trust", "", ""]


async def test_a_gate_that_cannot_be_answered_is_left_to_a_person(stage: Stage) -> None:
    await stage.start(trust="accept")
    await stage.sees(Fact.GATE, {"name": "trust", "options": ["no"]})

    await stage.tick()

    assert await typed(stage) == ""
    assert (await life(stage)).phase is Phase.RUNNING


async def test_what_fails_with_one_agent_keeps_none_of_the_others_waiting(stage: Stage) -> None:
    stage.kind.takes_prompt = False
    bob = AgentName("bob")
    await stage.start(prompt="Begin.")
    await stage.start(bob, prompt="Begin.")
    await stage.ready()
    await stage.ready(bob)
    failures = [RefusedError("not now")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    stage.told.on_tell = fail_once
    await stage.tick()
    first = [agent for agent, _, _ in stage.told.texts]
    await stage.tick()

    assert first == [bob]
    assert [agent for agent, _, _ in stage.told.texts] == [bob, ADA]


# Orphans.


async def test_orphans_are_what_ended_agents_left_and_nothing_else(stage: Stage) -> None:
    await stage.start()
    await stage.start("bob")
    stage.world.end(AgentName("bob"), code=0)
    await stage.tick()
    mine = stage.world.process(ADA)
    left, former, fresh, gone, helper = (stage.world.spawn() for _ in range(5))
    stage.world.below[mine] = [helper]
    await stage.book.save(await life(stage), epoch=3)
    stage.world.marks += [
        MarkedProcess(mine, "ada", 3, "agent", 1, 9.0),
        MarkedProcess(helper, "ada", 2, "kept from before, and in its tree", 1, 9.0),
        MarkedProcess(left, "bob", 1, "left", 1, 9.0),
        MarkedProcess(former, "ada", 2, "former", 1, 9.0),
        MarkedProcess(fresh, "bob", 1, "just started", 1, 0.5),
        MarkedProcess(gone, "nobody", 1, "of an agent that is forgotten", 1, 9.0),
    ]

    found = await stage.sweeper.find()
    untouched = {left, former, gone} <= stage.world.alive
    swept = await stage.sweeper.sweep()

    assert untouched
    assert {one.process.process: one.why for one in found} == {
        left: "agent 'bob' does not run",
        former: "agent 'ada' was started again since",
        gone: "there is no agent 'nobody' any more",
    }
    assert {one.ended for one in swept} == {"terminate"}
    assert not {left, former, gone} & stage.world.alive
    assert {mine, helper, fresh} <= stage.world.alive


async def test_a_deaf_orphan_is_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.services.agents.orphans.TERMINATE_SECONDS", 0.01)
    orphan = stage.world.spawn()
    stage.world.deaf.add(orphan)
    stage.world.marks.append(MarkedProcess(orphan, "nobody", 1, "deaf", 1, 9.0))

    (swept,) = await stage.sweeper.sweep()

    assert swept.ended == "kill"
    assert await stage.sweeper.find() == ()
