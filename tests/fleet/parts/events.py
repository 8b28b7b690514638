"""The store of events, and what leads into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import DAY, Ill

from iterm_mcp.models.event_queries import EventStats, IntakeStats, PartitionStats
from iterm_mcp.models.events import EventNumber

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

TOLD = 4000
"""Events in a busy hour."""
EVENT_BYTES = 1500
MANY_FILES = 12
"""Older files are forgotten."""


class Events(Part):
    """Counts as the store and its intake do, and is asked at each scrape as they are."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._kept = self._repeated = self._refused = self._forgotten = 0
        self._dropped = self._skipped = self._torn = 0
        self._waiting = self._spooled = 0
        self._lag = 0.0
        self._is_troubled = self._is_damaged = False
        self._now = self.began
        self.metrics.events.begin(lambda: (self._store(), self._intake()))

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Tell the events of a while."""
        del time
        self._now = moment.at
        told = self.chance.times(TOLD * moment.busy_hours)
        self._is_troubled = moment.is_ill(Ill.EVENTS_TROUBLED)
        self._repeated += self.chance.times(told * 0.002)
        self._skipped += self.chance.times(told * 0.0005)
        if self._is_troubled:
            self._is_damaged = True
            self._refused += told // 2
            self._dropped += told // 10
            self._waiting = min(50_000, self._waiting + told)
            self._lag += moment.seconds
            self._kept += told // 4
        else:
            self._kept += told + self._waiting
            self._waiting = self.chance.times(told / max(1.0, moment.seconds))
            self._lag = self.chance.seconds(0.004) if self._waiting else 0.0
        if self.chance.happens(moment.seconds / DAY / 7) or self._is_troubled:
            self._forgotten += told
        if moment.is_ill(Ill.SPOOL_GROWS):
            self._spooled += told // 3
            self._torn += self.chance.times(told / 1000)
        else:
            self._spooled = self.chance.times(0.2)

    def _store(self) -> EventStats:
        days = min(MANY_FILES, 1 + int((self._now - self.began) // DAY))
        numbers = EventNumber(1), EventNumber(1 + self._kept)
        files = [
            PartitionStats(f"{day}.db", "sealed", *numbers, self._kept * EVENT_BYTES // days)
            for day in range(days - 1)
        ]
        state = "damaged" if self._is_damaged else "sealed"
        files += [
            PartitionStats("old.db", state, *numbers, 9_000_000),
            PartitionStats("live.db", "live", *numbers, self._kept * EVENT_BYTES // days),
        ]
        return EventStats(
            partitions=tuple(files),
            size_bytes=sum(one.size_bytes for one in files),
            newest=numbers[1],
            waiting_events=self._waiting,
            waiting_bytes=self._waiting * EVENT_BYTES,
            lag_seconds=self._lag,
            last_commit_seconds=0.003,
            kept=self._kept,
            repeated=self._repeated,
            refused=self._refused,
            kept_per_second=0.0,
            problem="the disk is full" if self._is_troubled else "",
            dropped_partitions=0,
            dropped_events=self._forgotten,
            followers=2,
        )

    def _intake(self) -> IntakeStats:
        return IntakeStats(
            own_waiting=self._waiting // 4,
            own_dropped=self._dropped,
            looks_skipped=self._skipped,
            spool_files=self._spooled,
            spool_bytes=self._spooled * EVENT_BYTES,
            spool_torn=self._torn,
        )
