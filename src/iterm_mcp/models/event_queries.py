"""What may be asked of the events that are kept, and how the answers look."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.models.events import Links, TokenUsage

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.events import EventKind, EventNumber, KeptEvent

MAX_LIMIT = 1000
"""Events of one page."""

LINKS = tuple(one.name for one in fields(Links))


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events; what is left empty does not matter, and what is given must all hold.

    Events come in the order in which they were kept, which is nearly that in which they happened.

    Attributes:
        since, until: When they happened: from the one, before the other.
        subject: What the subject begins with.
        links: Every field that is not empty must be the same.
        least_dollars, most_dollars: Only events with a known cost.
        least_seconds, most_seconds: Only events with a known duration.
        failed: Only failures, or only what is none.
        words: All of these words stand in subject or text, in any case; ``"two words"`` in this
            order, and ``begin*`` for words that begin so.
        pattern: A regular expression (RE2) that is found in subject or text. Where it cannot be
            narrowed by words, a bounded number of events is looked at; see `EventPage.cursor`.
        newest_first: Or oldest first.
        limit: Of one page, 1 to 1000.
        cursor: Go on where the page that gave it ended; all else must be as it was.
    """

    since: datetime | None = None
    until: datetime | None = None
    kinds: frozenset[EventKind] = frozenset()
    sources: frozenset[str] = frozenset()
    subject: str = ""
    links: Links = field(default_factory=Links)
    least_dollars: float | None = None
    most_dollars: float | None = None
    least_seconds: float | None = None
    most_seconds: float | None = None
    failed: bool | None = None
    words: str = ""
    pattern: str = ""
    ignore_case: bool = False
    newest_first: bool = True
    limit: int = 100
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class EventPage:
    """A part of the answer.

    Attributes:
        cursor: Where to go on; empty when there is no more.
        complete: False when looking ended early, after so many events or so much time, so that
            there may be fewer than the limit: go on with the cursor.
        scanned: How many events were looked at one by one.
        damaged: Files that could not be read whole; what they hold may be missing.
    """

    events: tuple[KeptEvent, ...]
    cursor: str = ""
    complete: bool = True
    scanned: int = 0
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many events there are.

    Attributes:
        exact: False when there are more, and counting ended early.
    """

    number: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed for good.

    Attributes:
        damaged: Files that could not be written to, and may still hold such events.
    """

    events: int
    damaged: tuple[str, ...] = ()


class ChartStep(StrEnum):
    """How wide a bucket is."""

    MINUTE = "minute"
    HOUR = "hour"


class ChartBy(StrEnum):
    """What sums are told apart by."""

    KIND = "kind"
    AGENT = "agent"
    AGENT_KIND = "agent_kind"
    MODEL = "model"
    CONVERSATION = "conversation"
    """Of hours alone."""


@dataclass(frozen=True, slots=True)
class ChartQuery:
    """Sums over time.

    Attributes:
        since, until: Widened to whole minutes or hours.
        step: None for one sum over all the time, from the hours.
        by: What is told apart; all else is added up.
        only: Which values count, by what they are of.
    """

    since: datetime
    until: datetime
    step: ChartStep | None = ChartStep.MINUTE
    by: tuple[ChartBy, ...] = ()
    only: tuple[tuple[ChartBy, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sums:
    """Of the events of one bucket.

    Attributes:
        reported_nanodollars, computed_nanodollars: By where the amount comes from.
        unpriced: Events whose cost nobody knows.
    """

    count: int = 0
    failures: int = 0
    duration_seconds: float = 0.0
    usage: TokenUsage = field(default_factory=TokenUsage)
    reported_nanodollars: int = 0
    computed_nanodollars: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One bucket.

    Attributes:
        at: When it begins; the query's `since` where there is no step.
        values: In the order of the query's `by`.
    """

    at: datetime
    values: tuple[str, ...]
    sums: Sums


@dataclass(frozen=True, slots=True)
class PartitionStats:
    """One file of events.

    Attributes:
        name: The file's.
        state: live, sealed (nothing is added), cold (and compressed) or damaged.
    """

    name: str
    state: str
    first: EventNumber
    last: EventNumber
    size_bytes: int


@dataclass(frozen=True, slots=True)
class EventStats:
    """How the store of events is, without looking into it.

    Attributes:
        waiting_events, waiting_bytes: Handed over and not yet on the disk.
        lag_seconds: How long the oldest of these waits.
        last_commit_seconds: What the last batch took.
        kept, repeated, refused: Events since the store was opened.
        kept_per_second: Over about the last minute.
        problem: Why nothing can be kept now; empty when it can.
        dropped_partitions, dropped_events: By age and size, since the store was opened.
    """

    partitions: tuple[PartitionStats, ...]
    size_bytes: int
    newest: EventNumber
    waiting_events: int
    waiting_bytes: int
    lag_seconds: float
    last_commit_seconds: float
    kept: int
    repeated: int
    refused: int
    kept_per_second: float
    problem: str
    dropped_partitions: int
    dropped_events: int
    followers: int


@dataclass(frozen=True, slots=True)
class IntakeStats:
    """How what leads into the store is; counts are since the daemon began.

    Attributes:
        own_waiting: Events of what we do ourselves that wait to be kept.
        own_dropped: Those that were lost, for want of room or of a store.
        looks_skipped: Looks at what shell commands change that were left out for being too many.
        spool_files, spool_bytes: What hooks have left, when it was looked at last.
        spool_torn: Files that were put aside because something in them was no event.
    """

    own_waiting: int = 0
    own_dropped: int = 0
    looks_skipped: int = 0
    spool_files: int = 0
    spool_bytes: int = 0
    spool_torn: int = 0
