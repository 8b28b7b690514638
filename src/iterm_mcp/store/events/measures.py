"""How the store of events is: counted as things happen, told without a look at the disk."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import structlog

from iterm_mcp.models.event_queries import EventStats, PartitionStats
from iterm_mcp.models.events import EventNumber

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.store.events.catalogue import Catalogue
    from iterm_mcp.store.events.recent import RecentEvents
    from iterm_mcp.store.events.waiting_events import WaitingEvents

RATE_SECONDS = 60

log = structlog.get_logger()


class Measures:
    """Counts. Used on the event loop alone.

    Attributes:
        problem: Why nothing can be kept now; empty when it can.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opened = clock.monotonic()
        self._kept = self._repeated = self._refused = 0
        self._dropped_partitions = self._dropped_events = 0
        self._last_commit_seconds = 0.0
        self._seconds: deque[tuple[int, int]] = deque()
        self.problem = ""

    def kept(self, new: int, total: int, seconds: float) -> None:
        """Count a batch that stands on the disk."""
        if self.problem:
            log.warning("events_kept_again", problem=self.problem)
            self.problem = ""
        self._kept += new
        self._repeated += total - new
        self._last_commit_seconds = seconds
        now = int(self._clock.monotonic())
        if self._seconds and self._seconds[-1][0] == now:
            new += self._seconds.pop()[1]
        self._seconds.append((now, new))
        self._forget_old(now)

    def failed(self, error: BaseException, total: int) -> None:
        """Count a batch that could not be written."""
        self._refused += total
        if not self.problem:
            log.error("events_not_kept", reason=str(error), events=total)
        self.problem = str(error) or type(error).__name__

    def refused(self, count: int) -> None:
        """Count events that were not taken."""
        self._refused += count

    def dropped(self, partitions: int, events: int) -> None:
        """Count what was forgotten by age or size."""
        self._dropped_partitions += partitions
        self._dropped_events += events

    def stats(
        self, catalogue: Catalogue, waiting: WaitingEvents, recent: RecentEvents
    ) -> EventStats:
        """Return all of it."""
        now = self._clock.monotonic()
        self._forget_old(int(now))
        oldest = waiting.oldest_since
        known = catalogue.partitions
        span = min(RATE_SECONDS, max(1.0, now - self._opened))
        return EventStats(
            partitions=tuple(
                PartitionStats(
                    one.path.name,
                    one.state.value,
                    EventNumber(one.first),
                    EventNumber(one.last),
                    one.size,
                )
                for one in known
            ),
            size_bytes=sum(one.size for one in known),
            newest=EventNumber(recent.newest),
            waiting_events=waiting.events,
            waiting_bytes=waiting.bytes,
            lag_seconds=0.0 if oldest is None else now - oldest,
            last_commit_seconds=self._last_commit_seconds,
            kept=self._kept,
            repeated=self._repeated,
            refused=self._refused,
            kept_per_second=sum(count for _, count in self._seconds) / span,
            problem=self.problem,
            dropped_partitions=self._dropped_partitions,
            dropped_events=self._dropped_events,
            followers=recent.followers,
        )

    def _forget_old(self, now: int) -> None:
        while self._seconds and self._seconds[0][0] <= now - RATE_SECONDS:
            self._seconds.popleft()
