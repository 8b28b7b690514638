"""Messages on their way to agents, and how far each has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.observations import Json

DeliveryId = NewType("DeliveryId", str)


class Stage(StrEnum):
    """How far a message has come. It only ever moves on, see `MOVES`."""

    ACCEPTED = "accepted"
    """Safe on disk; nothing was typed."""
    LEASED = "leased"
    """Its session is ours alone, and about to be written to."""
    WRITTEN = "written"
    """The terminal took every byte."""
    SUBMITTED = "submitted"
    """The agent took it out of its composer."""
    QUEUED = "queued"
    """The agent keeps it until its turn has ended."""
    STARTED = "started"
    """The agent works on it."""
    ENDED = "ended"
    """The turn that it began has ended. That is not: the work is done."""
    REFUSED = "refused"
    """Nothing was typed, or what was typed was taken back: it may be sent again."""
    EXPIRED = "expired"
    """Its time was over before anything was typed: it may be sent again."""
    UNKNOWN = "unknown"
    """It may have arrived or not: only a person may send it again."""


_ON_THE_WAY = (
    Stage.ACCEPTED, Stage.LEASED, Stage.WRITTEN, Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED,
    Stage.ENDED,
)  # fmt: skip

FINAL = frozenset({Stage.ENDED, Stage.REFUSED, Stage.EXPIRED, Stage.UNKNOWN})
"""Stages that last. Where neither the agent nor its screen tells of its turns, a message stays
``written``."""

MOVES: Mapping[Stage, frozenset[Stage]] = {
    Stage.ACCEPTED: frozenset({Stage.LEASED, Stage.REFUSED, Stage.EXPIRED}),
    # Back to accepted: the guard found somebody's draft, or a dialog; it waits on.
    Stage.LEASED: frozenset(
        {Stage.ACCEPTED, Stage.WRITTEN, Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED,
         Stage.REFUSED, Stage.UNKNOWN}
    ),
    Stage.WRITTEN: frozenset({*_ON_THE_WAY[3:], Stage.REFUSED, Stage.UNKNOWN}),
    Stage.SUBMITTED: frozenset({*_ON_THE_WAY[4:], Stage.UNKNOWN}),
    Stage.QUEUED: frozenset({Stage.STARTED, Stage.ENDED, Stage.UNKNOWN}),
    Stage.STARTED: frozenset({Stage.ENDED, Stage.UNKNOWN}),
    # Evidence may come late: an unknown one that is seen to have arrived is known again.
    Stage.UNKNOWN: frozenset(_ON_THE_WAY[3:]),
    Stage.ENDED: frozenset(),
    Stage.REFUSED: frozenset(),
    Stage.EXPIRED: frozenset(),
}  # fmt: skip
"""Every legal move; any other is a bug."""


class EndReason(StrEnum):
    """Why a message came to its end, in one of few words; `Move.reason` has it in a sentence."""

    NONE = "none"
    """There is nothing to be said: its turn ended, or its time was over."""
    INTERRUPTED = "interrupted"
    GIVEN_UP = "given_up"
    """The agent gave its turn up, or was started anew amid it."""
    CANCELLED = "cancelled"
    NO_AGENT = "no_agent"
    AGENT_ENDED = "agent_ended"
    SESSION_ENDED = "session_ended"
    TERMINAL_AWAY = "terminal_away"
    SERVER_ENDED = "server_ended"
    NO_ROOM = "no_room"
    """Too many others waited for the same agent."""
    NOT_TAKEN = "not_taken"
    """It was typed, and the agent's composer did not take it, or does not show whether it did."""
    NOT_NOW = "not_now"
    """It was not to wait, and the agent takes nothing of that sort now."""
    OTHER = "other"


END_REASONS: Mapping[Stage, frozenset[EndReason]] = {
    Stage.ENDED: frozenset({EndReason.NONE, EndReason.INTERRUPTED, EndReason.GIVEN_UP}),
    Stage.EXPIRED: frozenset({EndReason.NONE}),
    Stage.REFUSED: frozenset(EndReason)
    - {EndReason.NONE, EndReason.INTERRUPTED, EndReason.GIVEN_UP, EndReason.SERVER_ENDED},
    Stage.UNKNOWN: frozenset(
        {EndReason.NO_AGENT, EndReason.AGENT_ENDED, EndReason.GIVEN_UP, EndReason.SERVER_ENDED,
         EndReason.NOT_TAKEN, EndReason.OTHER}
    ),
}  # fmt: skip
"""Which reasons there are for each of the final stages."""


class Policy(StrEnum):
    """When a message may be typed."""

    MESSAGE = "message"
    """As soon as the agent can take it: idle, or busy if it keeps a queue of its own."""
    NUDGE = "nudge"
    """Only while it is idle."""
    STEER = "steer"
    """Into the turn that is under way, where the kind can; else refused."""
    INTERRUPT = "interrupt"
    """End the turn first, then type."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a delivery.

    Attributes:
        reason: Why, for refused, expired and unknown; a word or sentence, never empty then.
        evidence: What proved it: ``hook UserPromptSubmit``, ``transcript dequeue`` …
    """

    stage: Stage
    at: datetime
    reason: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one agent.

    Attributes:
        epoch: The life of the agent it was accepted for; None is whichever lives then.
        priority: Higher goes first; 0 is usual.
        not_after: When it expires unless it was typed before, in UTC.
        key: The sender's idempotency key, or empty.
        moves: Its history, oldest first; the last is where it stands.
        sender: Who sent it: a client, a trigger, another agent.
    """

    delivery_id: DeliveryId
    agent: AgentName
    session_id: SessionId
    text: str
    policy: Policy
    priority: int
    accepted_at: datetime
    not_after: datetime
    moves: tuple[Move, ...]
    key: str = ""
    sender: str = ""
    epoch: int | None = None
    details: Mapping[str, Json] | None = None

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self.moves[-1].stage
