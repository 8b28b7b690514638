"""Waiting for a whole team."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, NotFoundError
from iterm_mcp.models.agent_states import ENDED, NEEDS_PERSON, AgentState
from iterm_mcp.services.names import not_found
from iterm_mcp.services.team_tree import members

if TYPE_CHECKING:
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.services.states import States
    from iterm_mcp.store import Store


class Until(StrEnum):
    """What each agent of a team is waited for to be."""

    READY = "ready"
    """It takes an order: ready, done or failed, or its turn was ended by somebody."""
    DONE = "done"
    """It, or a check, says that its work is done."""


WANTED = {
    Until.READY: frozenset(
        {AgentState.READY, AgentState.DONE, AgentState.FAILED, AgentState.INTERRUPTED}
    ),
    Until.DONE: frozenset({AgentState.DONE}),
}

HOPELESS = {
    Until.READY: ENDED | NEEDS_PERSON,
    Until.DONE: ENDED | NEEDS_PERSON | {AgentState.FAILED},
}
"""States that time alone does not end."""


@dataclass(frozen=True, slots=True)
class TeamWaited:
    """How a wait ended.

    Attributes:
        met: Every agent is as wanted.
        views: Each agent's state, sorted by name; those that left meanwhile are not there.
        timed_out: Some were still on their way when the time was up.
    """

    met: bool
    views: tuple[StateView, ...]
    timed_out: bool


class TeamWaits:
    """Waits for teams, told by what is seen of their agents."""

    def __init__(self, store: Store, states: States) -> None:
        self._agents = store.agents
        self._states = states

    async def wait(self, team: TeamName, until: Until, timeout_seconds: float) -> TeamWaited:
        """Wait until every agent of a team and of those below it is as wanted.

        It ends early when none of the others can come to be so by itself: they have ended,
        failed, or wait for a person.

        Raises:
            NotFoundError: There is no such team.
            InvalidRequestError: Nobody is in it.
            StoreError: What was seen of an agent cannot be read.
        """
        registry = await self._agents.load()
        known = {one.name for one in registry.teams}
        if team not in known:
            raise not_found("team", team, known)
        names = [one.name for one in members(registry, [team])]
        if not names:
            raise InvalidRequestError(
                f"nobody is in team {team!r} or below it", hint="Register or start agents in it."
            )
        settled = WANTED[until] | HOPELESS[until]
        views: dict[AgentName, StateView] = {}
        failed: list[ItermMcpError] = []

        async def wait_for(name: AgentName) -> None:
            try:
                views[name] = await self._states.wait_for(
                    name, lambda view: view.state in settled, timeout_seconds
                )
            except NotFoundError:
                return
            except ItermMcpError as error:  # told as it is, not in a group
                failed.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for name in names:
                group.start_soon(wait_for, name)
        if failed:
            raise failed[0]
        found = tuple(views[name] for name in names if name in views)
        return TeamWaited(
            met=bool(found) and all(one.state in WANTED[until] for one in found),
            views=found,
            timed_out=any(one.state not in settled for one in found),
        )
