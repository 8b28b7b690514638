"""How we are, in numbers that are at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.event_queries import EventStats, IntakeStats
    from iterm_mcp.web.api.admission import Admission


def health_answer(
    problems: Sequence[str],
    terminal: str | None,
    calls: int,
    admission: Admission,
    stats: EventStats,
    intake: IntakeStats,
) -> dict[str, object]:
    """Return sizes, lags, rates and drops.

    Args:
        terminal: Which one is connected.
        calls: Of tools, under way.
    """
    told = [*problems, *([stats.problem] if stats.problem else [])]
    return {
        "status": "troubled" if told else "ok",
        "version": __version__,
        "problems": told,
        "terminal": terminal,
        "calls_running": calls,
        "http": {
            "running": admission.running,
            "shed": admission.shed,
            "rate_limited": admission.limited,
        },
        "events": {
            "newest": stats.newest,
            "files": len(stats.partitions),
            "damaged_files": sum(one.state == "damaged" for one in stats.partitions),
            "size_bytes": stats.size_bytes,
            "waiting": stats.waiting_events,
            "waiting_bytes": stats.waiting_bytes,
            "lag_seconds": stats.lag_seconds,
            "last_commit_seconds": stats.last_commit_seconds,
            "kept": stats.kept,
            "repeated": stats.repeated,
            "refused": stats.refused,
            "kept_per_second": stats.kept_per_second,
            "dropped": stats.dropped_events,
            "followers": stats.followers,
            "own_waiting": intake.own_waiting,
            "own_dropped": intake.own_dropped,
            "looks_skipped": intake.looks_skipped,
            "spool_files": intake.spool_files,
            "spool_bytes": intake.spool_bytes,
            "spool_torn": intake.spool_torn,
        },
    }
