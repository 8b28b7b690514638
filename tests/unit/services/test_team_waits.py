"""Waiting for a whole team, as far as its agents' states tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.unit.services.crews import CREW, NIGHT, OTHER, add_crews

from iterm_mcp.errors import InvalidRequestError, NotFoundError, StoreError
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.agents import Team
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.services.team_waits import TeamWaits, Until

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

S = AgentState


class States:
    """States that a test sets, and waits that wake when it does."""

    def __init__(self) -> None:
        self.of: dict[str, AgentState] = {}
        self._changed = anyio.Event()
        self.waiting = 0

    def set(self, **states: AgentState) -> None:
        self.of.update(states)
        self._changed.set()
        self._changed = anyio.Event()

    broken: StoreError | None = None

    async def wait_for(
        self, agent: AgentName, wanted: Callable[[StateView], bool], timeout_seconds: float
    ) -> StateView:
        await checkpoint()
        if self.broken is not None:
            raise self.broken
        self.waiting += 1
        with anyio.move_on_after(timeout_seconds):
            while not wanted(self._view(agent)):
                await self._changed.wait()
        return self._view(agent)

    def _view(self, agent: AgentName) -> StateView:
        if agent not in self.of:
            raise NotFoundError("agent", agent)
        return StateView(agent, 1, self.of[agent], "because", None)


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
async def waits(store: Store, clock: FakeClock, states: States) -> TeamWaits:
    await add_crews(store, clock)
    return TeamWaits(store, states)  # type: ignore[arg-type]


async def test_a_team_is_ready_when_the_last_of_its_agents_and_those_below_is(
    waits: TeamWaits, states: States
) -> None:
    states.set(boss=S.READY, ann=S.WORKING, ben=S.WORKING, cem=S.WORKING)
    async with anyio.create_task_group() as group:

        async def go_on() -> None:
            while states.waiting < 3:
                await checkpoint()
            states.set(ann=S.READY)
            await checkpoint()
            states.set(ben=S.DONE)

        group.start_soon(go_on)
        waited = await waits.wait(CREW, Until.READY, 5)

    assert waited.met
    assert [(one.agent, one.state) for one in waited.views] == [
        ("ann", S.READY), ("ben", S.DONE), ("boss", S.READY)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("until", "state", "met", "timed_out"),
    [
        (Until.READY, S.READY, True, False),
        (Until.READY, S.FAILED, True, False),
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
    waits: TeamWaits, states: States, until: Until, state: AgentState, *, met: bool, timed_out: bool
) -> None:
    states.set(ben=state)
    waited = await waits.wait(NIGHT, until, 0.02 if timed_out else 5)
    assert (waited.met, waited.timed_out) == (met, timed_out)


async def test_who_leaves_meanwhile_is_not_waited_for(waits: TeamWaits, states: States) -> None:
    states.set(boss=S.READY, ann=S.READY)
    assert [one.agent for one in (await waits.wait(CREW, Until.READY, 5)).views] == ["ann", "boss"]
    assert not (await waits.wait(OTHER, Until.READY, 5)).met


async def test_what_goes_wrong_is_told_as_it_is(waits: TeamWaits, states: States) -> None:
    states.broken = StoreError("the disk is full", hint="Free some.")
    with pytest.raises(StoreError, match="the disk is full"):
        await waits.wait(CREW, Until.READY, 5)


async def test_a_team_that_is_none_or_empty_is_told_so(
    waits: TeamWaits, store: Store, clock: FakeClock
) -> None:
    with pytest.raises(NotFoundError):
        await waits.wait(TeamName("nobody"), Until.READY, 1)
    await store.agents.add_team(Team(TeamName("empty"), None, "", clock.now()))
    with pytest.raises(InvalidRequestError, match="nobody is in team"):
        await waits.wait(TeamName("empty"), Until.READY, 1)
