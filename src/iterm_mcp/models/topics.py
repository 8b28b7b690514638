"""What somebody may want to be told of when it changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.ids import AgentName, SessionId


class Part(StrEnum):
    """What of a session is looked at."""

    SCREEN = "screen"
    OUTPUT = "output"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class Topic:
    """A part of one session; or, without one, the list of all, or something of ours.

    Attributes:
        triggers: The triggers; the like of `approvals` and `agents`, all of them and their states.
        agent: The state of one agent.
    """

    session_id: SessionId | None = None
    part: Part | None = None
    triggers: bool = False
    approvals: bool = False
    agents: bool = False
    agent: AgentName | None = None

    @property
    def is_ours(self) -> bool:
        """Tell whether it is about what we keep, and not about sessions."""
        return self.triggers or self.approvals or self.agents or self.agent is not None
