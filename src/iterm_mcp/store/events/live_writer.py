"""The one writer: puts batches of events into the live partition, each in one transaction."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.events import EventNumber, KeptEvent
from iterm_mcp.store.events import bodies, rollups
from iterm_mcp.store.events.known_keys import KnownKeys, find_in_partition
from iterm_mcp.store.events.partition import ZONE_BITS, Partition
from iterm_mcp.store.events.rows import from_micros, to_micros
from iterm_mcp.store.events.schema import (
    COLUMNS,
    explained,
    is_damage,
    open_for_writing,
    transaction,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.store.events.catalogue import Catalogue
    from iterm_mcp.store.events.rows import Row

INSERT_EVENT = f"INSERT INTO events VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our own names
INSERT_WORDS = "INSERT INTO search (rowid, subject, text) VALUES (?, ?, ?)"
UPSERT_ZONE = """
    INSERT INTO zones VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET
        min_at = min(min_at, excluded.min_at), max_at = max(max_at, excluded.max_at)
"""
SEAL = "INSERT OR REPLACE INTO facts VALUES ('state', 'sealed')"
SIZE = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch.

    Attributes:
        new: The events that were not known.
        sizes: Their bytes, about.
        news: Of each caller's events, how many were not.
    """

    new: tuple[KeptEvent, ...]
    sizes: tuple[int, ...]
    news: tuple[int, ...]


class LiveWriter:
    """Writes. Its methods block; one thread at a time calls them.

    Args:
        max_bytes: A partition that has so many is sealed, and so is one of a former day (UTC).
    """

    def __init__(
        self, catalogue: Catalogue, keys: KnownKeys, clock: Clock, *, max_bytes: int
    ) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._clock = clock
        self._max_bytes = max_bytes
        self._connection: sqlite3.Connection | None = None
        self._partition: Partition | None = None

    def write(self, batches: Sequence[Sequence[Row]]) -> Written:
        """Keep what is not known yet, of all callers or of none.

        Raises:
            StoreError: There is no room, or no right. Nothing of it was kept.
        """
        try:
            return self._write(batches)
        except (sqlite3.Error, OSError) as error:
            damaged = self._partition
            if damaged is None or not (isinstance(error, sqlite3.Error) and is_damage(error)):
                with explained(damaged.path if damaged else self._catalogue.folder):
                    raise
            reason = str(error)
        self._leave()
        with explained(damaged.path):
            self._catalogue.set_aside(damaged, reason)
            return self._write(batches)

    def seal(self) -> None:
        """End the live partition, if there is anything in it: the next batch begins another."""
        with explained(self._catalogue.folder):
            connection, partition = self._open()
            if not partition.is_empty:
                self._rotate(connection, self._day())

    def close(self) -> None:
        """Close all files."""
        self._leave()
        self._keys.close()

    def _write(self, batches: Sequence[Sequence[Row]]) -> Written:
        connection, partition = self._open()
        rows = {row.hash: row for batch in batches for row in batch}
        hashes = sorted(rows)  # neighbours stand together in an index
        kept_at = to_micros(self._clock.now())
        with transaction(connection):
            known = find_in_partition(connection, hashes) | self._keys.find(hashes)
            news = []
            new: list[Row] = []
            for batch in batches:
                before = len(new)
                for row in batch:
                    if row.hash not in known:
                        known.add(row.hash)
                        new.append(row)
                news.append(len(new) - before)
            numbers = range(partition.last + 1, partition.last + 1 + len(new))
            if new:
                insert(connection, numbers, kept_at, new)
        if new:
            _note(partition, numbers[-1], kept_at, new)
            (size,) = connection.execute(SIZE).fetchone()
            partition.size = size
        at = from_micros(kept_at)
        return Written(
            tuple(
                KeptEvent(EventNumber(number), at, row.event)
                for number, row in zip(numbers, new, strict=True)
            ),
            tuple(row.size for row in new),
            tuple(news),
        )

    def _open(self) -> tuple[sqlite3.Connection, Partition]:
        """Return the live partition, a new one when it is time for it."""
        live = self._catalogue.live
        if live is not None and live.suspect:
            self._leave()
            self._catalogue.set_aside(live, "damage was found in reading")
            live = None
        day = self._day()
        if live is None:
            self._leave()
            live = self._catalogue.begin(day)
        connection = self._connection
        if live is not self._partition or connection is None:
            self._leave()
            connection = self._connection = open_for_writing(live.path)
            self._partition = live
        if not live.is_empty and (day > live.day or live.size >= self._max_bytes):
            return self._rotate(connection, day)
        return connection, live

    def _rotate(self, old: sqlite3.Connection, day: str) -> tuple[sqlite3.Connection, Partition]:
        """Go on in a new partition. If that fails, the old one is as it was."""
        partition = self._catalogue.begin(day)
        with suppress(sqlite3.Error):  # it is sealed by its successor: the mark saves a look
            old.execute(SEAL)
        self._leave()
        self._connection, self._partition = open_for_writing(partition.path), partition
        return self._connection, partition

    def _leave(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = self._partition = None

    def _day(self) -> str:
        return self._clock.now().strftime("%Y%m%d")


def insert(
    connection: sqlite3.Connection, numbers: Sequence[int], kept_at: int, rows: Sequence[Row]
) -> None:
    """Put events into all tables of a partition; their numbers have no gaps."""
    whole: list[tuple[Any, ...]] = [
        (number, row.at, kept_at, *row.columns) for number, row in zip(numbers, rows, strict=True)
    ]
    connection.executemany(INSERT_EVENT, whole)
    bodies.keep(
        connection,
        [
            (number, row.event.key, row.text, row.payload)
            for number, row in zip(numbers, rows, strict=True)
        ],
    )
    connection.executemany(
        INSERT_WORDS,
        (
            (number, row.subject, row.text)
            for number, row in zip(numbers, rows, strict=True)
            if row.subject or row.text
        ),
    )
    rollups.add(connection, whole)
    connection.executemany(UPSERT_ZONE, _zones(numbers[0], [row.at for row in rows]))


def _zones(first: int, times: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield each zone with its earliest and its latest time."""
    start = 0
    while start < len(times):
        zone = (first + start) >> ZONE_BITS
        end = ((zone + 1) << ZONE_BITS) - first
        here = times[start:end]
        yield zone, min(here), max(here)
        start = end


def _note(partition: Partition, last: int, kept_at: int, rows: Sequence[Row]) -> None:
    times = [row.at for row in rows]
    least, most = min(times), max(times)
    partition.min_at = least if partition.min_at is None else min(partition.min_at, least)
    partition.max_at = most if partition.max_at is None else max(partition.max_at, most)
    partition.kept_at = kept_at
    partition.last = last  # last of all: readers see what is there for certain
