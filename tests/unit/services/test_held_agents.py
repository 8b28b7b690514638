"""Agents that something holds: they wait in their panes, and begin once they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.lives_stage import ADA, Stage, open_stage

from iterm_mcp.errors import AgentError, RefusedError
from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.budgets.acting import AgentActor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

WHY = "budget daily is spent"


class Holder:
    """Holds everybody, if it has a reason."""

    why = WHY

    def __call__(self, agent: AgentName, kind: str, teams: Sequence[TeamName]) -> str:
        assert (agent, kind, tuple(teams)) == (ADA, "fake", ())
        return self.why


@pytest.fixture
async def stage(
    terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with open_stage(terminal, store, clock, tmp_path) as one:
        yield one


@pytest.fixture
def holder(stage: Stage) -> Holder:
    one = Holder()
    stage.launcher._held = stage.ender._held = one
    return one


def actor(stage: Stage) -> AgentActor:
    return AgentActor(stage.ender, stage.book, stage.states, calm_seconds=0.01)


async def test_a_start_that_is_held_waits_in_its_pane_and_begins_there(
    stage: Stage, holder: Holder
) -> None:
    started = await stage.starter.start(stage.order(prompt="Begin."), name=ADA)
    life = started.life
    assert (life.phase, life.reason, life.epoch) == (Phase.CREATING, WHY, 0)
    assert stage.world.orders == []
    agent = await stage.agents.find_agent(ADA)
    assert agent.session_id == life.session_id, "messages for it wait, too"
    view = await stage.states.view(ADA)
    assert (view.state, WHY in view.reason) == (AgentState.CREATING, True)

    stage.supervisor = stage.make_supervisor()  # also of the next daemon
    await stage.tick()
    assert stage.world.orders == []
    holder.why = ""
    await stage.tick()
    (order,) = stage.world.orders
    begun = await stage.book.get(ADA)
    assert (begun.phase, begun.session_id) == (Phase.RUNNING, life.session_id)
    assert begun.reason == ""
    assert stage.kind.requests[-1].prompt == "Begin."
    assert order.life == begun.token


async def test_a_restart_that_is_held_is_made_good(stage: Stage, holder: Holder) -> None:
    holder.why = ""
    await stage.start()
    holder.why = WHY
    life = await stage.supervisor.restart(ADA)
    assert (life.phase, life.reason) == (Phase.RESTARTING, WHY)
    await stage.tick(1)
    assert len(stage.world.orders) == 1
    assert (await stage.states.view(ADA)).state is AgentState.RESTARTING
    holder.why = ""
    await stage.tick(1)
    assert len(stage.world.orders) == 2
    again = await stage.book.get(ADA)
    assert (again.phase, again.epoch) == (Phase.RUNNING, 2)


async def test_a_crash_amid_a_hold_is_restarted_when_it_is_over(
    stage: Stage, holder: Holder
) -> None:
    holder.why = ""
    await stage.start()
    holder.why = WHY
    stage.world.end(ADA, code=1)
    for _ in range(3):
        await stage.tick(30)
    assert len(stage.world.orders) == 1
    assert (await stage.book.get(ADA)).reason == WHY
    holder.why = ""
    await stage.tick(1)
    assert len(stage.world.orders) == 2


async def test_only_who_lets_go_of_the_hold_lets_a_suspended_agent_go(
    stage: Stage, holder: Holder
) -> None:
    holder.why = ""
    await stage.start()
    acts = actor(stage)
    assert not await acts.is_suspended(ADA)
    await acts.suspend(ADA, WHY)
    assert await acts.is_suspended(ADA)
    life = await stage.book.get(ADA)
    assert (life.desired, life.reason) == (Desired.PAUSED, WHY)
    holder.why = WHY
    with pytest.raises(RefusedError, match=WHY) as caught:
        await stage.ender.resume(ADA)
    assert caught.value.code == "agent_held"
    holder.why = ""
    await acts.resume(ADA)
    assert not await acts.is_suspended(ADA)


async def test_who_is_stopped_ends_its_turn_first_and_is_asked_to_leave(stage: Stage) -> None:
    await stage.start()
    await stage.sees(Fact.ACTIVITY, {"is": "busy"})
    await actor(stage).stop(ADA, WHY)
    life = await stage.book.get(ADA)
    assert (life.phase, life.desired, life.reason) == (Phase.ENDED, Desired.STOPPED, WHY)
    assert life.session_id is not None
    typed = stage.terminal.typed(life.session_id)
    assert typed.startswith("".join(one.text for one in stage.kind.interrupt()))


async def test_who_is_amid_no_turn_is_asked_to_leave_at_once(stage: Stage) -> None:
    await stage.start()
    await stage.ready()
    acts = actor(stage)
    assert not await acts.interrupt(ADA)
    await acts.stop(ADA, WHY)
    life = await stage.book.get(ADA)
    assert life.session_id is not None
    typed = stage.terminal.typed(life.session_id)
    assert typed == "".join(one.text for one in stage.kind.leave())


async def test_who_stands_still_or_does_not_answer_is_stopped_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(_agent: AgentName) -> None:
        raise AgentError("its bridge does not answer", hint="")

    await stage.start()
    monkeypatch.setattr(stage.ender, "interrupt_turn", deaf)
    await actor(stage).stop(ADA, WHY)
    assert (await stage.book.get(ADA)).phase is Phase.ENDED

    await stage.supervisor.restart(ADA)
    acts = actor(stage)
    await acts.suspend(ADA, WHY)
    await acts.stop(ADA, WHY)
    assert (await stage.book.get(ADA)).phase is Phase.ENDED
