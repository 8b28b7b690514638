"""The turns of agents in the traces of what they were told.

A turn is part of the message that it began with: the one whose text is its prompt. What a person
typed, and what an agent was started with, is part of the agent's life. Agents that we neither
started nor told anything are not traced.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import StoreError
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import EventKind, Links
from iterm_mcp.services.background import beside
from iterm_mcp.services.deliveries.evidence import holds_text, same_text
from iterm_mcp.services.traces.arguments import with_arguments
from iterm_mcp.services.traces.messages import context_of
from iterm_mcp.services.traces.talks import ENDS, OF_TALKS, Talk, Turn, turn_name, turn_span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from datetime import datetime

    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.event_queries import EventPage
    from iterm_mcp.models.events import Event
    from iterm_mcp.services.traces.lives import LifeSpans
    from iterm_mcp.telemetry.trace_context import TraceContext
    from iterm_mcp.telemetry.tracing import Tracer

log = structlog.get_logger()

MOST_TALKS = 1000
MOST_AGENTS = 5000
MOST_MESSAGES = 64
"""Of one agent's that are remembered: those of its queue, and the last ones."""

RECALLED_EVENTS = 500
"""Of a conversation that went on while another daemon, or none, was there."""

LATE = timedelta(seconds=1)
"""So much before a message was accepted may a prompt be dated that came of it: clocks differ."""

NEVER_TYPED = frozenset({Stage.REFUSED, Stage.EXPIRED})

GRACE_SECONDS = 2.0
"""How long a turn that has ended is held for what transcripts tell of it, such as tokens."""


class Kept(Protocol):
    """Where events are asked for."""

    async def query(self, query: EventQuery) -> EventPage:
        """Return a page of events."""


@dataclass(slots=True)
class _Sent:
    """A message that may become a prompt.

    Attributes:
        turn: The conversation and the turn that began with it; None for none yet.
    """

    delivery_id: str
    text: str
    at: datetime
    context: TraceContext
    turn: tuple[str, str] | None = None


@dataclass(slots=True)
class _Closing:
    """A turn that has ended, until when it is held."""

    until: float
    turn: Turn
    event: Event


class AgentSpans:
    """Takes note of events before they are kept, and tells the trace of each.

    Args:
        grace_seconds: How long a turn that has ended is held.
    """

    def __init__(
        self,
        tracer: Tracer,
        lives: LifeSpans,
        kept: Kept,
        *,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._tracer = tracer
        self._lives = lives
        self._kept = kept
        self._grace_seconds = grace_seconds
        self._sent: OrderedDict[str, deque[_Sent]] = OrderedDict()
        self._talks: OrderedDict[str, Talk] = OrderedDict()
        self._latest: OrderedDict[str, Talk] = OrderedDict()
        self._recalling = anyio.Lock()
        self._closing: deque[_Closing] = deque()
        self._stirred = anyio.Event()

    # What services tell.

    def message_moved(self, delivery: Delivery) -> None:
        """Remember a message that is traced."""
        context = context_of(delivery)
        if context is None:
            return
        agent = str(delivery.agent)
        known = self._sent.setdefault(agent, deque(maxlen=MOST_MESSAGES))
        self._sent.move_to_end(agent)
        if len(self._sent) > MOST_AGENTS:
            self._sent.popitem(last=False)
        standing = next((one for one in known if one.delivery_id == delivery.delivery_id), None)
        if delivery.stage in NEVER_TYPED:
            if standing is not None:
                known.remove(standing)
        elif standing is None:
            known.append(_Sent(delivery.delivery_id, delivery.text, delivery.accepted_at, context))

    def recall(self, deliveries: Iterable[Delivery]) -> None:
        """Remember messages that an earlier process accepted."""
        for one in sorted(deliveries, key=lambda one: one.accepted_at):
            self.message_moved(one)

    def working_in(self, agent: str, call: str) -> TraceContext | None:
        """Return the span of a use of a tool by an agent, or of its turn where none is named.

        None while no turn of its is known to be under way.
        """
        talk = self._latest.get(agent)
        turn = None if talk is None else talk.working
        if talk is None or turn is None:
            return None
        return talk.call_context(call, turn) if call else turn.context

    # What the intake tells.

    async def take(self, events: Sequence[Event]) -> list[Event]:
        """Take note of events, and return them with the traces that they belong to."""
        for conversation in {
            one.links.conversation for one in events
            if one.links.agent and one.links.conversation
            and one.links.conversation not in self._talks
        }:  # fmt: skip
            await self._recall(conversation, {one.key for one in events})
        return [self._taken(one) for one in events]

    async def _recall(self, conversation: str, now: set[str]) -> None:
        """Read what was kept of a conversation that is new to this process."""
        async with self._recalling:
            if conversation in self._talks:
                return
            query = EventQuery(
                links=Links(conversation=conversation), kinds=OF_TALKS, limit=RECALLED_EVENTS
            )
            try:
                before = (await self._kept.query(query)).events
            except StoreError as error:
                log.warning("conversation_not_recalled", reason=str(error))
                before = ()
            self._talk(conversation)
            for one in reversed(before):
                if one.event.key not in now:
                    self._taken(one.event, again=True)

    def _talk(self, conversation: str) -> Talk:
        talk = self._talks.get(conversation)
        if talk is None:
            talk = self._talks[conversation] = Talk(conversation)
            if len(self._talks) > MOST_TALKS:
                self._talks.popitem(last=False)
        self._talks.move_to_end(conversation)
        return talk

    def _taken(self, event: Event, *, again: bool = False) -> Event:
        """Take note of one event.

        Args:
            again: An earlier process has done so, and exported what came of it.
        """
        links = event.links
        if not links.conversation or not (links.agent or links.conversation in self._talks):
            return event
        talk = self._talk(links.conversation)
        if links.agent:
            self._latest[links.agent] = talk
            self._latest.move_to_end(links.agent)
            if len(self._latest) > MOST_AGENTS:
                self._latest.popitem(last=False)
        if event.kind is EventKind.PROMPT_SUBMITTED and not links.subagent:
            self._begun(talk, event)
        elif event.kind in ENDS and not links.subagent:
            self._ended(talk.end(event), event, again=again)
        elif event.kind in OF_TALKS:
            asked = talk.asked_for(links.call) or event
            span = talk.note(event)
            if span is not None and not again:
                self._tracer.end(with_arguments(span, asked) if self._tracer.arguments else span)
        turn = talk.turn_of(event)
        if turn is None or links.trace:
            return event
        return replace(event, links=replace(links, trace=turn.context.trace_id))

    def _begun(self, talk: Talk, event: Event) -> None:
        parent = self._parent(talk, event)
        if parent is None:
            return
        turn = talk.begin(event, parent)
        if turn.ended is not None and not turn.taken:
            self._ended(turn, event, again=False)

    def _parent(self, talk: Talk, event: Event) -> TraceContext | None:
        """Return the span that had a turn begin."""
        turn = talk.conversation, turn_name(event)
        sent = self._sent.get(event.links.agent, ())
        for fits in (same_text, holds_text):
            for one in sent:
                late = one.at > event.at + LATE
                if one.turn in {None, turn} and not late and fits(event.text, one.text):
                    one.turn = turn
                    return one.context
        return self._lives.of(event.links.agent)

    def _ended(self, turn: Turn | None, event: Event, *, again: bool) -> None:
        if turn is None or turn.taken:
            return
        turn.taken = True
        if not again:
            self._closing.append(_Closing(anyio.current_time() + self._grace_seconds, turn, event))
            self._stirred.set()

    # The ends of turns.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Export turns some time after they have ended, and at the end of the block at once."""
        async with beside(self._run):
            try:
                yield
            finally:
                self._close(float("inf"))

    async def _run(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred = anyio.Event()
            while self._closing:
                await anyio.sleep(max(self._closing[0].until - anyio.current_time(), 0.0))
                self._close(anyio.current_time())

    def _close(self, now: float) -> None:
        while self._closing and self._closing[0].until <= now:
            one = self._closing.popleft()
            links = one.event.links
            self._tracer.end(turn_span(one.turn, links.agent, links.kind, links.conversation))
