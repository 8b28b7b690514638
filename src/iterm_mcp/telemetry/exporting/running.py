"""The exporters that a user has asked for, running beside all else."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.telemetry.exporting.datagrams import Datagrams, Sink, packed, read_sink
from iterm_mcp.telemetry.exporting.otlp import encode
from iterm_mcp.telemetry.exporting.otlp_sender import (
    Collector,
    NotExportedError,
    find_collector,
    post,
)
from iterm_mcp.telemetry.exporting.readings import read
from iterm_mcp.telemetry.exporting.statsd import DOGSTATSD, Statsd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from prometheus_client import CollectorRegistry

    from iterm_mcp.clock import Clock
    from iterm_mcp.config import Settings

log = structlog.get_logger()

LAST_SECONDS = 3.0
"""How long the last readings may take when the daemon ends."""
STEP_SECONDS = 10.0
"""How long one step of an export may take at most."""
FIRST_RETRY_SECONDS = 1.0
MOST_RETRY_SECONDS = 300.0

SENT, FAILED, REFUSED = "sent", "failed", "refused"
OUTCOMES = (SENT, FAILED, REFUSED)
"""Of one export: sent; not taken now; not taken, nor would it be another time."""


class Measured(Protocol):
    """What is exported."""

    registry: CollectorRegistry

    async def refresh(self) -> None:
        """Learn what only others know, before the registry is read."""


class ExportObserver(Protocol):
    """Is told how exports go."""

    def declare(self, exporter: str) -> None:
        """Note that an exporter is on. Must not raise."""

    def exported(self, exporter: str, outcome: str) -> None:
        """Note one export. Must not raise."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is exported where.

    Attributes:
        statsd: None exports nothing; likewise `otlp`.
        resource: Who sends, to a collector.
    """

    statsd: Sink | None = None
    dialect: str = DOGSTATSD
    tags: Mapping[str, str] = field(default_factory=dict)
    statsd_seconds: float = 10.0
    otlp: Collector | None = None
    otlp_seconds: float = 60.0
    resource: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


def export_options(
    settings: Settings, environ: Mapping[str, str], resource: Mapping[str, str], version: str
) -> ExportOptions:
    """Return what a user has set.

    What means nothing exports nothing, and is told in the log: no metric is worth a daemon.
    """
    statsd = otlp = None
    try:
        statsd = read_sink(settings.statsd) if settings.statsd else None
    except ValueError as error:
        log.error("metrics_not_exported", exporter="statsd", reason=str(error))  # noqa: TRY400
    try:
        otlp = find_collector(settings.otlp_metrics, environ) if settings.otlp_metrics else None
    except ValueError as error:
        log.error("metrics_not_exported", exporter="otlp", reason=str(error))  # noqa: TRY400
    return ExportOptions(
        statsd,
        settings.statsd_dialect,
        dict(_pairs(settings.statsd_tags)),
        settings.statsd_seconds,
        otlp,
        settings.otlp_metrics_seconds,
        {**resource, **dict(_pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))},
        version,
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = (one.partition("=") for one in text.split(",") if "=" in one)
    return [(name.strip(), value.strip()) for name, _, value in pairs]


@asynccontextmanager
async def open_exporters(
    options: ExportOptions, measured: Measured, clock: Clock, observer: ExportObserver
) -> AsyncIterator[None]:
    """Export for the length of the block, and once more at its end. Costs nothing where none is on.

    Args:
        measured: Its counters were zero just now.
    """
    jobs: list[_Job] = []
    if options.statsd is not None:
        jobs.append(_StatsdJob(options.statsd, options, measured, observer))
    if options.otlp is not None:
        jobs.append(_OtlpJob(options.otlp, options, measured, clock, observer))
    async with AsyncExitStack() as stack:
        for job in jobs:
            observer.declare(job.name)
            await stack.enter_async_context(_running(job))
        yield


class _Job(Protocol):
    name: str

    async def once(self, seconds: float) -> float:
        """Export, each step within so many seconds; return when to do it again."""

    def close(self) -> None:
        """Let go of what is open."""


@asynccontextmanager
async def _running(job: _Job) -> AsyncIterator[None]:
    async def repeat() -> None:
        pause = 0.0
        while True:
            await anyio.sleep(pause)
            pause = await job.once(STEP_SECONDS)

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(repeat)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
    finally:
        with anyio.move_on_after(LAST_SECONDS, shield=True):
            await job.once(LAST_SECONDS)
        job.close()


class _Health:
    """Counts exports, and says in the log when they begin to fail and when they go again."""

    def __init__(self, name: str, observer: ExportObserver) -> None:
        self._name = name
        self._observer = observer
        self.failures = 0

    def went(self) -> None:
        if self.failures:
            log.info("metrics_exported_again", exporter=self._name, failures=self.failures)
        self.failures = 0
        self._observer.exported(self._name, SENT)

    def failed(self, outcome: str, reason: str) -> None:
        self.failures += 1
        self._observer.exported(self._name, outcome)
        if self.failures == 1:
            log.warning("metrics_not_exported", exporter=self._name, reason=reason)


class _StatsdJob:
    name = "statsd"

    def __init__(
        self,
        sink: Sink,
        options: ExportOptions,
        measured: Measured,
        observer: ExportObserver,
    ) -> None:
        self._measured = measured
        self._seconds = options.statsd_seconds
        self._statsd = Statsd(options.dialect, options.tags)
        self._datagrams = Datagrams(sink)
        self._health = _Health(self.name, observer)

    async def once(self, seconds: float) -> float:
        try:
            with anyio.fail_after(seconds):
                await self._datagrams.open()  # first: a reading for nobody is not made
                await self._measured.refresh()
                families = await to_thread.run_sync(read, self._measured.registry)
        except TimeoutError:
            self._health.failed(FAILED, "its name was not found in time")
            return self._seconds
        except OSError as error:
            self._health.failed(FAILED, error.strerror or type(error).__name__)
            return self._seconds
        parts = list(packed(self._statsd.lines(families)))
        sent = await self._datagrams.send([body for body, _ in parts])
        for _, lines in parts[:sent]:
            self._statsd.sent(lines)
        if sent < len(parts):
            self._health.failed(FAILED, "it takes no more; the rest is told with the next reading")
        else:
            self._health.went()
        return self._seconds

    def close(self) -> None:
        self._datagrams.close()


class _OtlpJob:
    name = "otlp"

    def __init__(
        self,
        collector: Collector,
        options: ExportOptions,
        measured: Measured,
        clock: Clock,
        observer: ExportObserver,
    ) -> None:
        self._collector = collector
        self._options = options
        self._measured = measured
        self._clock = clock
        self._begun = clock.now().timestamp()
        self._health = _Health(self.name, observer)
        self._random = Random()  # noqa: S311 - no secret

    async def once(self, seconds: float) -> float:
        interval = self._options.otlp_seconds
        within = min(seconds, self._collector.seconds)
        try:
            await self._measured.refresh()
            rejected = await to_thread.run_sync(self._send, within, abandon_on_cancel=True)
        except NotExportedError as error:
            outcome = FAILED if error.again else REFUSED
            self._health.failed(outcome, f"{self._collector.shown}: {error}")
            return max(error.after_seconds, self._backoff()) if error.again else interval
        if rejected:
            self._health.failed(REFUSED, f"{self._collector.shown} left out {rejected} points")
        else:
            self._health.went()
        return interval

    def close(self) -> None:
        """Nothing is held open."""

    def _backoff(self) -> float:
        """Return how long to wait: twice as long each time, and never for all at once."""
        usual = FIRST_RETRY_SECONDS * 2.0 ** min(self._health.failures - 1, 16)
        most = min(MOST_RETRY_SECONDS, max(self._options.otlp_seconds, FIRST_RETRY_SECONDS))
        return min(usual, most) * self._random.uniform(0.5, 1.0)

    def _send(self, seconds: float) -> int:
        export = encode(
            read(self._measured.registry),
            resource=self._options.resource,
            version=self._options.version,
            begun=self._begun,
            now=self._clock.now().timestamp(),
        )
        return post(self._collector, export, seconds)
