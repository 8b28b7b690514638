"""Agents end by the gentlest means that works, and nothing of them is left."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.services.lives_stage import ADA, Stage, open_stage

from iterm_mcp.agents.kind import Stroke
from iterm_mcp.errors import ConflictError, InvalidRequestError, RefusedError
from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.agents.end_reasons import CLOSED, End, end_of
from iterm_mcp.services.agents.ends import AgentEnder
from iterm_mcp.services.agents.life_files import parse_status
from iterm_mcp.services.agents.processes import MarkedProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


@pytest.fixture
async def stage(
    terminal: FakeTerminal,
    store: Store,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stage]:
    for name in ("INTERRUPT_SECONDS", "TERMINATE_SECONDS", "KILL_SECONDS", "PANE_SECONDS"):
        monkeypatch.setattr(f"iterm_mcp.services.agents.ends.{name}", 0.05)
    async with open_stage(terminal, store, clock, tmp_path) as one:
        yield one


async def test_one_that_takes_no_notice_of_an_interruption_is_terminated(stage: Stage) -> None:
    await stage.start()
    stage.world.deaf_to_interrupts.add(stage.world.process(ADA))

    ended = await stage.ender.stop(ADA, grace_seconds=0)

    assert (ended.how, ended.signal) == ("terminate", signal.SIGTERM)


async def test_one_that_is_asked_to_leave_and_stays_is_ended_all_the_same(stage: Stage) -> None:
    await stage.start()
    await stage.ready()

    ended = await stage.ender.stop(ADA, grace_seconds=0.05)

    assert ended.how == "interrupt"
    assert stage.kind.left == 1


async def test_one_that_cannot_be_asked_to_leave_is_ended_all_the_same(stage: Stage) -> None:
    await stage.start()
    await stage.ready()

    def fail() -> None:
        raise InvalidRequestError("nobody knows how")

    stage.kind.on_leave = fail
    ended = await stage.ender.stop(ADA)

    assert ended.how == "interrupt"
    assert stage.world.process(ADA) not in stage.world.alive


async def test_a_child_that_takes_no_notice_of_being_terminated_is_killed(stage: Stage) -> None:
    await stage.start()
    child = stage.world.spawn()
    stage.world.marks.append(MarkedProcess(child, "ada", 1, "server", 1, 9.0))
    stage.world.deaf.add(child)

    ended = await stage.ender.stop(ADA, grace_seconds=0)

    assert ended.left_behind == 1
    assert child not in stage.world.alive
    assert (child.pid, signal.SIGKILL) in stage.world.sent


async def test_of_one_whose_keeper_never_said_a_word_nothing_is_claimed(stage: Stage) -> None:
    await stage.start()
    stage.world.forget(ADA)

    ended = await stage.ender.stop(ADA)

    assert (ended.how, ended.code, ended.signal) == ("gone", None, None)
    assert (await stage.book.get(ADA)).phase is Phase.ENDED


async def test_an_end_that_its_keeper_does_not_tell_in_time_has_no_code(stage: Stage) -> None:
    await stage.start()
    stage.world.slow_keepers = True

    ended = await stage.ender.stop(ADA, grace_seconds=0, keep_pane=True)

    assert (ended.how, ended.code, ended.signal) == ("interrupt", None, None)


async def test_a_stop_is_told_with_how_it_ended_to_whoever_asks_for_its_state(
    stage: Stage,
) -> None:
    await stage.start()

    await stage.ender.stop(ADA, grace_seconds=0)

    view = await stage.states.view(ADA)
    assert view.state is AgentState.EXITED
    assert "signal 2" in view.reason


async def test_who_has_no_session_is_typed_nothing(stage: Stage) -> None:
    await stage.start()
    life = replace(await stage.book.get(ADA), session_id=None)

    await stage.ender.type(life, [Stroke("x")])
    ended = await stage.ender.end_process(life)

    assert ended.how == "interrupt"
    session = (await stage.book.get(ADA)).session_id
    assert session is not None
    assert stage.terminal.typed(session) == ""


class Spoken:
    """An agent that is spoken to by its protocol."""

    def __init__(self, stage: Stage) -> None:
        self.interrupted = 0
        self._stage = stage

    def find(self, agent: AgentName) -> Conversation:
        assert agent == ADA
        return cast("Conversation", self)

    async def interrupt(self) -> None:
        self.interrupted += 1

    async def stop(self, seconds: float) -> None:
        assert seconds > 0
        self._stage.world.end(ADA, code=0)


async def test_one_that_is_spoken_to_is_interrupted_and_asked_to_leave_by_its_protocol(
    stage: Stage,
) -> None:
    spoken = Spoken(stage)
    ender = AgentEnder(
        stage.terminal, stage.agents, stage.states, stage.book, stage.files, stage.world,
        str(stage.folder), spoken,
    )  # fmt: skip
    await stage.start()
    await stage.sees(Fact.ACTIVITY, {"is": "waiting", "for": "permission prompt"})
    await ender.interrupt_turn(ADA)
    await stage.ready()
    ended = await ender.stop(ADA)

    assert spoken.interrupted == 1
    assert (ended.how, ended.code, stage.kind.left) == ("left", 0, 0)


async def test_one_that_is_held_goes_on_only_once_it_is_let_go(stage: Stage) -> None:
    why = ["its budget is spent"]

    def held(agent: AgentName, kind: str, teams: Sequence[TeamName]) -> str:
        assert (agent, kind, *teams) == (ADA, "fake")
        return "".join(why)

    ender = AgentEnder(
        stage.terminal, stage.agents, stage.states, stage.book, stage.files, stage.world,
        str(stage.folder), held=held,
    )  # fmt: skip
    await stage.start()
    await ender.suspend(ADA, reason="a person said so")
    stage.world.sent.clear()

    with pytest.raises(RefusedError, match="is held: its budget is spent") as refused:
        await ender.resume(ADA)
    assert refused.value.code == "agent_held"
    assert (await stage.book.get(ADA)).desired is Desired.PAUSED
    assert stage.world.sent == []

    why.clear()
    await ender.resume(ADA)
    assert (await stage.book.get(ADA)).desired is Desired.RUNNING
    assert {one for _, one in stage.world.sent} == {signal.SIGCONT}


async def test_keys_interrupt_one_amid_a_turn_and_nobody_else(stage: Stage) -> None:
    await stage.start()
    await stage.ready()
    with pytest.raises(ConflictError, match="amid no turn"):
        await stage.ender.interrupt_turn(ADA)
    stage.clock.advance(1)
    await stage.sees(Fact.ACTIVITY, {"is": "busy"})
    await stage.ender.interrupt_turn(ADA)

    session = (await stage.book.get(ADA)).session_id
    assert session is not None
    assert stage.terminal.typed(session).endswith("\x1b")


ENDS = {
    "its pane was closed": ({"dismissed": True, "code": 1}, End(CLOSED, wanted=True)),
    "its pane hung up": ({"hung_up": "pane"}, End(CLOSED, wanted=True)),
    "its terminal ended": ({"hung_up": "terminal"}, End("its terminal ended")),
    "no program": (
        {"problem": "not found", "code": 127},
        End("it could not be started: not found", crash=True),
    ),
    "a signal": ({"signal": 9}, End("it was ended by signal 9", crash=True)),
    "asked by a signal": ({"signal": 15}, End("it was ended by signal 15", crash=True, asked=True)),
    "by itself": ({"code": 0}, End("it left by itself", wanted=True)),
    "a code": ({"code": 3}, End("it ended with code 3", crash=True)),
    "asked, by a code": ({"code": 129}, End("it ended with code 129", crash=True, asked=True)),
}


@pytest.mark.parametrize(("told", "end"), ENDS.values(), ids=ENDS)
def test_how_it_ended_tells_whether_it_was_a_crash_and_wanted(
    told: dict[str, object], end: End
) -> None:
    keeper = {
        "keeper": 1, "keeper_started": "s", "session": "w", "life": "l", "state": "ended", **told,
    }  # fmt: skip
    status = parse_status(json.dumps(keeper).encode())
    assert status is not None
    assert end_of(status) == end
