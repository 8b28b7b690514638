"""Work that one agent hands to another: a message, a result or a note, and how large it was."""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from iterm_mcp.models.deliveries import FINAL, Stage
from iterm_mcp.models.events import Event, EventKind, Links, event_key
from iterm_mcp.services.events.account_contexts import context_tokens
from iterm_mcp.services.events.own_events import SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.callers import Caller
    from iterm_mcp.models.events import Kept
    from iterm_mcp.models.notes import Note
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.results import Result
    from iterm_mcp.services.events.own_facts import Records

MOST_AGENTS = 1000
MOST_SIZES = 64
"""Of one agent's contexts that are remembered, to know the one of a moment just passed."""

MOST_WAITING = 10_000
ARRIVED = frozenset({Stage.STARTED.value, Stage.ENDED.value})
GONE = frozenset(one.value for one in FINAL)


class Context(NamedTuple):
    """How much an agent had before it at one moment."""

    at: datetime
    tokens: int
    conversation: str


class Contexts:
    """How large agents' contexts were lately, from what models answered."""

    def __init__(self) -> None:
        self._sizes: OrderedDict[str, list[Context]] = OrderedDict()

    def note(self, event: Event) -> None:
        """Note an event that tells how large a context is; others mean nothing."""
        tokens = context_tokens(event)
        if tokens is None or not event.links.agent:
            return
        sizes = self._sizes.setdefault(event.links.agent, [])
        self._sizes.move_to_end(event.links.agent)
        insort(sizes, Context(event.at, tokens, event.links.conversation))
        del sizes[:-MOST_SIZES]
        if len(self._sizes) > MOST_AGENTS:
            self._sizes.popitem(last=False)

    def at(self, agent: str, moment: datetime) -> Context | None:
        """Return an agent's context at a moment; None where nothing was told of it by then."""
        before = [one for one in self._sizes.get(agent, ()) if one.at <= moment]
        return before[-1] if before else None


class _Sent(NamedTuple):
    """A message of one agent's to another that has not arrived."""

    sender: str
    receiver: str
    at: datetime
    text: str


class Handoffs:
    """Finds handoffs in what was taken in, and in what agents read of each other.

    Use it as an observer of the intake.
    """

    def __init__(self, recorder: Records, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._contexts = Contexts()
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._agents: OrderedDict[str, None] = OrderedDict()

    def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
        """Note contexts and messages among events that are kept."""
        del kept
        for event in events:
            self._contexts.note(event)
            if event.links.agent:
                self._seen(event.links.agent)
            if event.kind is EventKind.MESSAGE_MOVED:
                self._moved(event)

    def result_read(self, caller: Caller, result: Result) -> None:
        """Note that somebody read a result."""
        if caller.agent is not None and result.author in self._agents:
            key = ("result", str(result.number), caller.agent)
            sent = _Sent(result.author, caller.agent, result.created_at, result.name)
            self._made(sent, self._clock.now(), "result", key)

    def note_read(self, caller: Caller, note: Note) -> None:
        """Note that somebody read a note."""
        if caller.agent is not None and note.author in self._agents:
            key = ("note", note.namespace, note.key, str(note.version), caller.agent)
            sent = _Sent(note.author, caller.agent, note.updated_at, f"{note.namespace}/{note.key}")
            self._made(sent, self._clock.now(), "note", key)

    def _seen(self, agent: str) -> None:
        """Remember an agent: of others who write, such as people, nothing is handed over."""
        self._agents[agent] = None
        self._agents.move_to_end(agent)
        if len(self._agents) > MOST_AGENTS:
            self._agents.popitem(last=False)

    def _moved(self, event: Event) -> None:
        delivery, stage = str(event.payload.get("delivery")), event.payload.get("stage")
        sender = event.payload.get("sender")
        if stage == Stage.ACCEPTED and isinstance(sender, str) and sender:
            if delivery not in self._sent:
                self._sent[delivery] = _Sent(sender, event.links.agent, event.at, event.text)
                if len(self._sent) > MOST_WAITING:
                    self._sent.popitem(last=False)
        elif stage in ARRIVED or stage in GONE:
            sent = self._sent.pop(delivery, None)
            if sent is not None and stage in ARRIVED:
                self._made(sent, event.at, "message", ("message", delivery))

    def _made(self, sent: _Sent, at: datetime, means: str, key: tuple[str, ...]) -> None:
        context = self._contexts.at(sent.sender, sent.at)
        if sent.sender == sent.receiver:
            return
        latency = max((at - sent.at).total_seconds(), 0.0)
        payload: dict[str, Json] = {
            "from": sent.sender, "to": sent.receiver, "means": means,
            "latency_seconds": latency,
            "context_tokens": None if context is None else context.tokens,
        }  # fmt: skip
        self._recorder.record(
            Event(
                key=event_key("own", "handoff", *key),
                at=at,
                kind=EventKind.HANDOFF_MADE,
                source=SOURCE,
                subject=f"{sent.sender} → {sent.receiver}",
                text=sent.text,
                links=Links(
                    agent=sent.sender, conversation="" if context is None else context.conversation
                ),
                payload=payload,
                duration_seconds=latency,
            )
        )
