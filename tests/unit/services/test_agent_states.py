"""States of registered agents: recorded, told, waited for, and known again after a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.observed import (
    ANN,
    BEN,
    HOOK,
    PROCESS,
    REGISTRY,
    SCREEN,
    does,
    sees,
)
from tests.waiting import eventually

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.agents import Agent
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.states.evidence import SETTLED_SECONDS
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.store import Store, open_store
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.testing import FakeClock


class Counts:
    """How many agents are in which state, as the observer is told."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, AgentState], int] = {}

    def agent_state_changed(
        self, kind: str, before: AgentState | None, after: AgentState | None
    ) -> None:
        for state, step in ((before, -1), (after, 1)):
            if state is not None:
                left = self.of.get((kind, state), 0) + step
                self.of[kind, state] = left
        self.of = {key: count for key, count in self.of.items() if count}


async def register(
    store: Store, *names: AgentName, kind: str = "claude", seconds: float = 0
) -> None:
    known = {one.name: one.session_id for one in (await store.agents.load()).agents}
    for name in names:
        at = START + timedelta(seconds=seconds)
        agent = Agent(name, kind, SessionId(f"s-{name}"), (), "", at)
        await store.agents.add_agent(agent, replaces=known.get(name))


@pytest.fixture
async def states(store: Store, clock: FakeClock) -> AgentStateService:
    await register(store, ANN, BEN)
    return AgentStateService(store, clock)


async def test_what_is_recorded_makes_the_state(
    states: AgentStateService, clock: FakeClock
) -> None:
    assert (await states.view(ANN)).state == AgentState.UNKNOWN
    await states.record(ANN, [does(REGISTRY, "busy")])
    clock.advance(1)

    told = await states.view(ANN)

    assert (told.state, told.epoch, told.since) == (AgentState.WORKING, 1, START)
    assert (await states.view(BEN)).state == AgentState.UNKNOWN


async def test_what_its_source_dates_counts_from_then_but_never_from_the_future(
    states: AgentStateService, clock: FakeClock
) -> None:
    clock.advance(60)
    await states.record(ANN, [does(REGISTRY, "busy")], at=START + timedelta(seconds=30))
    await states.record(BEN, [does(REGISTRY, "busy")], at=START + timedelta(days=30))

    assert (await states.view(ANN)).since == START + timedelta(seconds=30)
    assert (await states.view(BEN)).since == START + timedelta(seconds=60)


async def test_nobody_that_is_not_registered_has_a_state(states: AgentStateService) -> None:
    for call in (
        states.view,
        states.look,
        states.observations,
        states.new_life,
        lambda name: states.record(name, [does(HOOK, "busy")]),
    ):
        with pytest.raises(NotFoundError, match="no agent 'anna'") as caught:
            await call(AgentName("anna"))
        assert "ann" in caught.value.hint


async def test_a_waiter_is_woken_by_the_state_it_wants(
    states: AgentStateService,
) -> None:
    found: list[StateView] = []

    async def wait() -> None:
        found.append(await states.wait_for(ANN, lambda view: view.state == AgentState.READY, 10))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await states.record(BEN, [does(REGISTRY, "idle")])
        await states.record(ANN, [does(REGISTRY, "busy")])
        assert not found
        await states.record(ANN, [does(REGISTRY, "idle")])
        await eventually(lambda: found)

    assert [one.state for one in found] == [AgentState.READY]


async def test_a_wait_ends_with_its_time_and_tells_what_is(states: AgentStateService) -> None:
    await states.record(ANN, [does(REGISTRY, "busy")])

    told = await states.wait_for(ANN, lambda _: False, 0.01)

    assert told.state == AgentState.WORKING


async def test_a_watcher_is_told_of_changes_alone_and_of_many_as_one(
    states: AgentStateService,
) -> None:
    await states.record(BEN, [does(REGISTRY, "busy")])
    async with states.watch() as changes:
        await states.record(ANN, [does(REGISTRY, "busy")])
        await states.record(ANN, [sees(HOOK, Fact.TURN, phase="submitted")])
        first = await changes.next()
        await states.record(ANN, [does(REGISTRY, "waiting")])
        await states.record(ANN, [does(REGISTRY, "idle")])
        await states.record(BEN, [does(REGISTRY, "idle")])
        rest = [await changes.next(), await changes.next()]
        with anyio.move_on_after(0.01):
            rest.append(await changes.next())

    assert (first.agent, first.state) == (ANN, AgentState.WORKING)
    assert [(one.agent, one.state) for one in rest] == [
        (ANN, AgentState.READY), (BEN, AgentState.READY)
    ]  # fmt: skip


async def test_every_observation_is_told_to_who_watches_them(states: AgentStateService) -> None:
    queued = sees(HOOK, Fact.TURN, phase="queued")
    async with states.watch_observations(ANN) as mine, states.watch_observations() as all_of:
        await states.record(BEN, [does(HOOK, "busy")])
        await states.record(ANN, [queued, queued])
        told = [await mine.next(), await mine.next()]
        first = await all_of.next()

    assert [one.sighting for one in told] == [queued, queued]
    assert told[0].number < told[1].number
    assert first.agent == BEN
    assert await states.observations(ANN) == tuple(told)
    assert await states.observations(ANN, after=told[0].number) == (told[1],)


async def test_a_repetition_is_neither_kept_nor_told(states: AgentStateService) -> None:
    for _ in range(3):
        await states.record(ANN, [does(REGISTRY, "busy")])

    assert len(await states.observations(ANN)) == 1


async def test_what_a_former_process_did_is_never_taken_for_its_successor_s(
    states: AgentStateService, clock: FakeClock
) -> None:
    await states.record(ANN, [sees(PROCESS, Fact.OUTCOME, {"is": "done"}, by="a sentinel")])
    await states.record(ANN, [does(REGISTRY, "idle")])
    clock.advance(1)

    assert await states.new_life(ANN) == 2
    assert (await states.view(ANN)).state == AgentState.UNKNOWN
    await states.record(ANN, [does(REGISTRY, "idle")], epoch=1)
    assert (await states.view(ANN)).state == AgentState.UNKNOWN
    await states.record(ANN, [does(REGISTRY, "busy")], epoch=2)

    told = await states.view(ANN)
    assert (told.state, told.epoch) == (AgentState.WORKING, 2)
    assert [one.epoch for one in await states.observations(ANN)] == [1, 1, 2]


async def test_a_name_that_is_given_anew_begins_another_life(
    states: AgentStateService, store: Store, clock: FakeClock
) -> None:
    await states.record(ANN, [does(REGISTRY, "busy")])
    clock.advance(5)
    await register(store, ANN, seconds=5)

    told = await states.view(ANN)

    assert (told.state, told.epoch) == (AgentState.UNKNOWN, 2)
    assert (await states.view(BEN)).epoch == 1


async def test_a_clock_that_was_set_back_begins_no_life_after_life(
    states: AgentStateService, store: Store
) -> None:
    await register(store, ANN, seconds=3600)

    assert [(await states.view(ANN)).epoch for _ in range(3)] == [1, 1, 1]


async def test_after_a_restart_nothing_is_believed_that_may_have_changed_meanwhile(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = str(tmp_path / "again.db")
    async with open_store(path, clock) as store:
        await register(store, ANN, BEN)
        before = AgentStateService(store, clock)
        await before.record(ANN, [does(REGISTRY, "idle"), does(HOOK, "idle")])
        await before.record(BEN, [sees(PROCESS, Fact.EXIT, code=3)])
    clock.advance(60)
    async with open_store(path, clock) as store:
        after = AgentStateService(store, clock)
        told, ended = await after.view(ANN), await after.view(BEN)
        await after.record(ANN, [does(REGISTRY, "busy")])

        assert (told.state, told.epoch) == (AgentState.UNKNOWN, 1)
        assert {why for _, why in told.losing} >= {"the registry could not be asked since"}
        assert ended.state == AgentState.EXITED
        assert (await after.view(ANN)).state == AgentState.WORKING
        gaps = [one for one in await after.observations(ANN) if one.sighting.fact is Fact.GAP]
        assert len(gaps) == 2


async def test_time_alone_confirms_an_idle_screen_and_whoever_waits_is_told(
    states: AgentStateService, clock: FakeClock
) -> None:
    await states.record(ANN, [does(SCREEN, "busy")])
    await states.record(ANN, [does(SCREEN, "idle")])
    async with states.watch() as changes, states.running():
        clock.advance(SETTLED_SECONDS - 0.5)
        assert states.recheck() == pytest.approx(0.501)
        clock.advance(1)
        states.recheck()
        with anyio.fail_after(5):
            told = await changes.next()

    assert told.state == AgentState.READY


async def test_nothing_need_be_looked_at_again_while_nobody_was_seen(
    states: AgentStateService,
) -> None:
    assert states.recheck() is None


async def test_agents_are_counted_by_kind_and_state(store: Store, clock: FakeClock) -> None:
    counts = Counts()
    await register(store, ANN, BEN)
    states = AgentStateService(store, clock, counts)
    async with states.running():
        await states.record(ANN, [does(REGISTRY, "busy")])
        await states.record(BEN, [does(REGISTRY, "busy")])
        await states.record(ANN, [does(REGISTRY, "idle")])
        assert counts.of == {
            ("claude", AgentState.READY): 1, ("claude", AgentState.WORKING): 1
        }  # fmt: skip
        clock.advance(5)
        await register(store, BEN, kind="codex", seconds=5)
        await states.view(BEN)
        assert counts.of == {
            ("claude", AgentState.READY): 1, ("codex", AgentState.UNKNOWN): 1
        }  # fmt: skip
        await store.agents.remove_agent(ANN)
        await eventually(lambda: counts.of == {("codex", AgentState.UNKNOWN): 1})


async def test_who_wants_to_know_now_has_the_agent_looked_at(
    states: AgentStateService,
) -> None:
    assert (await states.look(ANN)).state == AgentState.UNKNOWN

    class Eyes:
        async def look_now(self, agent: Agent) -> None:
            await states.record(agent.name, [does(REGISTRY, "busy")])

    states.use(Eyes())

    assert (await states.look(ANN)).state == AgentState.WORKING


async def test_a_former_moment_is_explained_as_it_was_known_then(
    states: AgentStateService, clock: FakeClock
) -> None:
    await states.record(ANN, [does(REGISTRY, "busy")])
    clock.advance(60)
    await states.record(ANN, [does(REGISTRY, "idle")])
    await states.new_life(ANN)
    await states.record(ANN, [does(REGISTRY, "waiting")])

    then = await states.explain(ANN, START + timedelta(seconds=30))
    now = await states.explain(ANN)
    before = await states.view_at(ANN, START - timedelta(days=1))

    assert then.startswith("ann (life 1): working, for 30 s")
    assert now.startswith("ann (life 2): waiting_permission")
    assert (before.state, before.epoch) == (AgentState.UNKNOWN, 0)


async def test_the_last_process_of_the_present_life_is_known(states: AgentStateService) -> None:
    assert await states.last_process(ANN) == (1, None)
    await states.record(ANN, [sees(PROCESS, Fact.OCCUPANT, who="agent", pid=5, started=7.5)])
    await states.record(ANN, [sees(PROCESS, Fact.OCCUPANT, who="shell", pid=4)])

    assert await states.last_process(ANN) == (1, (5, 7.5))
    await states.new_life(ANN)
    assert await states.last_process(ANN) == (2, None)
