"""What agents take of the machine, by kind, read at each scrape from what is counted anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from iterm_mcp.telemetry.asked import AskedMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric


class OfKind(Protocol):
    """What agents of one kind take, and have taken."""

    trees: int
    processes: int
    memory_bytes: int
    cpu_seconds: float
    read_bytes: int
    written_bytes: int


class Counted(Protocol):
    """What is counted; see `services.resources.totals.Totals`."""

    looks: int
    look_seconds: float

    @property
    def kinds(self) -> Mapping[str, OfKind]:
        """By kind of agent."""

    @property
    def excesses(self) -> Mapping[tuple[str, str, str], int]:
        """By kind, resource, and what was done."""


_GAUGES = (
    ("agent_trees", "Trees of processes that are watched.", "trees"),
    ("agent_processes", "Processes of agents, and all that they started.", "processes"),
    ("agent_memory_bytes", "Resident memory of these.", "memory_bytes"),
)
_COUNTERS = (
    ("agent_cpu_seconds", "CPU seconds that agents took, with all that they started.",
     "cpu_seconds"),
    ("agent_disk_read_bytes", "Bytes that these had from disks.", "read_bytes"),
    ("agent_disk_written_bytes", "Bytes that these sent to disks.", "written_bytes"),
)  # fmt: skip


class ResourceMetrics(AskedMetrics[Counted]):
    """Asks whoever watches trees of processes."""

    def tell(self, counted: Counted) -> Iterator[Metric]:
        """Yield every metric of what is counted."""
        for name, told, attribute in _GAUGES:
            gauge = GaugeMetricFamily(f"iterm_mcp_{name}", told, labels=["kind"])
            for kind, one in counted.kinds.items():
                gauge.add_metric([kind], getattr(one, attribute))
            yield gauge
        for name, told, attribute in _COUNTERS:
            counter = CounterMetricFamily(f"iterm_mcp_{name}", told, labels=["kind"])
            for kind, one in counted.kinds.items():
                counter.add_metric([kind], getattr(one, attribute))
            yield counter
        exceeded = CounterMetricFamily(
            "iterm_mcp_agent_limits_exceeded",
            "How often agents took too much of what, and what was done about it.",
            labels=["kind", "resource", "done"],
        )
        for labels, count in counted.excesses.items():
            exceeded.add_metric(list(labels), count)
        yield exceeded
        yield CounterMetricFamily(
            "iterm_mcp_resource_looks", "Looks at all trees of processes.", counted.looks
        )
        yield CounterMetricFamily(
            "iterm_mcp_resource_look_cpu_seconds", "CPU seconds of these.", counted.look_seconds
        )
