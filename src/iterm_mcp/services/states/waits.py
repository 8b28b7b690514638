"""Waiting until agents are in some state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.agent_states import ENDED, NEEDS_PERSON, AgentState
from iterm_mcp.services.agents.team_tree import members
from iterm_mcp.services.names import not_found

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.services.states.asking import States
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


class Until(StrEnum):
    """What each agent of a team is waited for to be before something goes on by itself."""

    READY = "ready"
    """It takes an order: ready, done or failed, or its turn was ended by somebody."""
    DONE = "done"
    """It, or a check, says that its work is done."""

    @property
    def wanted(self) -> frozenset[str]:
        """Return the states of an agent that is so."""
        return _READY if self is Until.READY else frozenset({AgentState.DONE})

    @property
    def hopeless(self) -> frozenset[str]:
        """Return the states from which no agent comes to be so by itself."""
        return frozenset({"attention", "ended", AgentState.FAILED}) - self.wanted


_READY = frozenset({AgentState.READY, AgentState.DONE, AgentState.FAILED, AgentState.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class AgentsWaited:
    """How a wait ended.

    Attributes:
        met: It ended as wanted; neither with its time, nor because it was given up.
        views: Each agent as it was then, in the order asked for; of those who were not asked
            for by name, none that has left meanwhile.
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
        hopeless: Iterable[str] = (),
    ) -> AgentsWaited:
        """Wait until agents are in one of some states.

        Args:
            names: Whom to wait for; nobody is all that are registered now.
            team: Wait for those of this team and of the teams below it as well.
            until: Names of states, or of `GROUPS`.
            every: Wait for all of them; else for the first.
            hopeless: States in which none is waited for. Once only such are left, the wait ends.

        Raises:
            NotFoundError: No such agent, or no such team.
            InvalidRequestError: A word is no state, or there is nobody to wait for.
        """
        wanted = states_of(until)
        given_up = wanted | {state for word in hopeless for state in states_of([word])}
        chosen = await self._chosen(names, team)
        async with self._states.watch() as changes:
            views = await self._views(chosen, names)
            with anyio.move_on_after(timeout_seconds) as waiting:
                while not _met(views, wanted, every=every):
                    if hopeless and _met(views, given_up, every=True):
                        break
                    changed = await changes.next()
                    if changed.agent in views:
                        views[changed.agent] = changed
            if waiting.cancelled_caught:
                views = await self._views(chosen, names)
        met = bool(views) and _met(views, wanted, every=every)
        return AgentsWaited(met, tuple(views.values()))

    async def _views(
        self, chosen: Sequence[AgentName], names: Sequence[AgentName]
    ) -> dict[AgentName, StateView]:
        """Return how each is now; who has left is left out, unless asked for by name."""
        views: dict[AgentName, StateView] = {}
        for name in chosen:
            try:
                views[name] = await self._states.view(name)
            except NotFoundError:
                if name in names:
                    raise
        return views

    async def _chosen(
        self, names: Sequence[AgentName], team: TeamName | None
    ) -> Sequence[AgentName]:
        if names and team is None:
            return names
        registry = await self._agents.load()
        if team is None:
            if not registry.agents:
                raise InvalidRequestError(
                    "there is no agent to wait for", hint="Register or start one first."
                )
            return [one.name for one in registry.agents]
        known = {one.name for one in registry.teams}
        if team not in known:
            raise not_found("team", team, known)
        crew = [one.name for one in members(registry, [team])]
        if not names and not crew:
            raise InvalidRequestError(
                f"nobody is in team {team!r} or below it", hint="Register or start agents in it."
            )
        return [*names, *(one for one in crew if one not in names)]


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
