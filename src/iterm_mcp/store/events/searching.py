"""One answer from many partitions: in order, bounded, and going on where the last one ended."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from iterm_mcp.models.event_queries import EventCount, EventPage
from iterm_mcp.store.events.bodies import BodyReader
from iterm_mcp.store.events.partition import ZONE_BITS, PartitionState
from iterm_mcp.store.events.rows import to_event
from iterm_mcp.store.events.schema import COLUMNS, is_damage
from iterm_mcp.store.events.selecting import from_cursor, to_cursor
from iterm_mcp.store.events.statements import (
    FEW,
    candidates_sql,
    numbers_sql,
    texts_sql,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iterm_mcp.models.events import KeptEvent
    from iterm_mcp.store.events.catalogue import Catalogue
    from iterm_mcp.store.events.partition import Partition
    from iterm_mcp.store.events.readers import Readers
    from iterm_mcp.store.events.selecting import Selection

T = TypeVar("T")

MAX_SCANNED = 200_000
"""Texts that one page looks at for a pattern."""
SCAN_SECONDS = 0.2
"""How long one page looks for a pattern, about."""
SEARCH_SECONDS = 2.0
"""How long one page looks for anything else, about."""
PAGE_BYTES = 8 << 20
"""Of texts and payloads; a page ends earlier when it has so many."""
CHECK_EVERY = 128

SELECT_ROW = f"SELECT {', '.join(COLUMNS)} FROM events WHERE number = ?"  # noqa: S608 - our own names
SELECT_AFTER = (
    f"SELECT {', '.join(COLUMNS)} FROM events"  # noqa: S608 - our own names
    " WHERE number > ? AND number <= ? ORDER BY number LIMIT ?"
)
# Which numbers may have happened in a time.
SELECT_ZONES = """
    SELECT min(zone), max(zone) FROM zones
    WHERE max_at >= coalesce(:since, max_at) AND min_at < coalesce(:until, min_at + 1)
"""


@dataclass
class _Page:
    """One answer in the making.

    Attributes:
        ends_at: When looking ends, by the machine's monotonic clock.
        reached: Behind this number the next page begins.
        advanced: Something was looked at: a page that ends early is never for nothing.
        stopped: It ended early.
    """

    selection: Selection
    ends_at: float
    reached: int
    found: list[KeptEvent] = field(default_factory=list)
    size: int = 0
    scanned: int = 0
    advanced: bool = False
    stopped: bool = False
    damaged: list[str] = field(default_factory=list)

    @property
    def room(self) -> int:
        return self.selection.limit - len(self.found)

    @property
    def is_full(self) -> bool:
        return self.room <= 0 or self.size >= PAGE_BYTES

    @property
    def is_over(self) -> bool:
        return self.advanced and (time.monotonic() > self.ends_at or self.scanned >= MAX_SCANNED)

    def add(self, connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
        """Read events, as many as there is room for."""
        bodies = BodyReader(connection)
        for number in numbers:
            body = bodies.body(number)
            self.found.append(to_event(connection.execute(SELECT_ROW, (number,)).fetchone(), body))
            self.size += len(body[1]) + len(body[2] or "")
            if self.is_full:
                self.reached = number
                return


class Searching:
    """Answers queries. Its methods block: call them in threads, which share nothing."""

    def __init__(self, catalogue: Catalogue, readers: Readers) -> None:
        self._catalogue = catalogue
        self._readers = readers

    def page(self, selection: Selection, cursor: str) -> EventPage:
        """Return the next part of the answer."""
        behind = from_cursor(cursor, selection)
        seconds = SEARCH_SECONDS if selection.pattern is None else SCAN_SECONDS
        page = _Page(selection, time.monotonic() + seconds, behind or 0)
        for partition, low, high in self._ranges(selection, behind):
            look = partial(self._look, page, partition, low, high)
            self.read(partition, look, page.damaged)
            if page.stopped or page.is_full:
                break
        more = page.stopped or page.is_full
        return EventPage(
            tuple(page.found),
            to_cursor(page.reached, selection) if more else "",
            not page.stopped,
            page.scanned,
            tuple(page.damaged),
        )

    def count(self, selection: Selection, most: int) -> EventCount:
        """Count, up to a number, and for as long as a page may take."""
        ends_at = time.monotonic() + SEARCH_SECONDS
        total = 0
        for partition, low, high in self._ranges(selection, None):
            work = partial(_count, selection, (low, high), most - total, ends_at)
            read = self.read(partition, work)
            number, exact = read or (0, True)
            total += number
            if not exact:
                return EventCount(min(total, most), exact=False)
        return EventCount(total, exact=True)

    def after(self, number: int, limit: int) -> tuple[KeptEvent, ...]:
        """Return the events behind a number, oldest first, not more than fit a page."""
        found: list[KeptEvent] = []
        size = 0

        def take(last: int, connection: sqlite3.Connection) -> None:
            nonlocal size
            bodies = BodyReader(connection)
            for row in connection.execute(SELECT_AFTER, (number, last, limit - len(found))):
                body = bodies.body(row[0])
                found.append(to_event(row, body))
                size += len(body[1]) + len(body[2] or "")
                if size >= PAGE_BYTES:
                    return

        for partition, last in [(one, one.last) for one in self._catalogue.partitions]:
            if last > number and len(found) < limit and size < PAGE_BYTES:
                self.read(partition, partial(take, last))
        return tuple(found)

    def read(
        self,
        partition: Partition,
        work: Callable[[sqlite3.Connection], T],
        damaged: list[str] | None = None,
    ) -> T | None:
        """Run `work` on a partition; None when it has been forgotten, or is damaged.

        Args:
            damaged: Where the names of damaged files are added.
        """
        try:
            with self._readers.lend(partition) as connection:
                return work(connection)
        except FileNotFoundError:
            return None
        except sqlite3.DatabaseError as error:
            if partition.state is not PartitionState.DAMAGED:
                if not is_damage(error):
                    raise
                if partition.state is PartitionState.LIVE:
                    partition.suspect = True  # its writer sets it aside
                else:
                    self._catalogue.set_aside(partition, str(error))
            if damaged is not None and partition.path.name not in damaged:
                damaged.append(partition.path.name)
            return None

    def _ranges(
        self, selection: Selection, behind: int | None
    ) -> Iterator[tuple[Partition, int, int]]:
        """Yield the numbers to look through, in the order of the answer."""
        # The ends are read before the first is opened: what comes later is not in this answer.
        known = [(one, one.first, one.last) for one in self._catalogue.partitions]
        for partition, first, last in reversed(known) if selection.newest_first else known:
            low, high = first, last
            if behind is not None and selection.newest_first:
                high = min(high, behind - 1)
            elif behind is not None:
                low = max(low, behind + 1)
            if low <= high and partition.holds(selection.since, selection.until):
                yield partition, low, high

    def _look(
        self, page: _Page, partition: Partition, low: int, high: int, connection: sqlite3.Connection
    ) -> None:
        """Look through a partition, window by window; a damaged one as far as it goes."""
        selection = page.selection
        if partition.state is PartitionState.DAMAGED:
            low, high = _present(connection, low, high)
        low, high = _narrowed(connection, selection, low, high)
        for window in windows(selection, low, high):
            if page.is_over:
                page.stopped = True
                return
            few = _few(connection, selection, window)
            if selection.pattern is None:
                values = _values(selection, window) | {"limit": page.room}
                rows = connection.execute(numbers_sql(selection, few=few), values).fetchall()
                page.add(connection, [number for (number,) in rows])
            else:
                self._scan(page, connection, window, few=few)
            page.advanced = True
            if page.is_full or page.stopped:
                return
            page.reached = window[0] if selection.newest_first else window[1]

    def _scan(
        self, page: _Page, connection: sqlite3.Connection, window: tuple[int, int], *, few: bool
    ) -> None:
        """Look at texts one by one; it may end in the middle."""
        hits: list[int] = []
        room, reached = page.room, page.reached
        for number, hit in _texts(connection, page.selection, window, few=few):
            page.scanned += 1
            page.advanced = True
            reached = number
            if hit:
                hits.append(number)
                if len(hits) >= room:
                    break
            if page.scanned % CHECK_EVERY == 0 and page.is_over:
                page.stopped = True
                break
        page.add(connection, hits)
        if page.is_full:
            page.stopped = False
        else:
            page.reached = reached


def matching(
    connection: sqlite3.Connection, selection: Selection, window: tuple[int, int]
) -> list[int]:
    """Return the numbers of all that is selected in a window of one partition."""
    few = _few(connection, selection, window)
    if selection.pattern is not None:
        texts = _texts(connection, selection, window, few=few)
        return [number for number, hit in texts if hit]
    values = _values(selection, window) | {"limit": window[1] - window[0] + 1}
    rows = connection.execute(numbers_sql(selection, few=few), values)
    return [number for (number,) in rows]


def _values(selection: Selection, window: tuple[int, int]) -> dict[str, object]:
    values = selection.parameters | {"low": window[0], "high": window[1]}
    return values | {"match": selection.match} if selection.match else values


def _few(connection: sqlite3.Connection, selection: Selection, window: tuple[int, int]) -> bool:
    """Tell whether an index leaves so little that words are looked for in that alone."""
    if not (selection.match and selection.index):
        return False
    sql = candidates_sql(selection)
    values = _values(selection, window)
    return bool(connection.execute(sql, values).fetchone()[0] <= FEW)


def _texts(
    connection: sqlite3.Connection, selection: Selection, window: tuple[int, int], *, few: bool
) -> Iterator[tuple[int, bool]]:
    """Yield numbers, and whether the pattern is found there."""
    bodies = BodyReader(connection)
    search = selection.pattern.search
    rows = connection.execute(texts_sql(selection, few=few), _values(selection, window))
    for number, subject, text in rows:
        whole = bodies.packed(number)[1] if text is None else text
        yield number, search(whole) is not None or bool(subject and search(subject))


def _count(
    selection: Selection,
    numbers: tuple[int, int],
    room: int,
    ends_at: float,
    connection: sqlite3.Connection,
) -> tuple[int, bool]:
    """Return how many there are, and whether these are all."""
    total = 0
    for window in windows(selection, *_narrowed(connection, selection, *numbers)):
        few = _few(connection, selection, window)
        if selection.pattern is None:
            sql = f"SELECT count(*) FROM ({numbers_sql(selection, few=few)})"  # noqa: S608 - our own
            values = _values(selection, window) | {"limit": room - total + 1}
            total += connection.execute(sql, values).fetchone()[0]
            over = time.monotonic() > ends_at and window[0] > numbers[0]
        else:
            over = False
            for place, (_, hit) in enumerate(_texts(connection, selection, window, few=few), 1):
                total += hit
                if place % CHECK_EVERY == 0 and (time.monotonic() > ends_at or total > room):
                    over = True
                    break
        if total > room or over:
            return total, False
    return total, True


def _narrowed(
    connection: sqlite3.Connection, selection: Selection, low: int, high: int
) -> tuple[int, int]:
    """Return only those numbers that may have happened in the time that is asked for."""
    if selection.since is None and selection.until is None:
        return low, high
    times = {"since": selection.since, "until": selection.until}
    first, last = connection.execute(SELECT_ZONES, times).fetchone()
    if first is None:
        return 1, 0
    return max(low, first << ZONE_BITS), min(high, ((last + 1) << ZONE_BITS) - 1)


def _present(connection: sqlite3.Connection, low: int, high: int) -> tuple[int, int]:
    """Return only those numbers that there are: of a damaged file they are not known before."""
    first, last = connection.execute("SELECT min(number), max(number) FROM events").fetchone()
    return (low, high) if first is None else (max(low, first), min(high, last))
