"""What a conversation came to: its turns, calls, tokens, costs and files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.models.events import TokenUsage

if TYPE_CHECKING:
    from datetime import datetime


NOTHING = TokenUsage()


class Outcome(StrEnum):
    """How a call, a turn or a subagent ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNFINISHED = "unfinished"
    """Nobody told its end: it goes on, or its end was lost."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and money.

    Attributes:
        reported: Billionths of a dollar that agents said.
        computed: Billionths of a dollar by price lists.
        unpriced: Tokens of which nobody knows the price; the amounts leave them out.
        answers: How many answers of models are counted.
    """

    usage: TokenUsage = NOTHING
    reported: int = 0
    computed: int = 0
    unpriced: int = 0
    answers: int = 0

    @property
    def nanodollars(self) -> int:
        """All that is known."""
        return self.reported + self.computed

    @property
    def dollars(self) -> float:
        """For people."""
        return self.nanodollars / 1e9


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool.

    Attributes:
        call: The agent's own id.
        subagent: Which subagent used it; empty for the agent itself.
        turn: The index of the turn it belongs to; -1 before the first.
        seconds: As the agent tells it, else from its start to its end less `waited_seconds`.
        waited_seconds: How long it waited for a person.
        error: What went wrong, in the agent's words.
    """

    call: str
    tool: str
    subject: str
    subagent: str
    turn: int
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    waited_seconds: float
    outcome: Outcome
    error: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """From a prompt to the agent's last word on it.

    Attributes:
        turn: The agent's own id, if it has told one.
        prompt: The beginning of what was asked.
        seconds: From the prompt to the end, waiting included; None while unfinished.
        spent: By the agent and its subagents.
    """

    index: int
    turn: str
    prompt: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float | None
    waited_seconds: float
    outcome: Outcome
    calls: int
    spent: Spent
    error: str = ""


@dataclass(frozen=True, slots=True)
class Subagent:
    """An agent within the agent."""

    subagent: str
    type: str
    started_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome
    calls: int
    spent: Spent


class Change(StrEnum):
    """What became of a file, first state beside last."""

    CREATED = "created"
    MODIFIED = "modified"
    DELETED = "deleted"
    PASSING = "passing"
    """Created and deleted again."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A path, and all that happened to it.

    Attributes:
        changes: How often it was changed.
        lines_added: Over all changes; None where no source told any.
        bytes_before: Its size before the first change; None where unknown.
        bytes_after: Its size after the last; None where unknown or deleted.
    """

    path: str
    change: Change
    changes: int
    lines_added: int | None
    lines_removed: int | None
    bytes_before: int | None
    bytes_after: int | None


@dataclass(frozen=True, slots=True)
class ToolTotals:
    """All uses of one tool."""

    tool: str
    calls: int
    failed: int
    seconds: float
    waited_seconds: float


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that was made, or a pull request that was opened, merged or closed."""

    at: datetime
    what: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The same thing that went wrong, as often as it did.

    Attributes:
        in_a_row: How often at most before the tool did anything else: an agent that repeats
            itself is stuck.
    """

    tool: str
    error: str
    times: int
    last_at: datetime
    in_a_row: int = 1

    @property
    def repeated(self) -> bool:
        """Whether it went wrong again and again."""
        return self.times > 1


@dataclass(frozen=True, slots=True)
class Handoff:
    """Work that the agent handed to another.

    Attributes:
        to: The other agent.
        means: message, result or note.
        text: The message, or what the result or note is called; its beginning.
        context_tokens: How much the agent had before it then; None where unknown.
        latency_seconds: Until the other began with it.
    """

    at: datetime
    to: str
    means: str
    text: str
    context_tokens: int | None
    latency_seconds: float


@dataclass(frozen=True, slots=True)
class ContextSize:
    """How many tokens the agent had before it from then on."""

    at: datetime
    tokens: int


@dataclass(frozen=True, slots=True)
class Account:
    """One conversation.

    Attributes:
        models: Those that answered, by how much they wrote, most first.
        waited_seconds: How long it waited for people within turns.
        by_model: What each model spent, in the order of `models`.
        failures: Repeated ones first.
        events: How many it was made from.
        contexts: How the context grew and was compacted; of a long conversation some points,
            the largest and the last among them.
    """

    conversation: str
    kind: str
    agent: str
    team: str
    session: str
    task: str
    title: str
    directory: str
    started_at: datetime
    last_at: datetime
    ended_at: datetime | None
    end_reason: str
    models: tuple[str, ...]
    turns: tuple[Turn, ...]
    calls: tuple[Call, ...]
    tools: tuple[ToolTotals, ...]
    subagents: tuple[Subagent, ...]
    files: tuple[ChangedFile, ...]
    commits: tuple[Commit, ...]
    failures: tuple[Failure, ...]
    spent: Spent
    by_model: tuple[Spent, ...]
    waited_seconds: float
    compactions: int
    events: int
    handoffs: tuple[Handoff, ...] = ()
    contexts: tuple[ContextSize, ...] = ()

    @property
    def seconds(self) -> float:
        """From the first event to the last."""
        return (self.last_at - self.started_at).total_seconds()

    @property
    def busy_seconds(self) -> float:
        """All turns that ended, less what they waited for people."""
        return sum(
            max(turn.seconds - turn.waited_seconds, 0.0)
            for turn in self.turns
            if turn.seconds is not None
        )
