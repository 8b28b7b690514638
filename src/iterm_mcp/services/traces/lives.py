"""The starts of agents as spans, and the context that agents find in their environment."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.telemetry import conventions as names
from iterm_mcp.telemetry.trace_context import TraceContext, current
from iterm_mcp.telemetry.tracing import Span

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Forensics, Life
    from iterm_mcp.telemetry.tracing import Tracer, Value

MOST = 5000


class LifeSpans:
    """Follows the lives of agents.

    The trace in which an agent was ordered is kept with its life, and so is its span: the life's
    token. In which span it was ordered is remembered by this process alone: an agent that is
    started again by a later one begins at the root of its trace.
    """

    def __init__(self, tracer: Tracer, clock: Clock) -> None:
        self._tracer = tracer
        self._clock = clock
        self._orders: OrderedDict[str, TraceContext] = OrderedDict()
        self._lives: OrderedDict[str, TraceContext] = OrderedDict()

    def changed(self, before: Life | None, after: Life, found: Forensics | None = None) -> None:
        """Take note of a life before and after a change."""
        del found
        here = current()
        if here is not None and here.trace_id == after.trace:
            _remember(self._orders, after.trace, here)
        if after.spare is not None or not after.token:
            return
        _remember(self._lives, str(after.agent), self.context(after))
        known = before is not None and before.spare is None and before.token == after.token
        begun = known and before is not None and before.phase is Phase.RUNNING
        if after.phase is Phase.RUNNING and not begun:
            self._begun(after)

    def note(self, life: Life) -> None:
        """Take note of a life that an earlier process began."""
        if life.token and life.spare is None:
            _remember(self._lives, str(life.agent), self.context(life))

    def context(self, life: Life) -> TraceContext:
        """Return the span of a life: what its program finds in its environment."""
        order = self._orders.get(life.trace)
        if order is not None:
            return order.child(life.token)
        return self._tracer.root(life.trace, life.token)

    def of(self, agent: str) -> TraceContext | None:
        """Return the span of an agent's present life; None for one that we did not start."""
        return self._lives.get(agent)

    def environment(self, life: Life) -> dict[str, str]:
        """Return the variables by which an agent's own spans become part of the trace."""
        return self.context(life).environment()

    def _begun(self, life: Life) -> None:
        order, kind = self._orders.get(life.trace), life.order.kind
        now = self._clock.now()
        told: dict[str, Value] = {
            names.OPERATION: names.CREATE_AGENT,
            names.PROVIDER: names.provider_of(kind),
            names.AGENT: str(life.agent),
            names.KIND: kind,
            "iterm_mcp.agent.life": life.epoch,
        }
        if life.order.model:
            told["gen_ai.request.model"] = life.order.model
        if life.conversation:
            told[names.CONVERSATION] = life.conversation
        self._tracer.end(
            Span(
                f"{names.CREATE_AGENT} {life.agent}", self.context(life),
                order.span_id if order else "", min(life.begun_at or now, now), now,
                attributes=told,
            )
        )  # fmt: skip


def _remember(known: OrderedDict[str, TraceContext], name: str, context: TraceContext) -> None:
    known[name] = context
    known.move_to_end(name)
    if len(known) > MOST:
        known.popitem(last=False)
