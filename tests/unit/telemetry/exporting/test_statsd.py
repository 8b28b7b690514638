from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from iterm_mcp.telemetry import Metrics
from iterm_mcp.telemetry.exporting.datagrams import MOST_BYTES, Sink, packed, read_sink
from iterm_mcp.telemetry.exporting.readings import Family, Number, Spread, read
from iterm_mcp.telemetry.exporting.statsd import PLAIN, Line, Statsd, number, quantile

if TYPE_CHECKING:
    from collections.abc import Iterable


def texts(lines: Iterable[Line]) -> list[str]:
    return [line.text for line in lines]


def told(statsd: Statsd, registry: CollectorRegistry) -> list[str]:
    """Send a reading."""
    lines = list(statsd.lines(read(registry)))
    statsd.sent(lines)
    return texts(lines)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_counter_is_told_by_what_it_grew_and_not_at_all_where_it_did_not(
    registry: CollectorRegistry,
) -> None:
    calls = Counter("iterm_mcp_calls_total", "Calls.", ["tool", "outcome"], registry=registry)
    calls.labels("open", "ok").inc(3)
    calls.labels("open", "internal")
    statsd = Statsd()
    assert told(statsd, registry) == ["iterm_mcp.calls:3|c|#tool:open,outcome:ok"]
    assert told(statsd, registry) == []
    calls.labels("open", "ok").inc(0.5)
    assert told(statsd, registry) == ["iterm_mcp.calls:0.5|c|#tool:open,outcome:ok"]


def test_what_was_not_sent_is_told_again_with_what_came_meanwhile(
    registry: CollectorRegistry,
) -> None:
    calls = Counter("iterm_mcp_calls_total", "Calls.", registry=registry)
    calls.inc()
    statsd = Statsd()
    list(statsd.lines(read(registry)))  # lost
    calls.inc()
    assert told(statsd, registry) == ["iterm_mcp.calls:2|c"]


def test_what_a_collector_counts_in_whole_numbers_is_told_once_too() -> None:
    metrics, statsd = Metrics(), Statsd()
    for expected in ("1", "1"):
        with metrics.tools.measure("look"):
            pass
        lines = [one for one in told(statsd, metrics.registry) if "tool_calls:" in one]
        assert lines == [f"iterm_mcp.tool_calls:{expected}|c|#tool:look,outcome:ok"]


def test_a_counter_that_has_begun_anew_is_told_from_zero() -> None:
    statsd = Statsd()
    for value, expected in ((5.0, "5"), (2.0, "2"), (3.0, "1")):
        lines = list(statsd.lines([Family("n", "", "counter", (Number((), value),))]))
        statsd.sent(lines)
        assert texts(lines) == [f"n:{expected}|c"]


def test_a_gauge_is_told_each_time(registry: CollectorRegistry) -> None:
    Gauge("iterm_mcp_open", "Open.", registry=registry).set(-2.5)
    statsd = Statsd(tags={"env": "dev"})
    assert told(statsd, registry) == told(statsd, registry) == ["iterm_mcp.open:-2.5|g|#env:dev"]


def test_plain_lines_have_labels_in_the_name_and_set_what_is_negative_from_zero(
    registry: CollectorRegistry,
) -> None:
    depth = Gauge("iterm_mcp_depth", "Depth.", ["queue"], registry=registry)
    depth.labels("a b:c|d").set(-1)
    depth.labels("").set(2)
    assert told(Statsd(PLAIN, {"env": "dev"}), registry) == [
        "iterm_mcp.depth.queue.a_b_c_d:0|g\niterm_mcp.depth.queue.a_b_c_d:-1|g",
        "iterm_mcp.depth.queue._:2|g",
    ]


def test_a_tag_cannot_end_a_line_or_begin_another_tag(registry: CollectorRegistry) -> None:
    names = Gauge("iterm_mcp_open", "Open.", ["name"], registry=registry)
    names.labels("a,b|c#d\ne:f").set(1)
    assert told(Statsd(), registry) == ["iterm_mcp.open:1|g|#name:a_b_c_d_e:f"]


def test_a_histogram_is_told_by_count_sum_and_quantiles_of_what_is_new(
    registry: CollectorRegistry,
) -> None:
    taken = Histogram("iterm_mcp_taken_seconds", "T.", ["op"], buckets=(1, 2, 4), registry=registry)
    for seconds in (0.5, 1.5, 3):
        taken.labels("x").observe(seconds)
    statsd = Statsd()
    assert told(statsd, registry) == [
        "iterm_mcp.taken_seconds.p50:1.5|g|#op:x",
        "iterm_mcp.taken_seconds.p95:3.7|g|#op:x",
        "iterm_mcp.taken_seconds.p99:3.94|g|#op:x",
        "iterm_mcp.taken_seconds.count:3|c|#op:x",
        "iterm_mcp.taken_seconds.sum:5|c|#op:x",
    ]
    assert told(statsd, registry) == []
    taken.labels("x").observe(100)
    assert told(statsd, registry)[0] == "iterm_mcp.taken_seconds.p50:4|g|#op:x"


def test_a_histogram_that_has_begun_anew_is_told_from_zero() -> None:
    statsd = Statsd()
    for counts, expected in (([2, 2], 4), ([1, 0], 1)):
        lines = list(
            statsd.lines([Family("h", "", "histogram", (), (Spread((), [1.0], counts, 1.0),))])
        )
        statsd.sent(lines)
        assert f"h.count:{expected}|c" in texts(lines)


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any),
    st.floats(0, 1, exclude_min=True),
)
def test_a_quantile_lies_in_a_bucket_in_which_something_is(counts: list[int], part: float) -> None:
    bounds = [1.0, 2.0, 4.0]
    found = quantile(part, bounds, counts)
    edges = [0.0, *bounds, 4.0]
    assert any(count and edges[n] <= found <= edges[n + 1] + 1e-9 for n, count in enumerate(counts))


def test_a_histogram_without_buckets_has_a_quantile_all_the_same() -> None:
    assert quantile(0.5, [], [3]) == 0.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (0.25, "0.25"), (1e-7, "0.0000001"), (1.5e22, "15000000000000000000000")],
)
def test_a_number_is_written_without_an_exponent(value: float, text: str) -> None:
    assert number(value) == text


@given(st.lists(st.text("abc€", min_size=1, max_size=700), max_size=40))
def test_datagrams_hold_whole_lines_and_never_too_much(lines: list[str]) -> None:
    parts = list(packed(Line(text) for text in lines))
    fitting = [text for text in lines if len(text.encode()) <= MOST_BYTES]
    assert all(0 < len(body) <= MOST_BYTES for body, _ in parts)
    assert [text for body, _ in parts for text in body.decode().split("\n")] == fitting
    assert [line.text for _, held in parts for line in held] == fitting


def test_few_lines_are_one_datagram() -> None:
    assert [body for body, _ in packed([Line("a"), Line("b")])] == [b"a\nb"]


@pytest.mark.parametrize(
    ("text", "sink"),
    [
        ("localhost:8125", Sink(host="localhost", port=8125)),
        ("udp://10.0.0.1:9", Sink(host="10.0.0.1", port=9)),
        ("[::1]:8125", Sink(host="::1", port=8125)),
        ("unix:/run/dsd.socket", Sink(path="/run/dsd.socket")),
        ("unix:///run/dsd.socket", Sink(path="/run/dsd.socket")),
    ],
)
def test_a_sink_is_a_host_with_a_port_or_a_socket(text: str, sink: Sink) -> None:
    assert read_sink(text) == sink


@pytest.mark.parametrize(
    "text", ["", "localhost", "localhost:0", "a:70000", "unix:rel", "tcp://a:1"]
)
def test_anything_else_is_no_sink(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        read_sink(text)
