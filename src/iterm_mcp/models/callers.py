"""Who asks for something: a person's client, or an agent that has tools of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.ids import AgentName


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        agent: The agent as whose the connection was opened; None for a person's client. It is
            what the connection says of itself: it keeps honest agents to their work, and does
            not hold one that is out to deceive.
        client: What the client calls itself; may be empty.
    """

    agent: AgentName | None = None
    client: str = ""

    @property
    def name(self) -> str:
        """A word for people: the agent's name, else the client's."""
        return self.agent or self.client or "somebody"
