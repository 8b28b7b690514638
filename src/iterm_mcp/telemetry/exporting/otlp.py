"""A registry as an OTLP metrics export in JSON. Pure.

Counters and histograms are cumulative since the daemon began, so a lost export loses nothing but
its moment. Names stay those that Prometheus scrapes: a collector that writes for Prometheus adds
``_total`` to sums and leaves units alone that stand there. What OpenTelemetry has named itself
(`CONVENTIONS`) goes under that name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from iterm_mcp.telemetry.exporting.readings import COUNTER, HISTOGRAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.telemetry.exporting.readings import Family, Labels, Seen, Spread

Json = dict[str, Any]

CUMULATIVE = 2
"""``AGGREGATION_TEMPORALITY_CUMULATIVE``."""

CONVENTIONS = {
    "mcp_server_operation_duration_seconds": "mcp.server.operation.duration",
    "mcp_server_session_duration_seconds": "mcp.server.session.duration",
}
ATTRIBUTES = {
    "mcp_method_name": "mcp.method.name",
    "network_transport": "network.transport",
    "gen_ai_tool_name": "gen_ai.tool.name",
    "error_type": "error.type",
}
"""Of these metrics, by label."""

UNITS = (("_seconds", "s"), ("_bytes", "By"), ("_ratio", "1"), ("_usd", "{USD}"))
"""By a name's end, as UCUM has them."""

_TRACE = re.compile(r"^[0-9a-f]{32}$")
_SPAN = re.compile(r"^[0-9a-f]{16}$")


def encode(
    families: Iterable[Family],
    *,
    resource: Mapping[str, str],
    version: str,
    begun: float,
    now: float,
) -> Json:
    """Return an ``ExportMetricsServiceRequest``.

    Args:
        resource: Attributes of who sends, such as ``service.name``.
        version: Of what measured.
        begun: When all counters were zero, in seconds since the epoch; likewise `now`.
    """
    times = {"startTimeUnixNano": _nanos(begun), "timeUnixNano": _nanos(now)}
    metrics = [one for family in families if (one := _metric(family, times)) is not None]
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes(tuple(resource.items()))},
                "scopeMetrics": [
                    {"scope": {"name": "iterm-mcp", "version": version}, "metrics": metrics}
                ],
            }
        ]
    }


def _metric(family: Family, times: Json) -> Json | None:
    """Return a metric with its points; None where there are none."""
    name = CONVENTIONS.get(family.name, family.name)
    names = ATTRIBUTES if name != family.name else {}
    unit = next((unit for end, unit in UNITS if family.name.endswith(end)), "")
    head = {"name": name, "description": family.told, "unit": unit}
    if family.form == HISTOGRAM:
        points = [_spread(one, times, names) for one in family.spreads]
        data = {"histogram": {"dataPoints": points, "aggregationTemporality": CUMULATIVE}}
    else:
        points = [
            {"attributes": _attributes(labels, names), **times, "asDouble": value}
            for labels, value in family.numbers
        ]
        if family.form == COUNTER:
            data = {
                "sum": {
                    "dataPoints": points,
                    "aggregationTemporality": CUMULATIVE,
                    "isMonotonic": True,
                }
            }
        else:
            for point in points:
                del point["startTimeUnixNano"]
            data = {"gauge": {"dataPoints": points}}
    return {**head, **data} if points else None


def _spread(spread: Spread, times: Json, names: Mapping[str, str]) -> Json:
    point: Json = {
        "attributes": _attributes(spread.labels, names),
        **times,
        "count": str(sum(spread.counts)),  # 64 bits are texts in the JSON of protobuf
        "sum": spread.total,
        "bucketCounts": [str(one) for one in spread.counts],
        "explicitBounds": spread.bounds,
    }
    if spread.seen:
        point["exemplars"] = [_exemplar(one) for one in spread.seen]
    return point


def _exemplar(seen: Seen) -> Json:
    told: Json = {"timeUnixNano": _nanos(seen.at), "asDouble": seen.value}
    rest: list[tuple[str, str]] = []
    for name, value in seen.labels:
        if name == "trace_id" and _TRACE.match(value):
            told["traceId"] = value
        elif name == "span_id" and _SPAN.match(value):
            told["spanId"] = value
        else:
            rest.append((name, value))
    if rest:
        told["filteredAttributes"] = _attributes(tuple(rest))
    return told


def _attributes(labels: Labels, names: Mapping[str, str] | None = None) -> list[Json]:
    return [
        {"key": (names or {}).get(name, name), "value": {"stringValue": value}}
        for name, value in labels
    ]


def _nanos(seconds: float) -> str:
    return str(round(seconds * 1e9))
