from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from iterm_mcp.telemetry.exporting.otlp import encode
from iterm_mcp.telemetry.exporting.otlp_sender import find_collector, read_headers
from iterm_mcp.telemetry.exporting.readings import read

TRACE = "0af7651916cd43dd8448eb211c80319c"


def exported(registry: CollectorRegistry) -> dict[str, Any]:
    """Return the metrics by name."""
    export = encode(
        read(registry), resource={"service.name": "iterm-mcp"}, version="1", begun=10.0, now=70.5
    )
    (resource,) = export["resourceMetrics"]
    assert resource["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "iterm-mcp"}}
    ]
    (scope,) = resource["scopeMetrics"]
    assert scope["scope"] == {"name": "iterm-mcp", "version": "1"}
    return {one["name"]: one for one in scope["metrics"]}


def test_a_counter_is_a_sum_since_the_beginning() -> None:
    registry = CollectorRegistry()
    calls = Counter("iterm_mcp_calls_total", "Calls.", ["tool"], registry=registry)
    calls.labels("open").inc(3)
    assert exported(registry) == {
        "iterm_mcp_calls": {
            "name": "iterm_mcp_calls",
            "description": "Calls.",
            "unit": "",
            "sum": {
                "aggregationTemporality": 2,
                "isMonotonic": True,
                "dataPoints": [
                    {
                        "attributes": [{"key": "tool", "value": {"stringValue": "open"}}],
                        "startTimeUnixNano": "10000000000",
                        "timeUnixNano": "70500000000",
                        "asDouble": 3.0,
                    }
                ],
            },
        }
    }


def test_a_gauge_has_no_beginning_and_what_is_no_number_is_left_out() -> None:
    registry = CollectorRegistry()
    Gauge("iterm_mcp_size_bytes", "Size.", registry=registry).set(-4)
    Gauge("iterm_mcp_unknown", "Unknown.", registry=registry).set(float("nan"))
    found = exported(registry)
    assert list(found) == ["iterm_mcp_size_bytes"]
    assert found["iterm_mcp_size_bytes"]["unit"] == "By"
    (point,) = found["iterm_mcp_size_bytes"]["gauge"]["dataPoints"]
    assert point == {"attributes": [], "timeUnixNano": "70500000000", "asDouble": -4.0}


def test_a_histogram_has_its_buckets_alone_and_its_exemplars_with_their_traces() -> None:
    registry = CollectorRegistry()
    taken = Histogram("iterm_mcp_taken_seconds", "T.", buckets=(1, 2), registry=registry)
    taken.observe(0.5)
    taken.observe(1.5, {"trace_id": TRACE, "span_id": "b7ad6b7169203331", "more": "x"})
    taken.observe(9, {"trace_id": "no-trace"})
    (point,) = exported(registry)["iterm_mcp_taken_seconds"]["histogram"]["dataPoints"]
    assert point["bucketCounts"] == ["1", "1", "1"]
    assert point["explicitBounds"] == [1.0, 2.0]
    assert (point["count"], point["sum"]) == ("3", 11.0)
    known, strange = point["exemplars"]
    assert (known["traceId"], known["spanId"]) == (TRACE, "b7ad6b7169203331")
    assert known["asDouble"] == 1.5
    assert known["filteredAttributes"] == [{"key": "more", "value": {"stringValue": "x"}}]
    assert "traceId" not in strange


def test_what_the_conventions_name_goes_under_that_name() -> None:
    registry = CollectorRegistry()
    taken = Histogram(
        "mcp_server_operation_duration_seconds", "T.", ["mcp_method_name", "network_transport"],
        buckets=(1,), registry=registry,
    )  # fmt: skip
    taken.labels("tools/call", "pipe").observe(0.1)
    (name,) = found = exported(registry)
    assert (name, found[name]["unit"]) == ("mcp.server.operation.duration", "s")
    (point,) = found[name]["histogram"]["dataPoints"]
    assert [one["key"] for one in point["attributes"]] == ["mcp.method.name", "network.transport"]


@pytest.mark.parametrize(
    ("endpoint", "environ", "url"),
    [
        ("http://c:4318", {}, "http://c:4318/v1/metrics"),
        ("https://c/own?key=1", {}, "https://c/own?key=1"),
        ("env", {}, "http://localhost:4318/v1/metrics"),
        ("env", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1/x/"}, "http://a:1/x/v1/metrics"),
        ("env", {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://a:1/x"}, "http://a:1/x"),
        ("http://c", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1"}, "http://c/v1/metrics"),
    ],
)
def test_the_collector_is_where_the_setting_or_the_standard_says(
    endpoint: str, environ: dict[str, str], url: str
) -> None:
    assert find_collector(endpoint, environ).url == url


def test_headers_and_the_rest_come_from_the_environment_and_those_for_metrics_win() -> None:
    found = find_collector(
        "http://c:1",
        {
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=all",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "Authorization=Bearer%20abc, x-team=t",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        },
    )
    assert found.headers == {"Authorization": "Bearer abc", "x-team": "t"}
    assert (found.compress, found.certificate, found.seconds) == (True, "/ca.pem", 2.5)


def test_no_secret_is_ever_shown() -> None:
    found = find_collector(
        "https://c/own?key=secret", {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret"}
    )
    assert found.shown == "https://c:443/own"
    assert "authorization" not in repr(found)


@pytest.mark.parametrize(
    ("endpoint", "environ"),
    [
        ("http://me:secret@c:1", {}),
        ("http://c:secret", {}),
        ("ftp://secret", {}),
        ("http://c", {"OTEL_EXPORTER_OTLP_COMPRESSION": "br"}),
        ("http://c", {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}),
        ("http://c", {"OTEL_EXPORTER_OTLP_HEADERS": "secret"}),
        ("http://c", {"OTEL_EXPORTER_OTLP_HEADERS": "a b=secret"}),
        ("http://c", {"OTEL_EXPORTER_OTLP_HEADERS": "a=secret%0d%0ab: c"}),
    ],
)
def test_what_means_nothing_is_refused_without_repeating_it(
    endpoint: str, environ: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*secret).+$"):
        find_collector(endpoint, environ)


def test_an_empty_list_of_headers_is_none() -> None:
    assert read_headers(" , ") == {}
