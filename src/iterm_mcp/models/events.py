"""Events: facts of the past, told once, by whoever saw them, and kept.

An event is never changed. The same event told again, by the same source or after a crash, has the
same key, and is kept once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

EventNumber = NewType("EventNumber", int)
"""Counts up over all events in the order in which they were kept; has gaps, never goes back."""

MAX_KEY_CHARACTERS = 512
MAX_NAME_CHARACTERS = 512
"""Of every field that names something."""
MAX_BODY_BYTES = 1 << 20
"""Of an event's text and payload together, as JSON in UTF-8. Whoever makes events cuts them
before, and says so in the payload's ``cut``."""


class EventKind(StrEnum):
    """What happened. The comments name what the payload holds beside what has a field."""

    # Conversations of agents.
    CONVERSATION_STARTED = "ConversationStarted"  # source, directory, transcript, version, title
    CONVERSATION_ENDED = "ConversationEnded"  # reason
    PROMPT_SUBMITTED = "PromptSubmitted"  # the prompt is the text; via
    TURN_ENDED = "TurnEnded"  # the last answer is the text
    TURN_FAILED = "TurnFailed"  # error, details
    TURN_INTERRUPTED = "TurnInterrupted"
    MODEL_ANSWERED = "ModelAnswered"  # request, stop; usage, cost
    MODEL_SWITCHED = "ModelSwitched"  # from, to
    CONTEXT_COMPACTED = "ContextCompacted"  # trigger, tokens_before, tokens_after
    TOOL_STARTED = "ToolStarted"  # tool, input
    TOOL_ENDED = "ToolEnded"  # tool, input, output
    TOOL_FAILED = "ToolFailed"  # tool, input, error, interrupted
    PERMISSION_REQUESTED = "PermissionRequested"  # tool, input
    PERMISSION_ANSWERED = "PermissionAnswered"  # tool, answer, by
    QUESTION_ASKED = "QuestionAsked"
    SUBAGENT_STARTED = "SubagentStarted"  # subagent, type
    SUBAGENT_ENDED = "SubagentEnded"  # subagent, type, transcript
    HANDOFF_MADE = "HandoffMade"  # from, to, context_tokens, latency_seconds
    AGENT_NOTIFIED = "AgentNotified"  # type
    HOOK_FIRED = "HookFired"  # event; for what has no kind of its own

    # What work leaves behind.
    FILE_CHANGED = "FileChanged"  # path, change, bytes_before, bytes_after, lines_*
    COMMIT_MADE = "CommitMade"  # sha, branch, message
    PULL_REQUEST_CHANGED = "PullRequestChanged"  # number, url, action

    # Our own terminals, agents, messages, approvals.
    SESSION_OPENED = "SessionOpened"
    SESSION_CLOSED = "SessionClosed"
    COMMAND_ENDED = "CommandEnded"  # command, exit_status, directory
    AGENT_STARTED = "AgentStarted"
    AGENT_STATE_CHANGED = "AgentStateChanged"  # before, after, reason
    AGENT_ENDED = "AgentEnded"
    AGENT_CRASHED = "AgentCrashed"
    MESSAGE_MOVED = "MessageMoved"  # delivery, stage, reason
    TOOL_CALLED = "ToolCalled"  # a client of ours called one of our tools
    TASK_CHANGED = "TaskChanged"
    TASK_SUBMITTED = "TaskSubmitted"  # graph, name, kind
    TASK_STARTED = "TaskStarted"  # graph, name, kind, attempt
    TASK_ASKED = "TaskAsked"  # graph, name, kind, attempt; the question is asked for with the task
    TASK_SETTLED = "TaskSettled"  # graph, name, kind, attempt, state, reason

    # What agents report of themselves, and what follows from it.
    METRIC_REPORTED = "MetricReported"  # name, value, unit, attributes
    LOG_REPORTED = "LogReported"  # name, attributes
    BUDGET_CROSSED = "BudgetCrossed"  # budget, percent
    BUDGET_RELEASED = "BudgetReleased"  # budget, percent, by
    ALERT_RAISED = "AlertRaised"
    ALERT_SETTLED = "AlertSettled"


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one answer of a model, each counted once: no field includes another.

    Attributes:
        input: Neither read from a cache nor written to one.
        cache_write: Written for five minutes, or for as long as the provider's only cache holds.
        cache_write_1h: Written for an hour.
        output: What was answered, reasoning included.
        reasoning: The part of `output` that was reasoning; told, not added.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h + self.output


class CostBasis(StrEnum):
    """Where the amount comes from."""

    REPORTED = "reported"
    """The agent said it."""
    COMPUTED = "computed"
    """From tokens, by the prices of that day."""
    UNPRICED = "unpriced"
    """Nobody knows; the amount is 0 and must be shown as unknown."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer cost.

    Attributes:
        nanodollars: Whole billionths of a US dollar, so that sums are exact.
    """

    nanodollars: int
    basis: CostBasis

    @property
    def dollars(self) -> float:
        """For people."""
        return self.nanodollars / 1e9


@dataclass(frozen=True, slots=True)
class Links:
    """What an event belongs to; empty where unknown.

    Attributes:
        session: The terminal session, in which the agent or the command ran.
        agent: Our name of the agent.
        kind: The agent's kind: ``claude``, ``codex``, ``gemini``.
        conversation: The agent's own id of its conversation.
        subagent: The agent's own id of the subagent within it.
        turn: The agent's own id of the turn.
        call: The agent's own id of the tool's call.
        model: The model that answered, as the provider calls it.
        trace: The trace id, 32 hexadecimal digits.
    """

    session: str = ""
    agent: str = ""
    team: str = ""
    task: str = ""
    step: str = ""
    kind: str = ""
    conversation: str = ""
    subagent: str = ""
    turn: str = ""
    call: str = ""
    model: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact, as its source tells it.

    Attributes:
        key: The same for the same fact however often it is told; see `event_key`.
        at: When it happened, aware, UTC; when it was noticed if the source does not say.
        kind: What happened.
        source: Who told it: ``claude.hook``, ``claude.transcript``, ``codex.rollout``, ``otlp`` …
        subject: What it is about, in few words: a path, a tool, a command, a model.
        text: What a search for words looks through, and a person reads.
        duration_seconds: How long it took, where the source tells.
    """

    key: str
    at: datetime
    kind: EventKind
    source: str
    subject: str = ""
    text: str = ""
    links: Links = field(default_factory=Links)
    payload: Mapping[str, Json] = field(default_factory=dict)
    duration_seconds: float | None = None
    usage: TokenUsage | None = None
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event in the store.

    Attributes:
        kept_at: When the store took it, aware, UTC.
    """

    number: EventNumber
    kept_at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of events that were handed over: all of them stand on the disk.

    Attributes:
        new: How many were not known before.
        repeated: How many were.
        last: The newest number in the store.
    """

    new: int
    repeated: int
    last: EventNumber


def event_key(*parts: str) -> str:
    """Return a key made of what identifies a fact: who, where, and the source's own id of it.

    Parts may hold anything; different parts give different keys.
    """
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)
