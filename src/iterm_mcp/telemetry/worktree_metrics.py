"""Worktrees: how many there are, what they take, and what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from iterm_mcp.models.worktrees import WorktreeState, WorktreeTally
from iterm_mcp.telemetry.asked import AskedMetrics
from iterm_mcp.telemetry.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric

STATES = tuple(state for state in WorktreeState if state is not WorktreeState.REMOVED)


class WorktreeStanding(AskedMetrics[WorktreeTally]):
    """Asks for what was counted last."""

    def tell(self, counted: WorktreeTally) -> Iterator[Metric]:
        """Yield every metric of what there is."""
        gauge = GaugeMetricFamily(
            "iterm_mcp_worktrees",
            "Worktrees by their state; those that are removed are none.",
            labels=["state"],
        )
        for state in STATES:
            gauge.add_metric([state.value], counted.states.get(state, 0))
        yield gauge
        yield GaugeMetricFamily(
            "iterm_mcp_worktrees_disk_bytes",
            "Bytes that all worktrees take on the disk; looked at now and then.",
            counted.size_bytes,
        )


class WorktreeMetrics:
    """Measures what the daemon does with worktrees.

    Attributes:
        operations: Measures each operation. What `iterm-mcp worktrees` does by itself is not
            among them, but its worktrees are counted.
        standing: Asks for what there is.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.standing = WorktreeStanding(registry)
        self.operations = Meter(
            registry,
            "iterm_mcp_worktree_operation",
            "iterm_mcp_worktree_operations",
            "operation",
            "operations on worktrees",
        )
