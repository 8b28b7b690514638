"""How things went over weeks, and what may be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    from iterm_mcp.models.event_queries import Sums


class Direction(StrEnum):
    """Where something goes."""

    UP = "up"
    DOWN = "down"
    NONE = "none"
    """Nothing can be claimed: it may well be chance."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Whether daily values go anywhere.

    Attributes:
        days: How many values were looked at.
        slope: By how much they change a day: the median of all pairs' slopes (Theil and Sen).
        p: How likely chance alone makes at least as much of a trend, corrected for all that was
            tested together; None where there are too few days to say anything.
        direction: Claimed only where `p` is small enough.
    """

    measure: str
    days: int
    slope: float
    p: float | None
    direction: Direction


@dataclass(frozen=True, slots=True)
class Shift:
    """One measure's daily values in two periods.

    Attributes:
        before, after: The mean of a day.
        least, most: Between which the difference lies, with the report's confidence.
        p: How likely chance alone parts the days so; as in `Trend`.
        direction: Claimed only where `p` is small enough.
    """

    measure: str
    days_before: int
    days_after: int
    before: float
    after: float
    least: float
    most: float
    p: float | None
    direction: Direction

    @property
    def difference(self) -> float:
        """What a day has more now."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Peak:
    """An hour of the week, at which much happens.

    Attributes:
        weekday: 0 is Monday.
        mean: Of this hour, over all weeks looked at.
        share: Of all that happened.
    """

    weekday: int
    hour: int
    mean: float
    share: float


@dataclass(frozen=True, slots=True)
class Activity:
    """What was done.

    Attributes:
        turns: Those that ended, however they did.
        waited_seconds: On people, where the source tells how long.
        files: Changes of files.
    """

    turns: int
    failed_turns: int
    calls: int
    failed_calls: int
    waits: int
    waited_seconds: float
    files: int
    commits: int
    sums: Sums

    @property
    def dollars(self) -> float:
        """All that is known."""
        return (self.sums.reported_nanodollars + self.sums.computed_nanodollars) / 1e9


@dataclass(frozen=True, slots=True)
class WeekRow:
    """One week of one agent.

    Attributes:
        kind: The agent's kind; empty where the events have none.
        teams: Those that the agent is a member of now.
        models: What it was answered by, and how much that cost, the dearest first.
    """

    kind: str
    agent: str
    teams: tuple[str, ...]
    activity: Activity
    models: tuple[tuple[str, Sums], ...]


@dataclass(frozen=True, slots=True)
class Week:
    """One week, Monday to Sunday.

    Attributes:
        complete: False for the week that is not over.
    """

    begins: date
    complete: bool
    total: Activity
    rows: tuple[WeekRow, ...]


@dataclass(frozen=True, slots=True)
class TrendReport:
    """Trends of all measures, of whole days.

    Attributes:
        method: By which it was found, in words.
        alpha: Above which nothing is claimed.
    """

    since: datetime
    until: datetime
    method: str
    alpha: float
    trends: tuple[Trend, ...]
    peaks: tuple[Peak, ...]


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """Two periods beside each other; `method` and `alpha` as in `TrendReport`."""

    before_since: datetime
    since: datetime
    until: datetime
    method: str
    alpha: float
    confidence: float
    shifts: tuple[Shift, ...]
