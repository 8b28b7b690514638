"""Messages as spans: from the moment when one is safe to the end of its receipt.

A message's span is kept with it on the disk from the start, so it goes on whoever ends it: the
daemon that accepted it may have been killed long before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.deliveries import FINAL, Stage
from iterm_mcp.telemetry import conventions as names
from iterm_mcp.telemetry.trace_context import current, read_context
from iterm_mcp.telemetry.tracing import Kind, Mark, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.observations import Json
    from iterm_mcp.telemetry.trace_context import TraceContext
    from iterm_mcp.telemetry.tracing import Tracer, Value

TRACE = "trace"
PARENT = "parent"
"""Under these names it stands in a message's details."""

FAILED = frozenset({Stage.REFUSED, Stage.EXPIRED, Stage.UNKNOWN})


def trace_of_new(tracer: Tracer) -> dict[str, Json]:
    """Return what a message that is drawn up here and now remembers of its span."""
    parent = current()
    written: dict[str, Json] = dict(tracer.begin(parent).written())
    return {TRACE: written | ({PARENT: parent.span_id} if parent else {})}


def context_of(delivery: Delivery) -> TraceContext | None:
    """Return a message's span; None for one that was accepted while nothing was traced."""
    return read_context(_kept(delivery))


def _kept(delivery: Delivery) -> Mapping[str, Json]:
    kept = (delivery.details or {}).get(TRACE)
    return kept if isinstance(kept, dict) else {}


class MessageSpans:
    """Exports the spans of messages."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def moved(self, delivery: Delivery) -> None:
        """Take note of a message's step: a last one ends its span."""
        if delivery.stage in FINAL:
            self._end(delivery)

    def left(self, delivery: Delivery) -> None:
        """Take note that a message is followed no more, such as one whose agent tells nothing.

        Its span ends with its last step.
        """
        if delivery.stage not in FINAL:
            self._end(delivery)

    def _end(self, delivery: Delivery) -> None:
        context = context_of(delivery)
        if context is None:
            return
        last = delivery.moves[-1]
        told: dict[str, Value] = {
            names.MESSAGING: "iterm-mcp",
            names.MESSAGING_OPERATION: "deliver",
            names.MESSAGING_TYPE: "send",
            names.DESTINATION: delivery.agent,
            names.MESSAGE: delivery.delivery_id,
            names.SESSION: delivery.session_id,
            names.STAGE: last.stage.value,
        }
        if delivery.sender:
            told[names.SENDER] = delivery.sender
        failed = last.stage in FAILED
        if failed:
            told[names.ERROR] = last.stage.value
        marks = tuple(
            Mark(
                move.stage.value,
                move.at,
                {
                    name: value
                    for name, value in {
                        names.REASON: move.reason, names.EVIDENCE: move.evidence,
                    }.items()
                    if value
                },
            )
            for move in delivery.moves
        )  # fmt: skip
        self._tracer.end(
            Span(
                "deliver message", context, str(_kept(delivery).get(PARENT) or ""),
                delivery.accepted_at, max(last.at, delivery.accepted_at), Kind.PRODUCER, told,
                marks, (last.reason or last.stage.value) if failed else None,
            )
        )  # fmt: skip
