"""Requests over HTTP: how many, how long, and which were sent away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from iterm_mcp.telemetry.meter import LATENCY_BUCKETS

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

CLASSES = ("read", "write", "hook", "stream", "page")
"""What answers are compared with each other: those of agents' hooks and telemetry apart, and those
that are held open on purpose (``stream``: MCP, events as they happen, waits)."""

RATE, BUSY, UNREADY = "rate", "busy", "unready"
SHED_REASONS = (RATE, BUSY, UNREADY)
"""Who asked asks too often; there is too much at once; the terminal, the store or the daemon was
not there to do it."""


class HttpMetrics:
    """Requests over HTTP; all series but those of routes are there from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "iterm_mcp_http_requests_total", "HTTP requests answered.", ["route", "status"],
            registry=registry,
        )  # fmt: skip
        duration = Histogram(
            "iterm_mcp_http_request_duration_seconds",
            "How long HTTP requests took to the end of their answers, by what they are.",
            ["class"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "iterm_mcp_http_requests_in_flight", "HTTP requests under way.", registry=registry
        )
        shed = Counter(
            "iterm_mcp_http_shed_total",
            "HTTP requests that were sent away, to come again later, by why.",
            ["reason"],
            registry=registry,
        )
        self.durations = {name: duration.labels(name) for name in CLASSES}
        self.shed = {reason: shed.labels(reason) for reason in SHED_REASONS}
