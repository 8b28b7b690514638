"""Waiting until agents are in some state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.observed import ANN, BEN, PROCESS, REGISTRY, does, sees
from tests.unit.services.test_agent_states import register

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.agent_states import AgentStateService
from iterm_mcp.services.agent_waits import GROUPS, AgentWaits, states_of

if TYPE_CHECKING:
    from iterm_mcp.services.agent_waits import AgentsWaited
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
