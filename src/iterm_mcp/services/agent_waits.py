"""Waiting until agents are in some state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.agent_states import ENDED, NEEDS_PERSON, AgentState
from iterm_mcp.services.names import not_found
from iterm_mcp.services.team_tree import members

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.services.states import States
    from iterm_mcp.store import Store

BUSY = frozenset(
    {
        AgentState.UNKNOWN, AgentState.CREATING, AgentState.STARTING, AgentState.WORKING,
        AgentState.COMPACTING, AgentState.RATE_LIMITED, AgentState.API_RETRY,
        AgentState.BACKGROUND, AgentState.RESTARTING,
    }
)  # fmt: skip
"""States that end by themselves."""

GROUPS: Mapping[str, frozenset[AgentState]] = {
    "settled": frozenset(AgentState) - BUSY,
    "attention": NEEDS_PERSON,
    "ended": ENDED,
}
"""Words for several states: nothing goes on; a person is needed; nothing can reach it."""


@dataclass(frozen=True, slots=True)
class AgentsWaited:
    """How a wait ended.

    Attributes:
        met: It ended as wanted, and not with its time.
        views: Each agent as it was then, in the order asked for.
    """

    met: bool
    views: tuple[StateView, ...]


class AgentWaits:
    """Waits for agents."""

    def __init__(self, store: Store, states: States) -> None:
        self._agents = store.agents
        self._states = states

    async def wait(
        self,
        names: Sequence[AgentName],
        until: Iterable[str],
        timeout_seconds: float,
        *,
        team: TeamName | None = None,
        every: bool = True,
    ) -> AgentsWaited:
        """Wait until agents are in one of some states.

        Args:
            names: Whom to wait for; nobody is all that are registered now.
            team: Wait for those of this team and of the teams below it as well.
            until: Names of states, or of `GROUPS`.
            every: Wait for all of them; else for the first.

        Raises:
            NotFoundError: No such agent, or no such team.
            InvalidRequestError: A word is no state, or there is nobody to wait for.
        """
        wanted = states_of(until)
        chosen = await self._chosen(names, team)
        if not chosen:
            raise InvalidRequestError(
                "there is no agent to wait for", hint="Register or start one first."
            )
        views: dict[AgentName, StateView] = {}
        async with self._states.watch() as changes:
            for name in chosen:
                views[name] = await self._states.view(name)
            with anyio.move_on_after(timeout_seconds):
                while not _met(views, wanted, every=every):
                    changed = await changes.next()
                    if changed.agent in views:
                        views[changed.agent] = changed
        met = _met(views, wanted, every=every)
        return AgentsWaited(met, tuple(views.values()))

    async def _chosen(self, names: Sequence[AgentName], team: TeamName | None) -> list[AgentName]:
        if names and team is None:
            return list(names)
        registry = await self._agents.load()
        if team is None:
            return [one.name for one in registry.agents]
        known = {one.name for one in registry.teams}
        if team not in known:
            raise not_found("team", team, known)
        return [*names, *(one.name for one in members(registry, [team]) if one.name not in names)]


def states_of(words: Iterable[str]) -> frozenset[AgentState]:
    """Return the states that some words mean.

    Raises:
        InvalidRequestError: A word means none, or there is none.
    """
    found: set[AgentState] = set()
    for word in words:
        if word in GROUPS:
            found |= GROUPS[word]
        elif word in set(AgentState):
            found.add(AgentState(word))
        else:
            known = ", ".join([*GROUPS, *AgentState])
            raise InvalidRequestError(f"{word[:40]!r} is no state", hint=f"Use some of: {known}.")
    if not found:
        raise InvalidRequestError("no state is waited for", hint="Leave until out for settled.")
    return frozenset(found)


def _met(
    views: Mapping[AgentName, StateView], wanted: frozenset[AgentState], *, every: bool
) -> bool:
    return (all if every else any)(one.state in wanted for one in views.values())
