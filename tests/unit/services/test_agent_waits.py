"""Waiting until agents are in some state."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.unit.services.crews import CREW, NIGHT, OTHER, add_crews
from tests.unit.services.observed import ANN, BEN, PROCESS, REGISTRY, does, sees
from tests.unit.services.test_agent_states import register

from iterm_mcp.errors import InvalidRequestError, NotFoundError, StoreError
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.agents import Team
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.services.states.waits import GROUPS, AgentWaits, Until, states_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.services.states.waits import AgentsWaited
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock


@pytest.fixture
async def states(store: Store, clock: FakeClock) -> AgentStateService:
    await register(store, ANN, BEN)
    return AgentStateService(store, clock)


async def test_all_or_any_are_waited_for(states: AgentStateService, store: Store) -> None:
    waits = AgentWaits(store, states)
    found: dict[str, AgentsWaited] = {}

    async def wait(which: str) -> None:
        found[which] = await waits.wait([], ["ready"], 10, every=which == "all")

    await states.record(ANN, [does(REGISTRY, "busy")])
    await states.record(BEN, [does(REGISTRY, "busy")])
    async with anyio.create_task_group() as group:
        group.start_soon(wait, "all")
        group.start_soon(wait, "any")
        await anyio.wait_all_tasks_blocked()
        await states.record(BEN, [does(REGISTRY, "idle")])
        await anyio.wait_all_tasks_blocked()
        assert list(found) == ["any"]
        await states.record(ANN, [does(REGISTRY, "idle")])

    assert found["any"].met
    assert {one.agent: one.state for one in found["any"].views} == {
        ANN: AgentState.WORKING, BEN: AgentState.READY
    }  # fmt: skip
    assert [one.state for one in found["all"].views] == [AgentState.READY] * 2


async def test_a_wait_whose_time_is_over_tells_how_it_stands(
    states: AgentStateService, store: Store
) -> None:
    await states.record(ANN, [does(REGISTRY, "waiting")])

    waited = await AgentWaits(store, states).wait([ANN], ["ready"], 0.01)

    assert not waited.met
    assert [one.state for one in waited.views] == [AgentState.WAITING_PERMISSION]


async def test_who_needs_a_person_or_has_ended_is_settled(
    states: AgentStateService, store: Store
) -> None:
    await states.record(ANN, [does(REGISTRY, "waiting")])
    await states.record(BEN, [sees(PROCESS, Fact.EXIT, code=1)])
    waits = AgentWaits(store, states)

    assert (await waits.wait([], ["settled"], 5)).met
    assert (await waits.wait([ANN], ["attention"], 5)).met
    assert (await waits.wait([BEN], ["ended"], 5)).met


async def test_a_wait_for_nobody_is_refused(store: Store, clock: FakeClock) -> None:
    waits = AgentWaits(store, AgentStateService(store, clock))

    with pytest.raises(InvalidRequestError, match="no agent"):
        await waits.wait([], ["ready"], 1)
    with pytest.raises(NotFoundError):
        await waits.wait([AgentName("cem")], ["ready"], 1)


@pytest.mark.parametrize("words", [[], ["happy"], ["ready", "READY"]])
def test_a_word_that_is_no_state_is_refused_with_those_there_are(words: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        states_of(words)

    assert "settled" in caught.value.hint


def test_every_state_ends_by_itself_or_is_settled() -> None:
    assert states_of(["settled", "working"]) == GROUPS["settled"] | {AgentState.WORKING}
    assert AgentState.UNKNOWN not in GROUPS["settled"]


# Teams. These states are what a test says.

S = AgentState


class Told:
    """States that a test sets, and what wakes when it does."""

    def __init__(self) -> None:
        self.of: dict[str, AgentState] = {}
        self._changed: list[StateView] = []
        self._more = anyio.Event()
        self.leaves = ""  # once somebody waits

    def set(self, **states: AgentState) -> None:
        self.of.update(states)
        self._changed += [self._view(AgentName(name)) for name in states]
        self._more.set()

    async def view(self, agent: AgentName) -> StateView:
        await checkpoint()
        if agent not in self.of:
            raise NotFoundError("agent", agent)
        return self._view(agent)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Told]:
        self._changed.clear()
        yield self

    async def next(self) -> StateView:
        self.of.pop(self.leaves, None)
        while not self._changed:
            self._more = anyio.Event()
            await self._more.wait()
        return self._changed.pop(0)

    def _view(self, agent: AgentName) -> StateView:
        return StateView(agent, 1, self.of[agent], "because", None)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def crews(store: Store, clock: FakeClock, told: Told) -> AgentWaits:
    await add_crews(store, clock)
    return AgentWaits(store, told)  # type: ignore[arg-type]


async def wait_team(
    waits: AgentWaits, team: TeamName, until: Until, timeout_seconds: float = 5
) -> AgentsWaited:
    with anyio.fail_after(3):  # who waits for nothing is found out
        return await waits.wait(
            [], until.wanted, timeout_seconds, team=team, hopeless=until.hopeless
        )


async def test_a_team_is_ready_when_the_last_of_its_agents_and_those_below_is(
    crews: AgentWaits, told: Told
) -> None:
    told.set(boss=S.READY, ann=S.WORKING, ben=S.WORKING, cem=S.WORKING)
    async with anyio.create_task_group() as group:

        async def go_on() -> None:
            await anyio.wait_all_tasks_blocked()
            told.set(ann=S.READY)
            await anyio.wait_all_tasks_blocked()
            told.set(ben=S.DONE)

        group.start_soon(go_on)
        waited = await wait_team(crews, CREW, Until.READY)

    assert waited.met
    assert {one.agent: one.state for one in waited.views} == {
        "ann": S.READY, "ben": S.DONE, "boss": S.READY
    }  # fmt: skip


@pytest.mark.parametrize(
    ("until", "state", "met", "timed_out"),
    [
        (Until.READY, S.READY, True, False),
        (Until.READY, S.FAILED, True, False),
        (Until.READY, S.INTERRUPTED, True, False),
        (Until.READY, S.WORKING, False, True),
        (Until.READY, S.BACKGROUND, False, True),
        (Until.READY, S.RATE_LIMITED, False, True),
        (Until.READY, S.UNKNOWN, False, True),
        (Until.READY, S.WAITING_PERMISSION, False, False),
        (Until.READY, S.GATE, False, False),
        (Until.READY, S.EXITED, False, False),
        (Until.DONE, S.READY, False, True),
        (Until.DONE, S.DONE, True, False),
        (Until.DONE, S.FAILED, False, False),
        (Until.DONE, S.LOST, False, False),
    ],
)
async def test_ready_and_done_are_never_guessed_and_what_cannot_come_is_not_waited_for(
    crews: AgentWaits, told: Told, until: Until, state: AgentState, *, met: bool, timed_out: bool
) -> None:
    told.set(ben=state)

    waited = await wait_team(crews, NIGHT, until, 0.02 if timed_out else 60)

    assert waited.met == met
    assert [one.state for one in waited.views] == [state]


async def test_one_that_needs_a_person_may_be_helped_while_others_are_on_their_way(
    crews: AgentWaits, told: Told
) -> None:
    told.set(boss=S.WAITING_PERMISSION, ann=S.WORKING, ben=S.READY)
    async with anyio.create_task_group() as group:

        async def help_it() -> None:
            await anyio.wait_all_tasks_blocked()
            told.set(boss=S.READY)
            await anyio.wait_all_tasks_blocked()
            told.set(ann=S.READY)

        group.start_soon(help_it)

        assert (await wait_team(crews, CREW, Until.READY)).met


async def test_who_leaves_meanwhile_is_not_waited_for(crews: AgentWaits, told: Told) -> None:
    told.set(boss=S.READY, ann=S.READY)
    assert {one.agent for one in (await wait_team(crews, CREW, Until.READY)).views} == {
        "ann", "boss"
    }  # fmt: skip
    assert not (await wait_team(crews, OTHER, Until.READY)).met, "nobody is left"

    told.set(ben=S.WORKING)
    told.leaves = "ben"
    waited = await wait_team(crews, CREW, Until.READY, 0.02)

    assert (waited.met, len(waited.views)) == (True, 2)


async def test_what_goes_wrong_is_told_as_it_is(store: Store, clock: FakeClock) -> None:
    class Broken(Told):
        async def view(self, agent: AgentName) -> StateView:
            await checkpoint()
            raise StoreError(f"{agent} is on a full disk", hint="Free some.")

    await add_crews(store, clock)
    broken: AgentWaits = AgentWaits(store, Broken())  # type: ignore[arg-type]

    with pytest.raises(StoreError, match="full disk"):
        await wait_team(broken, CREW, Until.READY)


async def test_a_team_that_is_none_or_empty_is_told_so(
    crews: AgentWaits, store: Store, clock: FakeClock
) -> None:
    with pytest.raises(NotFoundError):
        await wait_team(crews, TeamName("nobody"), Until.READY)
    await store.agents.add_team(Team(TeamName("empty"), None, "", clock.now()))
    with pytest.raises(InvalidRequestError, match="nobody is in team"):
        await wait_team(crews, TeamName("empty"), Until.READY)
