from __future__ import annotations

from iterm_mcp.models.event_queries import EventStats, IntakeStats, PartitionStats
from iterm_mcp.models.events import EventNumber
from iterm_mcp.telemetry import Metrics


def stats(problem: str = "") -> EventStats:
    ends = EventNumber(1), EventNumber(9)
    return EventStats(
        partitions=(
            PartitionStats("a", "damaged", *ends, 10),
            PartitionStats("b", "live", *ends, 20),
        ),
        size_bytes=30, newest=EventNumber(9), waiting_events=4, waiting_bytes=5, lag_seconds=0.5,
        last_commit_seconds=0.1, kept=6, repeated=7, refused=8, kept_per_second=0.0,
        problem=problem, dropped_partitions=1, dropped_events=9, followers=0,
    )  # fmt: skip


def test_before_the_store_is_open_nothing_is_told_of_it() -> None:
    assert Metrics().registry.get_sample_value("iterm_mcp_events_kept_total") is None


def test_what_is_counted_anyway_is_told_at_each_scrape() -> None:
    metrics, problem = Metrics(), ""
    intake = IntakeStats(1, 2, 3, spool_files=4, spool_bytes=5, spool_torn=6)
    metrics.events.begin(lambda: (stats(problem), intake))
    read = metrics.registry.get_sample_value

    assert read("iterm_mcp_events_troubled") == 0
    problem = "no room"
    assert read("iterm_mcp_events_troubled") == 1
    told = {
        "events_disk_bytes": 30, "events_files": 2, "events_damaged_files": 1,
        "events_waiting": 4, "events_lag_seconds": 0.5, "events_own_waiting": 1,
        "spool_files": 4, "spool_bytes": 5, "events_kept_total": 6, "events_repeated_total": 7,
        "events_refused_total": 8, "events_forgotten_total": 9, "events_own_dropped_total": 2,
        "shell_looks_skipped_total": 3, "spool_torn_files_total": 6,
    }  # fmt: skip
    assert {name: read(f"iterm_mcp_{name}") for name in told} == told
