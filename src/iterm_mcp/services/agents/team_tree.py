"""Who stands where in the forest of teams. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.services.deliveries.cascade import ancestry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.agents import Agent, Registry
    from iterm_mcp.models.ids import AgentName, TeamName


def at_or_above(registry: Registry, teams: Iterable[TeamName]) -> frozenset[TeamName]:
    """Return these teams and all above them; names that are no team stand for themselves."""
    parents = {team.name: team.parent for team in registry.teams}
    found = set(teams)
    for team in tuple(found):
        if team in parents:
            found.update(name for _, name in ancestry(team, parents))
    return frozenset(found)


def at_or_below(registry: Registry, teams: Iterable[TeamName]) -> frozenset[TeamName]:
    """Return these teams and all below them; names that are no team stand for themselves."""
    parents = {team.name: team.parent for team in registry.teams}
    tops = frozenset(teams)
    return tops | {
        name for name in parents if any(above in tops for _, above in ancestry(name, parents))
    }


def members(registry: Registry, teams: Iterable[TeamName]) -> tuple[Agent, ...]:
    """Return the agents of these teams and of those below them, sorted by name."""
    tree = at_or_below(registry, teams)
    return tuple(agent for agent in registry.agents if tree.intersection(agent.teams))


def teams_of(registry: Registry, name: AgentName) -> tuple[TeamName, ...]:
    """Return the teams that an agent is a direct member of; none for one that is not there."""
    return next((agent.teams for agent in registry.agents if agent.name == name), ())
