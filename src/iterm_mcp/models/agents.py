"""Agents and the teams they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName, SessionId, TeamName


@dataclass(frozen=True, slots=True)
class Agent:
    """A named program living in one session.

    Attributes:
        kind: How it is spoken to: a name from the registry of agent kinds.
        session_id: The session it lives in. Sessions outlive daemons, so this still holds
            after a restart.
        teams: The teams it is a direct member of, sorted.
        role: Free text for people and models; empty when none was given.
        created_at: When it was registered, in UTC.
    """

    name: AgentName
    kind: str
    session_id: SessionId
    teams: tuple[TeamName, ...]
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Team:
    """A group of agents; teams form a forest.

    Attributes:
        parent: The team above, or None at the top.
        description: Free text; empty when none was given.
    """

    name: TeamName
    parent: TeamName | None
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Registry:
    """All agents and teams at one moment, each sorted by name."""

    agents: tuple[Agent, ...]
    teams: tuple[Team, ...]


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent, and whether its session still stands.

    Attributes:
        alive: None while the terminal is away and nobody can tell.
    """

    agent: Agent
    alive: bool | None
