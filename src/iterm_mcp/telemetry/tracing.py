"""Spans: what is traced, whether it is exported, and the way out to a collector.

Nothing here imports OpenTelemetry. Where tracing is off there is no `Tracer`, and whoever would
trace asks for one thing: whether there is one. Its SDK comes with the extra ``otel`` and is
imported when tracing is switched on.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import structlog
from anyio import to_thread

from iterm_mcp.telemetry.trace_context import (
    TraceContext,
    current,
    current_trace_id,
    new_span_id,
    new_trace_id,
    within,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

__all__ = [
    "Kind", "Mark", "Span", "TraceOptions", "Tracer", "Tracing", "current", "current_trace_id",
    "open_tracing", "within",
]  # fmt: skip

INSTALL = "pip install 'iterm-mcp[otel]'"

Value = str | bool | int | float

log = structlog.get_logger()


class Kind(StrEnum):
    """On which side of a conversation a span stands, as OpenTelemetry has it."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one moment of a span; OpenTelemetry's span event."""

    name: str
    at: datetime
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work that has ended.

    Attributes:
        parent: The id of the span, in the same trace, that it is part of; empty for none.
        error: Why it failed, in few words; None where it did not.
    """

    name: str
    context: TraceContext
    parent: str
    began_at: datetime
    ended_at: datetime
    kind: Kind = Kind.INTERNAL
    attributes: Mapping[str, Value] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    error: str | None = None


class Spans(Protocol):
    """Where spans go."""

    def take(self, span: Span) -> None:
        """Take a span. Never waits and never raises; what has no room is dropped."""


class Tracer:
    """Decides which traces are exported, and has their spans exported.

    Args:
        ratio: Of the traces that begin here, so many are exported; one that began elsewhere is
            exported if it is there.
        arguments: Arguments of tools are exported, too.
    """

    def __init__(self, spans: Spans, ratio: float = 1.0, *, arguments: bool = False) -> None:
        self._spans = spans
        self._bound = round(ratio * (1 << 64))
        self.arguments = arguments

    def begin(self, parent: TraceContext | None) -> TraceContext:
        """Return a new span's context, in its parent's trace or in a trace of its own."""
        if parent is not None:
            return parent.child()
        return self.root(new_trace_id(), new_span_id())

    def root(self, trace_id: str, span_id: str) -> TraceContext:
        """Return the context of a span in a trace that begins here."""
        return TraceContext(trace_id, span_id, sampled=self.samples(trace_id))

    def samples(self, trace_id: str) -> bool:
        """Tell whether a trace that begins here is exported; the same whoever asks."""
        return int(trace_id[16:], 16) < self._bound

    def end(self, span: Span) -> None:
        """Have a span exported, if its trace is. Never waits and never raises."""
        if span.context.sampled:
            self._spans.take(span)


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """What a user says of traces.

    Attributes:
        on: Traces are exported.
        endpoint: Where to, without ``/v1/traces``; empty for what OpenTelemetry's variables say.
        ratio: See `Tracer`; so is `arguments`.
        own_url: Of our own HTTP side, to which nothing is exported.
    """

    on: bool = False
    endpoint: str = ""
    ratio: float = 1.0
    arguments: bool = False
    own_url: str = ""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Tracing as it is.

    Attributes:
        tracer: None while nothing is traced.
        problems: Why nothing is traced though somebody wants it; empty otherwise.
    """

    tracer: Tracer | None = None
    problems: tuple[str, ...] = ()


@asynccontextmanager
async def open_tracing(options: TraceOptions) -> AsyncIterator[Tracing]:
    """Trace for the length of the block, if that is wanted; at its end export what waits.

    What cannot be traced is no reason not to work: the problem is told, and logged.
    """
    if not options.on:
        yield Tracing()
        return
    try:  # the SDK and its exporter take a fifth of a second
        export = await to_thread.run_sync(import_module, "iterm_mcp.telemetry.span_export")
    except ModuleNotFoundError as error:
        yield _untraced(f"traces need more than is installed ({error.name})", INSTALL)
        return
    try:
        exporter = await to_thread.run_sync(export.open_exporter, options)
    except ValueError as error:
        yield _untraced(f"traces cannot be exported: {error}", "See docs/traces.md.")
        return
    log.info("traces_on", endpoint=exporter.endpoint, ratio=options.ratio)
    try:
        yield Tracing(Tracer(exporter, options.ratio, arguments=options.arguments))
    finally:
        await exporter.aclose()


def _untraced(problem: str, hint: str) -> Tracing:
    log.error("traces_unavailable", problem=problem, hint=hint)
    return Tracing(problems=(f"{problem}: {hint}",))
