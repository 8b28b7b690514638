"""Spans on their way to a collector that is there, away, or silent."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest
import structlog
from tests.integration.http_home import start_daemon
from tests.integration.traces.collector import collecting
from tests.waiting import eventually

from iterm_mcp.telemetry import open_logs, span_export
from iterm_mcp.telemetry.trace_context import TraceContext
from iterm_mcp.telemetry.tracing import Kind, Mark, Span, TraceOptions, open_tracing

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.traces.collector import Collector

SECONDS = 60.0

START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
HERE = TraceContext("a" * 32, "b" * 16, state="v=1")
SPAN = Span(
    "one", HERE, "c" * 16, START, START + timedelta(seconds=1), Kind.PRODUCER,
    {"text": "x", "count": 2, "yes": True}, (Mark("step", START, {"why": "so"}),), "it failed",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")


def more(collector: Collector, before: int) -> bool:
    return collector.requests > before


def options(collector: Collector) -> TraceOptions:
    return TraceOptions(on=True, endpoint=collector.url)


async def test_a_span_comes_whole_and_what_waits_at_the_end_is_exported() -> None:
    with collecting() as collector:
        async with open_tracing(options(collector)) as tracing:
            assert tracing.tracer is not None
            tracing.tracer.end(SPAN)
            tracing.tracer.end(Span("other", TraceContext("a" * 32, "d" * 16), "", START, START))
        one, other = collector.spans
    assert (one.trace, one.span, one.parent, one.kind) == ("a" * 32, "b" * 16, "c" * 16, 4)
    assert one.ended - one.began == 1_000_000_000
    assert one.began % 1_000_000_000 == 123_456_000
    assert one.attributes == {"text": "x", "count": 2, "yes": True}
    assert (one.failed, one.marks, one.state) == (True, ("step",), "v=1")
    assert one.resource["service.name"] == "mine"
    assert one.resource["deployment.environment"] == "test"
    assert (other.parent, other.failed, other.kind) == ("", False, 1)


@pytest.mark.usefixtures("logs_as_before")
async def test_a_collector_that_is_away_is_told_of_once_and_so_is_its_coming_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = StringIO()
    open_logs("info", stream)
    # A logger keeps the stream of its first record.
    monkeypatch.setattr(span_export, "log", structlog.get_logger())

    def said(event: str) -> int:
        lines = [json.loads(one) for one in stream.getvalue().splitlines()]
        return sum(one["event"] == event for one in lines)

    with collecting() as collector:
        collector.status = 400  # it is not tried again, as with 503
        async with open_tracing(options(collector)) as tracing:
            assert tracing.tracer is not None
            for _ in range(3):
                before = collector.requests
                tracing.tracer.end(SPAN)
                await eventually(partial(more, collector, before))
            await eventually(lambda: said("traces_not_exported"))
            collector.status = 200
            tracing.tracer.end(SPAN)
            await eventually(lambda: said("traces_exported_again"))
            assert said("traces_not_exported") == 1
            collector.status = 400
            tracing.tracer.end(SPAN)
            await eventually(lambda: said("traces_not_exported") == 2)
    assert stream.getvalue().count("traces_not_exported") == 2


async def test_nobody_waits_for_a_collector_that_takes_a_connection_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(span_export, "FLUSH_SECONDS", 0.2)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(60):
            async with open_tracing(TraceOptions(on=True, endpoint=f"http://127.0.0.1:{port}")) as (
                tracing
            ):
                assert tracing.tracer is not None
                for _ in range(10_000):  # more than fit into its queue
                    tracing.tracer.end(SPAN)


@pytest.mark.headless
async def test_a_daemon_without_the_extra_says_what_to_install_and_does_everything_else(
    home: Home,
) -> None:
    folder = anyio.Path(home.paths.state, "without")
    await folder.mkdir(parents=True)
    await (folder / "sitecustomize.py").write_text(
        "import sys\nfor one in ('opentelemetry.sdk', 'opentelemetry.exporter'):\n"
        "    sys.modules[one] = None\n"
    )
    home.environ |= {"ITERM_MCP_OTLP_TRACES": "http://127.0.0.1:9", "PYTHONPATH": str(folder)}
    url = await start_daemon(home)
    headers = {"authorization": f"Bearer {home.token()}"}
    async with httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http:
        (await http.post(f"{url}/v1/tools/list_agents", json={})).raise_for_status()
        told = await http.get(f"{url}/health")
    assert "pip install 'iterm-mcp[otel]'" in str(told.json()["problems"])


@pytest.mark.headless
async def test_a_request_over_http_is_part_of_the_trace_that_its_header_names(home: Home) -> None:
    with collecting() as collector:
        home.environ["ITERM_MCP_OTLP_TRACES"] = collector.url
        url = await start_daemon(home)
        headers = {
            "authorization": f"Bearer {home.token()}", "traceparent": HERE.traceparent,
        }  # fmt: skip
        async with httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http:
            (await http.post(f"{url}/v1/tools/list_agents", json={})).raise_for_status()
            (await http.get(f"{url}/v1/agents")).raise_for_status()
        found = await eventually(
            lambda: collector.named("tools/call list_agents"),
            lambda spans: len(spans) == 2,
            within_seconds=30,
        )
        assert {(one.trace, one.parent) for one in found} == {(HERE.trace_id, HERE.span_id)}
        assert {one.attributes["network.transport"] for one in found} == {"tcp"}


async def test_a_daemon_that_traces_nothing_loads_nothing_for_it() -> None:
    look = (
        "import sys, iterm_mcp.daemon; print([n for n in sys.modules if 'opentelemetry.sdk' in n])"
    )
    done = await anyio.run_process([sys.executable, "-c", look])
    assert done.stdout.decode().strip() == "[]"
