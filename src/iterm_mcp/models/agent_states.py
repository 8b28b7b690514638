"""What an agent is doing, and why we say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json, Observation


class AgentState(StrEnum):
    """The state that is shown. ``unknown`` is honest; ``done`` and ``failed`` are only asserted."""

    UNKNOWN = "unknown"
    CREATING = "creating"
    """Its session is being opened."""
    STARTING = "starting"
    GATE = "gate"
    """Trust, login, theme or the like stands before its composer."""
    READY = "ready"
    DRAFT = "draft"
    """Ready, but a person's unsent text stands in its composer."""
    WORKING = "working"
    COMPACTING = "compacting"
    WAITING_PERMISSION = "waiting_permission"
    WAITING_QUESTION = "waiting_question"
    RATE_LIMITED = "rate_limited"
    AUTH_FAILED = "auth_failed"
    API_RETRY = "api_retry"
    BACKGROUND = "background"
    """Its turn has ended, and something that it started goes on."""
    INTERRUPTED = "interrupted"
    SUSPENDED = "suspended"
    """Its process is stopped: it reads nothing until somebody lets it go on."""
    DONE = "done"
    FAILED = "failed"
    EXITED = "exited"
    """Its process ended; a shell may have taken its place."""
    LOST = "lost"
    """Its session is gone."""
    REPLACED = "replaced"
    """Another process stands where it was."""
    RESTARTING = "restarting"
    QUARANTINED = "quarantined"
    """It crashed too often to be started again by itself."""


NEEDS_PERSON = frozenset(
    {
        AgentState.GATE,
        AgentState.WAITING_PERMISSION,
        AgentState.WAITING_QUESTION,
        AgentState.AUTH_FAILED,
        AgentState.QUARANTINED,
    }
)
"""States that a person must end; each is shown with a reason."""

ENDED = frozenset({AgentState.EXITED, AgentState.LOST, AgentState.REPLACED, AgentState.QUARANTINED})
"""States in which no message can reach the agent."""


@dataclass(frozen=True, slots=True)
class StateView:
    """An agent's state at one moment.

    Attributes:
        reason: Why, in a sentence; never empty when a person is needed.
        since: When it came to be so, in UTC; None when nothing was ever seen.
        details: What belongs to the state: dialog, attempt, until, count …
        winning: The observations that decided.
        losing: Those that said otherwise, and why each was not believed.
    """

    agent: AgentName
    epoch: int
    state: AgentState
    reason: str
    since: datetime | None
    details: Mapping[str, Json] = field(default_factory=dict)
    winning: tuple[Observation, ...] = ()
    losing: tuple[tuple[Observation, str], ...] = ()
