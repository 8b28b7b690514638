"""What keeps agents from being told or started anything for a while, as others ask for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from iterm_mcp.models.ids import AgentName, TeamName

Held = Callable[[AgentName, str, Sequence[TeamName]], str]
"""Given an agent's name, kind and teams, returns why it may neither be told nor started anything
now; empty when it may. It neither waits nor raises."""


def never_held(agent: AgentName, kind: str, teams: Sequence[TeamName]) -> str:
    """Hold nobody."""
    del agent, kind, teams
    return ""
