"""One agent's conversation as spans: its turns, its subagents, and the tools that they use. Pure.

Events come from hooks and transcripts, at times from both, and late. So each span has an id that
follows from what it is of: whatever is told first, parts find their parents.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from iterm_mcp.models.accounts import NOTHING
from iterm_mcp.models.events import EventKind, TokenUsage
from iterm_mcp.telemetry import conventions as names
from iterm_mcp.telemetry.trace_context import TraceContext, span_id_of
from iterm_mcp.telemetry.tracing import Span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.events import Event
    from iterm_mcp.telemetry.tracing import Value

_T = TypeVar("_T")

MOST_TURNS = 50
MOST_CALLS = 2000
MOST_EARLY = 10

ENDS: Mapping[EventKind, str] = {
    EventKind.TURN_ENDED: "done",
    EventKind.TURN_FAILED: "failed",
    EventKind.TURN_INTERRUPTED: "interrupted",
}
_CALL_ENDS = frozenset({EventKind.TOOL_ENDED, EventKind.TOOL_FAILED})
OF_TALKS = frozenset(
    {EventKind.PROMPT_SUBMITTED, EventKind.TOOL_STARTED, EventKind.MODEL_ANSWERED,
     EventKind.SUBAGENT_STARTED, EventKind.SUBAGENT_ENDED, *ENDS, *_CALL_ENDS}
)  # fmt: skip
"""What spans are made of."""


@dataclass(slots=True)
class Turn:
    """A turn of an agent.

    Attributes:
        name: The agent's own id of it, else what tells its prompt from others.
        parent: The span that had it begin.
        ended: How it ended, and when; None while it goes on.
        taken: Its span was handed out.
    """

    name: str
    context: TraceContext
    parent: TraceContext
    began_at: datetime
    usage: TokenUsage = NOTHING
    model: str = ""
    calls: int = 0
    answers: set[str] = field(default_factory=set)
    ended: tuple[datetime, str, str] | None = None
    taken: bool = False


@dataclass(slots=True)
class _Part:
    """A use of a tool, or a subagent, that has begun."""

    began_at: datetime
    name: str
    turn: Turn
    ended: bool = False
    event: Event | None = None


class Talk:
    """What is known of one conversation.

    Attributes:
        turns: By name, oldest first.
    """

    def __init__(self, conversation: str) -> None:
        self.conversation = conversation
        self.turns: OrderedDict[str, Turn] = OrderedDict()
        self._calls: OrderedDict[str, _Part] = OrderedDict()
        self._subagents: OrderedDict[str, _Part] = OrderedDict()
        self._early: list[Event] = []

    def begin(self, event: Event, parent: TraceContext) -> Turn:
        """Begin the turn of a prompt in a span; one that has begun is returned as it stands."""
        name = turn_name(event)
        known = self.turns.get(name)
        if known is not None:
            return known
        context = parent.child(span_id_of("turn", self.conversation, name))
        turn = self.turns[name] = Turn(name, context, parent, event.at)
        _trim(self.turns, MOST_TURNS)
        early = next((one for one in self._early if one.at >= event.at), None)
        if early is not None:  # its end was told before its beginning
            self._early.remove(early)
            self.end(early)
        return turn

    def turn_of(self, event: Event) -> Turn | None:
        """Return the turn in which something happened: by its id, else by the time."""
        if event.links.turn in self.turns:
            return self.turns[event.links.turn]
        before = (one for one in reversed(self.turns.values()) if one.began_at <= event.at)
        return next(before, None)

    @property
    def working(self) -> Turn | None:
        """The turn under way; None at rest."""
        last = next(reversed(self.turns.values()), None)
        return None if last is None or last.ended is not None else last

    def end(self, event: Event) -> Turn | None:
        """Note the end of a turn, and return it; None where its beginning is not known yet."""
        turn = self.turn_of(event)
        if turn is None or (turn.ended is not None and not event.links.turn):
            self._early = [*self._early, event][-MOST_EARLY:]
            return None
        if turn.ended is None or event.at > turn.ended[0]:
            error = event.payload.get("error")
            turn.ended = event.at, ENDS[event.kind], error if isinstance(error, str) else ""
        return turn

    def call_context(self, call: str, turn: Turn) -> TraceContext:
        """Return the span of a use of a tool in a turn."""
        return turn.context.child(span_id_of("call", self.conversation, call))

    def note(self, event: Event) -> Span | None:
        """Take note of what happens in a turn; return the span of what has ended by it."""
        turn = self.turn_of(event)
        if turn is None:
            return None
        match event.kind:
            case EventKind.TOOL_STARTED if event.links.call:
                if event.links.call not in self._calls:
                    part = _Part(event.at, _tool(event), turn, event=event)
                    self._calls[event.links.call] = part
                    _trim(self._calls, MOST_CALLS)
            case EventKind.TOOL_ENDED | EventKind.TOOL_FAILED if event.links.call:
                return self._used(event, turn)
            case EventKind.SUBAGENT_STARTED if event.links.subagent:
                name = str(event.payload.get("type") or "")
                self._subagents.setdefault(event.links.subagent, _Part(event.at, name, turn))
                _trim(self._subagents, MOST_CALLS)
            case EventKind.SUBAGENT_ENDED if event.links.subagent:
                return self._delegated(event)
            case EventKind.MODEL_ANSWERED:
                _count(turn, event)
        return None

    def _used(self, event: Event, turn: Turn) -> Span | None:
        call = event.links.call
        part = self._calls.get(call)
        if part is None:
            began = event.at
            if event.duration_seconds is not None:
                began = _before(event.at, event.duration_seconds)
            part = self._calls[call] = _Part(began, _tool(event), turn)
            _trim(self._calls, MOST_CALLS)
        if part.ended:
            return None
        part.ended, part.turn.calls = True, part.turn.calls + 1
        inner = self._subagents.get(event.links.subagent)
        parent = part.turn.context if inner is None else self._inner(event.links.subagent, inner)
        told: dict[str, Value] = {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL: part.name,
            names.CALL: call,
            names.AGENT: event.links.agent,
            names.CONVERSATION: self.conversation,
        }
        error = None
        if event.kind is EventKind.TOOL_FAILED:
            error = "interrupted" if event.payload.get("interrupted") is True else names.TOOL_ERROR
            told[names.ERROR] = error
        span = Span(
            f"{names.EXECUTE_TOOL} {part.name}", self.call_context(call, part.turn),
            parent.span_id, part.began_at, max(event.at, part.began_at), attributes=told,
            error=error,
        )  # fmt: skip
        part.event = None
        return span

    def asked_for(self, call: str) -> Event | None:
        """Return the event with which a use of a tool began that has not ended."""
        part = self._calls.get(call)
        return None if part is None else part.event

    def _inner(self, subagent: str, part: _Part) -> TraceContext:
        return part.turn.context.child(span_id_of("subagent", self.conversation, subagent))

    def _delegated(self, event: Event) -> Span | None:
        part = self._subagents.get(event.links.subagent)
        if part is None or part.ended:
            return None
        part.ended = True
        name = part.name or str(event.payload.get("type") or "subagent")
        told: dict[str, Value] = {
            names.OPERATION: names.INVOKE_AGENT,
            names.PROVIDER: names.provider_of(event.links.kind),
            names.AGENT: name,
            names.AGENT_ID: event.links.subagent,
            names.CONVERSATION: self.conversation,
        }
        return Span(
            f"{names.INVOKE_AGENT} {name}", self._inner(event.links.subagent, part),
            part.turn.context.span_id, part.began_at, max(event.at, part.began_at),
            attributes=told,
        )  # fmt: skip


def turn_span(turn: Turn, agent: str, kind: str, conversation: str) -> Span:
    """Return the span of a turn that has ended.

    Raises:
        ValueError: It has not.
    """
    if turn.ended is None:
        raise ValueError(turn.name)
    ended_at, outcome, error = turn.ended
    usage = turn.usage
    told: dict[str, Value] = {
        names.OPERATION: names.INVOKE_AGENT,
        names.PROVIDER: names.provider_of(kind),
        names.AGENT: agent,
        names.KIND: kind,
        names.CONVERSATION: conversation,
        names.TURN: turn.name,
        names.OUTCOME: outcome,
        "iterm_mcp.turn.tool_uses": turn.calls,
    }
    if turn.model:
        told[names.MODEL] = turn.model
    if usage.total:
        cached = usage.cache_read, usage.cache_write + usage.cache_write_1h
        told |= {
            names.INPUT_TOKENS: usage.input + sum(cached),  # by convention, cached ones included
            names.OUTPUT_TOKENS: usage.output,
            names.CACHE_READ_TOKENS: cached[0],
            names.CACHE_WRITE_TOKENS: cached[1],
            names.REASONING_TOKENS: usage.reasoning,
        }
    if outcome != "done":
        told[names.ERROR] = error or outcome
    return Span(
        f"{names.INVOKE_AGENT} {agent}", turn.context, turn.parent.span_id, turn.began_at,
        max(ended_at, turn.began_at), attributes=told,
        error=None if outcome == "done" else error or outcome,
    )  # fmt: skip


def turn_name(event: Event) -> str:
    """Return what tells the turn of a prompt from the others of its conversation."""
    return event.links.turn or event.key


def _tool(event: Event) -> str:
    return str(event.payload.get("tool") or "")[:100]


def _count(turn: Turn, event: Event) -> None:
    if event.usage is None or event.key in turn.answers:
        return
    turn.answers.add(event.key)
    turn.model = event.links.model or turn.model
    one, other = turn.usage, event.usage
    turn.usage = TokenUsage(
        one.input + other.input,
        one.cache_read + other.cache_read,
        one.cache_write + other.cache_write,
        one.cache_write_1h + other.cache_write_1h,
        one.output + other.output,
        one.reasoning + other.reasoning,
    )


def _before(at: datetime, seconds: float) -> datetime:
    return at - timedelta(seconds=max(seconds, 0.0))


def _trim(known: OrderedDict[str, _T], most: int) -> None:
    if len(known) > most:
        known.popitem(last=False)
