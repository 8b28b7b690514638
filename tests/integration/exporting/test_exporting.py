"""Metrics that are sent: exact numbers at real sockets, whatever happens to the other end."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs
from tests.integration.exporting.receivers import collector, udp_sink, unix_sink
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock
from iterm_mcp.config import Settings
from iterm_mcp.telemetry.export_metrics import ExportMetrics
from iterm_mcp.telemetry.exporting import open_exporters
from iterm_mcp.telemetry.exporting.datagrams import MOST_BYTES, read_sink
from iterm_mcp.telemetry.exporting.otlp_sender import find_collector
from iterm_mcp.telemetry.exporting.running import ExportOptions, export_options

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.integration.exporting.receivers import Collected, DatagramSink

SOON = 0.02
FAR = 3600.0


@dataclass
class Measured:
    """A registry with one counter, and what counts exports of it."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    refreshed: int = 0

    def __post_init__(self) -> None:
        self.calls = Counter("iterm_mcp_calls_total", "Calls.", registry=self.registry)
        self.exports = ExportMetrics(self.registry)

    async def refresh(self) -> None:
        self.refreshed += 1

    def count(self, exporter: str, outcome: str) -> float:
        found = self.registry.get_sample_value(
            "iterm_mcp_metric_exports_total", {"exporter": exporter, "outcome": outcome}
        )
        return -1.0 if found is None else found


def grown(sink: DatagramSink, before: float) -> bool:
    return sink.sum_of("iterm_mcp.calls") > before


def opened(measured: Measured, options: ExportOptions) -> AbstractAsyncContextManager[None]:
    return open_exporters(options, measured, SystemClock(), measured.exports)


async def test_every_call_is_counted_once_at_a_udp_sink() -> None:
    measured = Measured()
    with udp_sink() as (sink, address):
        async with opened(measured, ExportOptions(read_sink(address), statsd_seconds=SOON)):
            for _ in range(5):
                measured.calls.inc(2)
                before = sink.sum_of("iterm_mcp.calls")
                await eventually(partial(grown, sink, before))
            measured.calls.inc(0.5)  # goes out at the end
        assert sink.sum_of("iterm_mcp.calls") == 10.5
    assert measured.refreshed >= 5
    assert measured.count("statsd", "sent") >= 5


async def test_many_series_go_in_datagrams_of_which_none_is_too_large() -> None:
    measured = Measured()
    many = Counter("iterm_mcp_many_total", "Many.", ["name"], registry=measured.registry)
    for number in range(500):
        many.labels(f"name-{number}").inc(number)
    with udp_sink() as (sink, address):
        async with opened(measured, ExportOptions(read_sink(address), statsd_seconds=FAR)):
            await eventually(lambda: sink.sum_of("iterm_mcp.many") > 0)
        assert sink.sum_of("iterm_mcp.many") == sum(range(500))
        assert len(sink.sizes) > 10
        assert max(sink.sizes) <= MOST_BYTES


async def test_a_socket_that_is_not_there_yet_loses_nothing(tmp_path: Path) -> None:
    measured, path = Measured(), str(tmp_path / "dsd")
    measured.calls.inc(3)
    options = ExportOptions(read_sink(f"unix:{path}"), "plain", statsd_seconds=SOON)
    with capture_logs() as logs:
        async with opened(measured, options):
            await eventually(lambda: measured.count("statsd", "failed") >= 3)
            assert measured.refreshed == 0  # no reading is made for nobody
            with unix_sink(path) as sink:
                await eventually(lambda: sink.sum_of("iterm_mcp.calls") == 3)
            before = measured.count("statsd", "failed")
            measured.calls.inc(4)
            await eventually(lambda: measured.count("statsd", "failed") > before)
    told = [one["event"] for one in logs]
    assert told == ["metrics_not_exported", "metrics_exported_again", "metrics_not_exported"]


async def test_a_reader_that_is_behind_is_waited_for_and_gets_the_rest_later(
    tmp_path: Path,
) -> None:
    measured, path = Measured(), str(tmp_path / "dsd")
    many = Counter("iterm_mcp_many_total", "Many.", ["name"], registry=measured.registry)
    for number in range(2000):  # more than a socket's queue holds
        many.labels(f"a-rather-long-name-{number}").inc()
    options = ExportOptions(read_sink(f"unix:{path}"), statsd_seconds=SOON)
    with unix_sink(path) as sink:
        async with opened(measured, options):
            await eventually(lambda: measured.count("statsd", "failed") > 0)
            await eventually(lambda: sink.sum_of("iterm_mcp.many"), lambda n: n == 2000)
            before = measured.count("statsd", "sent")
            await eventually(lambda: sink.read() and measured.count("statsd", "sent") > before)


async def test_a_name_that_is_not_known_costs_nothing_but_a_line_in_the_log() -> None:
    measured = Measured()
    options = ExportOptions(read_sink("no-such-host.invalid:8125"), statsd_seconds=SOON)
    async with opened(measured, options):
        await eventually(lambda: measured.count("statsd", "failed") >= 1, within_seconds=20)


def to(collected: Collected, seconds: float, **environ: str) -> ExportOptions:
    return ExportOptions(
        otlp=find_collector(collected.url, environ), otlp_seconds=seconds,
        resource={"service.name": "iterm-mcp"}, version="1",
    )  # fmt: skip


async def test_a_collector_is_told_exact_sums_with_the_headers_of_the_environment() -> None:
    measured = Measured()
    measured.calls.inc(7)
    with collector() as collected:
        environ = {
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
        async with opened(measured, to(collected, FAR, **environ)):
            await eventually(lambda: collected.exports)
            measured.calls.inc(1)  # goes out at the end
        assert [collected.value("iterm_mcp_calls", n) for n in (0, -1)] == [7.0, 8.0]
        assert collected.headers[0]["authorization"] == "Bearer abc"
        assert collected.headers[0]["content-type"] == "application/json"
    assert measured.count("otlp", "sent") == 2


async def test_what_fails_is_tried_again_soon_with_what_holds_then() -> None:
    measured = Measured()
    with collector() as collected, capture_logs() as logs:
        collected.answers = [(503, {}, b""), (429, {"Retry-After": "0"}, b"")]
        async with opened(measured, to(collected, FAR)):
            await eventually(lambda: len(collected.exports) == 1)
            measured.calls.inc(2)
            await eventually(lambda: measured.count("otlp", "sent") == 1, within_seconds=10)
            assert collected.value("iterm_mcp_calls") == 2.0
    assert measured.count("otlp", "failed") == 2
    assert [one["event"] for one in logs] == ["metrics_not_exported", "metrics_exported_again"]


async def test_what_is_refused_is_not_tried_before_its_time_and_no_secret_is_logged() -> None:
    measured = Measured()
    with collector() as collected, capture_logs() as logs:
        collected.answers = [
            (401, {}, b"secret"),
            (200, {}, b'{"partialSuccess":{"rejectedDataPoints":"2"}}'),
        ]
        options = to(collected, FAR, OTEL_EXPORTER_OTLP_HEADERS="authorization=secret")
        async with opened(measured, options):
            await eventually(lambda: measured.count("otlp", "refused") == 1)
    assert len(collected.exports) == 2  # the second is the last
    assert measured.count("otlp", "refused") == 2
    (line,) = logs
    assert line["reason"].endswith("it answers with 401")
    assert "secret" not in str(logs)


async def test_a_collector_that_never_answers_holds_up_nobody() -> None:
    measured = Measured()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        quick = replace(find_collector(url, {}), seconds=0.1)
        options = ExportOptions(otlp=quick, otlp_seconds=1.0)
        async with opened(measured, options):
            await eventually(lambda: measured.count("otlp", "failed") >= 1)


async def test_without_settings_nothing_is_exported_and_nothing_counted() -> None:
    measured = Measured()
    async with opened(measured, export_options(Settings(), {}, {}, "1")):
        pass
    assert measured.count("statsd", "sent") == measured.count("otlp", "sent") == -1


def test_settings_say_where_and_how() -> None:
    settings = Settings(
        statsd="unix:/run/dsd", statsd_dialect="plain", statsd_tags="env=dev,b=2",
        statsd_seconds=5, otlp_metrics="env", otlp_metrics_seconds=30,
    )  # fmt: skip
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=dev"}
    found = export_options(settings, environ, {"service.name": "iterm-mcp"}, "1")
    assert found.statsd is not None
    assert found.otlp is not None
    assert (found.statsd.path, found.dialect, dict(found.tags)) == (
        "/run/dsd", "plain", {"env": "dev", "b": "2"},
    )  # fmt: skip
    assert (found.statsd_seconds, found.otlp_seconds) == (5, 30)
    assert found.otlp.url == "http://localhost:4318/v1/metrics"
    assert found.resource == {"service.name": "iterm-mcp", "deployment.environment": "dev"}


def test_what_means_nothing_is_told_and_exports_nothing() -> None:
    with capture_logs() as logs:
        found = export_options(
            Settings(statsd="host:70000", otlp_metrics="http://c:99999"), {}, {}, "1"
        )
    assert (found.statsd, found.otlp) == (None, None)
    assert [one["exporter"] for one in logs] == ["statsd", "otlp"]


@pytest.mark.parametrize("value", ["nowhere", "http://h:1"])
def test_a_setting_of_another_form_ends_the_daemon_at_its_start(value: str) -> None:
    with pytest.raises(ValueError, match="statsd"):
        Settings(statsd=value)
