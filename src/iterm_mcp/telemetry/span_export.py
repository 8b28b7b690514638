"""Spans on their way to a collector: OpenTelemetry's SDK, which the extra ``otel`` brings.

Imported only where traces are exported; see `iterm_mcp.telemetry.tracing`. What stands in
OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_*``, ``OTEL_BSP_*``, ``OTEL_SERVICE_NAME``,
``OTEL_RESOURCE_ATTRIBUTES``) counts.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from threading import Thread  # noqa: TID251 - see `SpanExport.aclose`
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from anyio import to_thread
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from iterm_mcp import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.telemetry.trace_context import TraceContext
    from iterm_mcp.telemetry.tracing import Mark, Span, TraceOptions

PATH = "/v1/traces"
DEFAULT = "http://localhost:4318"

FLUSH_SECONDS = 2.0
"""How long what waits may take to be exported at the end."""
FAILING_SECONDS = 0.2
"""The same while no collector answers."""

DELAY_MILLISECONDS = 1000
"""How long a span waits for others; ``OTEL_BSP_SCHEDULE_DELAY`` says otherwise."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

log = structlog.get_logger()


def endpoint_of(wished: str) -> str:
    """Return the URL to which spans are posted: a user's wish, else what the variables say.

    Raises:
        ValueError: It is no URL.
    """
    given = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    if not wished and given:
        url = given
    else:
        base = wished or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip() or DEFAULT
        url = base if base.endswith(PATH) else base.rstrip("/") + PATH
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url[:200]!r} is no address such as {DEFAULT}")
    return url


def open_exporter(options: TraceOptions) -> SpanExport:
    """Return the way to a collector, which need not be there.

    Raises:
        ValueError: The address cannot be used, or is our own: nobody would see the spans.
    """
    url = endpoint_of(options.endpoint)
    if options.own_url and urlsplit(url).netloc == urlsplit(options.own_url).netloc:
        raise ValueError(f"{url} is this daemon's own address")
    return SpanExport(url)


class SpanExport:
    """Takes spans at once, and exports them in batches from a thread of its own.

    Its queue is bounded: while no collector answers, the oldest spans are dropped.

    Attributes:
        endpoint: The collector's host and port.
    """

    def __init__(self, url: str) -> None:
        self._telling = _Telling(OTLPSpanExporter(endpoint=url), url)
        self.endpoint = self._telling.host
        delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else DELAY_MILLISECONDS
        self._processor = BatchSpanProcessor(self._telling, schedule_delay_millis=delay)
        given = {"service.name": "iterm-mcp", "service.version": __version__}
        named = os.environ.get("OTEL_SERVICE_NAME", "").strip()
        self._resource = Resource.create(given | ({"service.name": named} if named else {}))
        self._scope = InstrumentationScope("iterm_mcp", __version__)

    def take(self, span: Span) -> None:
        """Take a span. Never waits."""
        parent = _outer(span.context.child(span.parent)) if span.parent else None
        status = Status(StatusCode.UNSET)
        if span.error is not None:
            status = Status(StatusCode.ERROR, span.error)
        self._processor.on_end(
            ReadableSpan(
                span.name,
                context=_outer(span.context),
                parent=parent,
                resource=self._resource,
                attributes=dict(span.attributes),
                events=[*map(_event, span.marks)],
                kind=SpanKind[span.kind.value],
                status=status,
                start_time=_nanos(span.began_at),
                end_time=_nanos(span.ended_at),
                instrumentation_scope=self._scope,
            )
        )

    async def aclose(self) -> None:
        """Export what waits, for a bounded time; take nothing more."""
        # Not a worker of anyio's: the process would wait for it, and so for a silent collector.
        thread = Thread(target=self._processor.shutdown, daemon=True)
        thread.start()
        seconds = FAILING_SECONDS if self._telling.failing else FLUSH_SECONDS
        await to_thread.run_sync(thread.join, seconds)


class _Telling(SpanExporter):
    """An exporter that tells once that no collector takes spans, and once that one does again.

    Attributes:
        host: The collector's, with its port and without a password.
        failing: The last batch was not taken.
    """

    def __init__(self, inner: SpanExporter, url: str) -> None:
        self._inner = inner
        self.host = urlsplit(url).netloc.rpartition("@")[2]
        self._reasons = _Reasons()
        self.failing = False
        library = logging.getLogger("opentelemetry")
        library.handlers[:] = [self._reasons]
        library.propagate = False  # it says so of every batch

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch; see `SpanExporter.export`."""
        try:
            result = self._inner.export(spans)
        except (OSError, ValueError) as error:  # of the HTTP library
            self._reasons.last, result = str(error), SpanExportResult.FAILURE
        failing = result is not SpanExportResult.SUCCESS
        if failing and not self.failing:
            log.warning(
                "traces_not_exported", collector=self.host, reason=self._reasons.last,
                hint="Spans are dropped until it answers. See docs/traces.md.",
            )  # fmt: skip
        elif self.failing and not failing:
            log.info("traces_exported_again", collector=self.host)
        self.failing = failing
        return result

    def shutdown(self) -> None:
        """Give up what is under way."""
        self._inner.shutdown()


class _Reasons(logging.Handler):
    """Keeps what the library says last."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's message."""
        self.last = record.getMessage()[:300]


def _event(mark: Mark) -> Event:
    return Event(mark.name, dict(mark.attributes), _nanos(mark.at))


def _outer(context: TraceContext) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )


def _nanos(at: datetime) -> int:
    """Return nanoseconds since 1970; exact, unlike a float of seconds."""
    return (at - _EPOCH) // _MICROSECOND * 1000
