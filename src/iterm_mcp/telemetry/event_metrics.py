"""The store of events and what leads into it, read at each scrape from what is counted anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from iterm_mcp.telemetry.asked import AskedMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from iterm_mcp.models.event_queries import EventStats, IntakeStats


class EventMetrics(AskedMetrics["tuple[EventStats, IntakeStats]"]):
    """Asks the store of events and its intake."""

    def tell(self, counted: tuple[EventStats, IntakeStats]) -> Iterator[Metric]:
        """Yield every metric of what is counted."""
        for name, told, value in _gauges(*counted):
            yield GaugeMetricFamily(f"iterm_mcp_{name}", told, value)
        for name, told, value in _counters(*counted):
            yield CounterMetricFamily(f"iterm_mcp_{name}", told, value)


def _gauges(stats: EventStats, intake: IntakeStats) -> tuple[tuple[str, str, float], ...]:
    damaged = sum(one.state == "damaged" for one in stats.partitions)
    return (
        ("events_troubled", "1 while events cannot be kept.", float(bool(stats.problem))),
        ("events_disk_bytes", "Bytes of all files of events.", stats.size_bytes),
        ("events_files", "Files of events.", len(stats.partitions)),
        ("events_damaged_files", "Files of events that were set aside.", damaged),
        ("events_waiting", "Events handed over and not yet on the disk.", stats.waiting_events),
        ("events_lag_seconds", "How long the oldest event waits for the disk.", stats.lag_seconds),
        ("events_own_waiting", "Events of our own that wait to be kept.", intake.own_waiting),
        ("spool_files", "Files that hooks have left and nobody has taken.", intake.spool_files),
        ("spool_bytes", "Bytes of files that hooks have left.", intake.spool_bytes),
    )


def _counters(stats: EventStats, intake: IntakeStats) -> tuple[tuple[str, str, float], ...]:
    return (
        ("events_kept", "Events kept.", stats.kept),
        ("events_repeated", "Events told again that were kept already.", stats.repeated),
        ("events_refused", "Events that could not be kept when they were told.", stats.refused),
        ("events_forgotten", "Events forgotten by age and size.", stats.dropped_events),
        ("events_own_dropped", "Events of our own that were lost.", intake.own_dropped),
        ("shell_looks_skipped", "Looks at changed files that were left out.", intake.looks_skipped),
        ("spool_torn_files", "Files put aside that held no whole event.", intake.spool_torn),
    )
