"""Which text of a cascade is for whom. Pure.

Rules, the first that holds:

1. An agent's own text.
2. The text of the nearest team: the agent's own teams have distance 0, their parents 1, and
   so on. Of two at the same distance, the alphabetically first name wins.
3. The broadcast.
4. None: the agent is unreached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.messages import Resolved, Source
from iterm_mcp.services.names import not_found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iterm_mcp.models.agents import Agent, Registry
    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.models.messages import Cascade


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who gets which text, and who gets none; both sorted by agent."""

    resolved: tuple[Resolved, ...]
    unreached: tuple[AgentName, ...]


def resolve(cascade: Cascade, registry: Registry) -> Resolution:
    """Find the one text for each agent.

    Raises:
        InvalidRequestError: The cascade is empty, or a text in it is.
        NotFoundError: It names an agent or a team that is not registered.
    """
    _check(cascade, registry)
    parents = {team.name: team.parent for team in registry.teams}
    resolved: list[Resolved] = []
    unreached: list[AgentName] = []
    for agent in sorted(registry.agents, key=lambda agent: agent.name):
        one = _resolve_one(cascade, agent, parents)
        if one is None:
            unreached.append(agent.name)
        else:
            resolved.append(one)
    return Resolution(tuple(resolved), tuple(unreached))


def ancestry(
    team: TeamName, parents: Mapping[TeamName, TeamName | None]
) -> Iterator[tuple[int, TeamName]]:
    """Yield a team with distance 0, then the teams above it, each one further away."""
    distance = 0
    above: TeamName | None = team
    while above is not None:
        yield distance, above
        above = parents[above]
        distance += 1


def _resolve_one(
    cascade: Cascade, agent: Agent, parents: Mapping[TeamName, TeamName | None]
) -> Resolved | None:
    own = cascade.agents.get(agent.name)
    if own is not None:
        return Resolved(agent.name, agent.session_id, own, Source.AGENT)
    _, nearest = min(
        (
            step
            for team in agent.teams
            for step in ancestry(team, parents)
            if step[1] in cascade.teams
        ),
        default=(0, None),
    )
    if nearest is not None:
        text = cascade.teams[nearest]
        return Resolved(agent.name, agent.session_id, text, Source.TEAM, nearest)
    if cascade.broadcast is not None:
        return Resolved(agent.name, agent.session_id, cascade.broadcast, Source.BROADCAST)
    return None


def _check(cascade: Cascade, registry: Registry) -> None:
    texts = [*cascade.agents.values(), *cascade.teams.values()]
    if cascade.broadcast is not None:
        texts.append(cascade.broadcast)
    if not texts:
        raise InvalidRequestError(
            "the cascade is empty", hint="Give a broadcast, or a text for a team or an agent."
        )
    if "" in texts:
        raise InvalidRequestError(
            "a text of the cascade is empty", hint="Leave out those who shall get no text."
        )
    agents = {agent.name for agent in registry.agents}
    for name in sorted(cascade.agents):
        if name not in agents:
            raise not_found("agent", name, agents)
    teams = {team.name for team in registry.teams}
    for team in sorted(cascade.teams):
        if team not in teams:
            raise not_found("team", team, teams)
