"""The headless host, which is a process of its own: read at each scrape from its last answer."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from iterm_mcp.models.hosts import HostReport
from iterm_mcp.telemetry.asked import AskedMetrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from prometheus_client import Metric

    from iterm_mcp.models.hosts import HostFigures

_GAUGES = (
    ("host_sessions", "Sessions that the host holds.", "sessions"),
    ("host_clients", "Connections to the host's API, ours included.", "clients"),
    ("host_paused_sessions", "Sessions whose output the host does not read just now.",
     "paused_sessions"),
    ("host_loop_lag_seconds",
     "Longest that the host's event loop kept what was due waiting, of the last minute or two.",
     "loop_lag_seconds"),
    ("host_memory_bytes", "Resident memory of the host's process.", "memory_bytes"),
)  # fmt: skip
_COUNTERS = (
    ("host_output_bytes", "Bytes that programs in sessions have printed.", "output_bytes"),
    ("host_input_bytes", "Bytes that programs in sessions were sent.", "input_bytes"),
    ("host_pauses", "Times that a session's output was left unread for a while.", "pauses"),
    ("host_cpu_seconds", "CPU seconds of the host's process.", "cpu_seconds"),
)


class HostMetrics(AskedMetrics[HostReport]):
    """Asks whoever speaks to the host; tells nothing where the terminal is another.

    Attributes:
        fresh: Has the host asked anew, if that is worth it; it never takes long.
    """

    fresh: Callable[[], Awaitable[None]] | None = None

    def tell(self, counted: HostReport) -> Iterator[Metric]:
        """Yield every metric of what is counted."""
        yield GaugeMetricFamily("iterm_mcp_host_up", "1 while the host answers.", counted.up)
        figures = counted.figures
        if figures is None:
            return
        for name, told, attribute in _GAUGES:
            yield GaugeMetricFamily(f"iterm_mcp_{name}", told, getattr(figures, attribute))
        for name, told, attribute in _COUNTERS:
            yield CounterMetricFamily(f"iterm_mcp_{name}", told, getattr(figures, attribute))
        yield HistogramMetricFamily(
            "iterm_mcp_host_echo_seconds",
            "From input to the first output of that session, where it came within ten seconds.",
            _buckets(figures),
            figures.echo_seconds,
        )


def _buckets(figures: HostFigures) -> list[tuple[str, float]]:
    """Return how many echoes took no longer than each bound."""
    bounds = (*map(str, figures.echo_bounds), "+Inf")
    return list(zip(bounds, accumulate(figures.echoes), strict=True))
