"""Where one stands in a trace, what is sampled, and tracing that cannot be had."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from io import StringIO

import anyio
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.telemetry import open_logs, span_export
from iterm_mcp.telemetry.trace_context import (
    TraceContext,
    current,
    current_trace_id,
    new_span_id,
    new_trace_id,
    read_context,
    span_id_of,
    trace_id_of,
    within,
)
from iterm_mcp.telemetry.tracing import Span, TraceOptions, Tracer, open_tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HERE = TraceContext(TRACE, SPAN)
NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def log(request: pytest.FixtureRequest) -> StringIO:
    request.getfixturevalue("logs_as_before")
    stream = StringIO()
    open_logs("info", stream)
    return stream


class Kept:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def take(self, span: Span) -> None:
        self.spans.append(span)


def span(context: TraceContext = HERE) -> Span:
    return Span("one", context, "", NOW, NOW)


@given(
    st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans(),
    st.sampled_from(["", "a=1", "a=1,b@c=2"]), st.sampled_from(["", "user=1", "a=b;p=1,c=d"]),
)  # fmt: skip
def test_what_is_written_is_read_again(
    trace: int,
    span_id: int,
    sampled: bool,  # noqa: FBT001 - as hypothesis gives it
    state: str,
    baggage: str,
) -> None:
    context = TraceContext(f"{trace:032x}", f"{span_id:016x}", sampled, state, baggage)
    assert read_context(context.written()) == context


@given(st.dictionaries(st.sampled_from(["traceparent", "tracestate"]), st.text() | st.integers()))
def test_whatever_is_sent_is_read_or_passed_over(carrier: dict[str, object]) -> None:
    found = read_context(carrier)
    assert found is None or read_context(found.written()) == found


def test_a_newer_version_is_read_as_far_as_it_is_known_and_bad_lists_are_left_out() -> None:
    newer = f"cc-{TRACE}-{SPAN}-03-what"
    found = read_context({"traceparent": newer, "tracestate": "no list", "baggage": "k v"})
    assert found == TraceContext(TRACE, SPAN, sampled=True)
    long = {"traceparent": HERE.traceparent, "tracestate": "a=" + "x" * 600, "baggage": 7}
    assert read_context(long) == HERE
    assert read_context(None) is None


def test_one_works_in_a_span_for_a_block_and_tells_its_trace_if_it_is_sampled() -> None:
    assert current_trace_id() is None
    with within(HERE):
        assert current() == HERE
        assert current_trace_id() == TRACE
        with within(TraceContext(TRACE, SPAN, sampled=False)):
            assert current_trace_id() is None
        with within(None):
            assert current() is None
    assert current() is None


def test_ids_of_what_has_a_name_are_the_same_and_of_different_names_different() -> None:
    assert span_id_of("turn", "a", "b") == span_id_of("turn", "a", "b") != span_id_of("turn", "ab")
    assert len(trace_id_of("task", "t")) == len(new_trace_id()) == 2 * len(new_span_id())


@pytest.mark.parametrize(("ratio", "least", "most"), [(0, 0, 0), (1, 500, 500), (0.5, 190, 310)])
def test_so_many_traces_are_exported_as_the_ratio_says(ratio: float, least: int, most: int) -> None:
    kept = Kept()
    tracer = Tracer(kept, ratio)
    for number in range(500):
        tracer.end(span(tracer.root(trace_id_of("x", str(number)), SPAN)))
    assert least <= len(kept.spans) <= most


def test_a_trace_that_began_elsewhere_is_sampled_as_it_says_there() -> None:
    tracer = Tracer(Kept(), 0.0)
    assert tracer.begin(HERE).sampled
    assert tracer.begin(HERE).trace_id == TRACE
    assert tracer.begin(HERE).span_id != SPAN
    assert not tracer.begin(None).sampled


def test_records_say_in_which_span_they_were_written(log: StringIO) -> None:
    with within(HERE):
        structlog.get_logger().info("inside")
        logging.getLogger("library").error("theirs")
    structlog.get_logger().info("outside")
    inside, theirs, outside = map(json.loads, log.getvalue().splitlines())
    assert (inside["trace_id"], inside["span_id"]) == (TRACE, SPAN)
    assert theirs["trace_id"] == TRACE
    assert "trace_id" not in outside


async def test_nothing_is_traced_where_nobody_wants_it() -> None:
    async with open_tracing(TraceOptions()) as tracing:
        assert tracing.tracer is None
        assert tracing.problems == ()


async def test_without_the_extra_it_says_what_to_install(
    log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "iterm_mcp.telemetry.span_export")
    for name in [one for one in sys.modules if one.startswith("opentelemetry.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    async with open_tracing(TraceOptions(on=True)) as tracing:
        assert tracing.tracer is None
        (problem,) = tracing.problems
    assert "pip install 'iterm-mcp[otel]'" in problem
    (line,) = log.getvalue().splitlines()
    assert json.loads(line)["hint"] == "pip install 'iterm-mcp[otel]'"


@pytest.mark.parametrize(
    ("endpoint", "why"), [("ftp://x", "no address"), ("http://127.0.0.1:7717", "own address")]
)
async def test_an_address_that_leads_nowhere_is_told(endpoint: str, why: str) -> None:
    options = TraceOptions(on=True, endpoint=endpoint, own_url="http://127.0.0.1:7717")
    async with open_tracing(options) as tracing:
        assert tracing.tracer is None
        assert why in tracing.problems[0]


@pytest.mark.parametrize(
    ("wished", "variables", "url"),
    [
        ("", {}, "http://localhost:4318/v1/traces"),
        ("http://a:1", {}, "http://a:1/v1/traces"),
        ("http://a:1/v1/traces", {}, "http://a:1/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1/x/"}, "http://b:1/x/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1/y"}, "http://c:1/y"),
        ("http://a:1", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, "http://a:1/v1/traces"),
    ],
)
def test_a_users_wish_goes_before_the_variables(
    wished: str, variables: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert span_export.endpoint_of(wished) == url


async def test_tasks_that_are_begun_in_a_span_work_in_it() -> None:
    found: list[TraceContext | None] = []

    async def work() -> None:
        found.append(current())

    async with anyio.create_task_group() as group:
        with within(HERE):
            group.start_soon(work)
    assert found == [HERE]
