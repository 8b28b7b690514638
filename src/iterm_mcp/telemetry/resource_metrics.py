"""What agents take of the machine, by kind, read at each scrape from what is counted anyway."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from iterm_mcp.telemetry.asked import AskedMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import CollectorRegistry, Metric

    from iterm_mcp.telemetry.labels import Bounded


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
    ("agent_trees", "Agents whose processes are watched, with all that these started.", "trees"),
    ("agent_processes", "Processes of agents, and all that these started.", "processes"),
    (
        "agent_memory_bytes",
        "Resident memory of agents' processes, and all that these started.",
        "memory_bytes",
    ),
)
_COUNTERS = (
    ("agent_cpu_seconds", "CPU seconds that agents took, with all that they started.",
     "cpu_seconds"),
    ("agent_disk_read_bytes", "Bytes that agents had from disks, with all that they started.",
     "read_bytes"),
    ("agent_disk_written_bytes", "Bytes that agents sent to disks, with all that they started.",
     "written_bytes"),
)  # fmt: skip


class ResourceMetrics(AskedMetrics[Counted]):
    """Asks whoever watches trees of processes.

    Args:
        kinds: Of agents.
    """

    def __init__(self, registry: CollectorRegistry, kinds: Bounded) -> None:
        super().__init__(registry)
        self._kinds = kinds

    def tell(self, counted: Counted) -> Iterator[Metric]:
        """Yield every metric of what is counted."""
        kinds = list(counted.kinds.items())  # the event loop goes on counting meanwhile
        for family, attribute in _families():
            sums = self._kinds.sums((kind, getattr(one, attribute)) for kind, one in kinds)
            for kind, value in sums.items():
                family.add_metric([kind], value)
            yield family
        exceeded = CounterMetricFamily(
            "iterm_mcp_agent_limits_exceeded",
            "How often agents took too much of what, and what was done about it.",
            labels=["kind", "resource", "done"],
        )
        excesses: Counter[tuple[str, str, str]] = Counter()
        for (kind, resource, done), count in list(counted.excesses.items()):
            excesses[self._kinds(kind), resource, done] += count
        for labels, count in excesses.items():
            exceeded.add_metric(labels, count)
        yield exceeded
        yield CounterMetricFamily(
            "iterm_mcp_resource_looks", "Looks at all trees of processes.", counted.looks
        )
        yield CounterMetricFamily(
            "iterm_mcp_resource_look_cpu_seconds",
            "CPU seconds of looks at all trees of processes.",
            counted.look_seconds,
        )


def _families() -> Iterator[tuple[GaugeMetricFamily | CounterMetricFamily, str]]:
    """Yield what is told of each kind, and where it stands."""
    for name, told, attribute in _GAUGES:
        yield GaugeMetricFamily(f"iterm_mcp_{name}", told, labels=["kind"]), attribute
    for name, told, attribute in _COUNTERS:
        yield CounterMetricFamily(f"iterm_mcp_{name}", told, labels=["kind"]), attribute
