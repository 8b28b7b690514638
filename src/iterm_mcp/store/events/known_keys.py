"""Whether an event is known already, over all partitions.

A partition finds its own keys by an index. For all that are sealed there is one more file, in
which their keys stand together, so that a look costs the same however many partitions there are.
It is made from the partitions: when it is lost, it is made again, and meanwhile they are asked one
by one.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import structlog

from iterm_mcp.store.events.partition import COMPANIONS, Partition, PartitionState
from iterm_mcp.store.events.schema import (
    BUSY_SECONDS,
    MAPPED_BYTES,
    is_damage,
    open_for_reading,
    to_uri,
    transaction,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from iterm_mcp.store.events.catalogue import Catalogue

log = structlog.get_logger()

FILE = "keys.index"
BITE = 4000
"""Keys that are taken over in one transaction."""

CHUNKS = (256, 16, 1)
"""How many keys one statement asks for: few texts of statements, few statements."""

SCHEMA = """
    CREATE TABLE IF NOT EXISTS keys (hash BLOB PRIMARY KEY, part INTEGER NOT NULL) WITHOUT ROWID;
    -- How far each partition, named by its first number, has been taken over.
    CREATE TABLE IF NOT EXISTS parts (part INTEGER PRIMARY KEY, upto BLOB NOT NULL, whole NOT NULL);
"""
ATTACH = "ATTACH ? AS older"
# The next keys of a partition, those of purged events too.
NEXT = """
    SELECT hash FROM (SELECT hash FROM older.events WHERE hash > :upto ORDER BY hash LIMIT :bite)
    UNION
    SELECT hash FROM (SELECT hash FROM older.purged WHERE hash > :upto ORDER BY hash LIMIT :bite)
    ORDER BY hash LIMIT :bite
"""
COUNT_NEXT = f"SELECT count(*), coalesce(max(hash), :upto) FROM ({NEXT})"  # noqa: S608 - our own
# In one statement: the writer is not held up by rows that pass through Python.
INSERT_NEXT = f"INSERT OR REPLACE INTO keys SELECT hash, :part FROM ({NEXT})"  # noqa: S608 - our own
SELECT_PART = "SELECT upto, whole FROM parts WHERE part = ?"
SELECT_WHOLE = "SELECT part FROM parts WHERE whole"
UPSERT_PART = "INSERT OR REPLACE INTO parts VALUES (?, ?, ?)"
SOME_PURGED = "SELECT EXISTS (SELECT 1 FROM purged)"
DELETE_PART = "DELETE FROM parts WHERE part = ?"
# Keys of partitions that are gone, in a part of all keys.
DELETE_GONE = """
    DELETE FROM keys WHERE hash >= ? AND hash < ? AND part NOT IN (SELECT part FROM parts)
"""


class KnownKeys:
    """Finds keys in all partitions but the live one.

    One thread looks up, another takes over; each with a connection of its own.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._path = catalogue.folder / FILE
        self._index: sqlite3.Connection | None = None
        self._unmerged: dict[Path, sqlite3.Connection] = {}
        self._whole: set[int] = set()  # replaced when the index is made anew, never cleared

    def open(self) -> None:
        """Open the index; a damaged one is made anew.

        Raises:
            OSError, sqlite3.Error: There is no room, or no right.
        """
        try:
            self._open()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._remake(error)
            self._open()

    def find(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Return those that some older partition has."""
        older = [
            one
            for one in self._catalogue.partitions
            if not one.is_empty and one.state is not PartitionState.LIVE
        ]
        if not older:
            return set()
        found = self._find_in_index(hashes, {one.first for one in older})
        unmerged = [one for one in older if one.first not in self._whole]
        self._keep_open({one.path for one in unmerged})
        for partition in unmerged:
            with suppress(FileNotFoundError):
                found |= self._find_in(partition, hashes)
        return found

    def merge(self, partition: Partition) -> bool:
        """Take over the next keys of a sealed partition; True when all have been."""
        known = self._whole
        if partition.first in known:
            return True
        with closing(_connect(self._path)) as index:
            upto, whole = index.execute(SELECT_PART, (partition.first,)).fetchone() or (b"", 0)
            if not whole:
                index.execute(ATTACH, (to_uri(partition.path, "rw"),))
                values = {"upto": upto, "bite": BITE, "part": partition.first}
                with transaction(index):
                    count, last = index.execute(COUNT_NEXT, values).fetchone()
                    index.execute(INSERT_NEXT, values)
                    whole = count < BITE
                    index.execute(UPSERT_PART, (partition.first, last, whole))
        if whole:
            known.add(partition.first)
        return bool(whole)

    def forget(self, parts: Iterable[int]) -> Iterator[None]:
        """Remove the keys of partitions that are gone, a bite at each step."""
        with closing(_connect(self._path)) as index:
            with transaction(index):
                index.executemany(DELETE_PART, ((part,) for part in parts))
            edges = [bytes([first]) for first in range(256)]
            for start, end in zip(edges, [*edges[1:], b"\xff" * 17], strict=True):
                with transaction(index):
                    index.execute(DELETE_GONE, (start, end))
                yield

    def close(self) -> None:
        """Close all files."""
        if self._index is not None:
            self._index.close()
            self._index = None
        self._keep_open(set())

    def _open(self) -> None:
        connection = _connect(self._path)
        try:
            self._whole = {part for (part,) in connection.execute(SELECT_WHOLE)}
        except BaseException:
            connection.close()
            raise
        self._index = connection

    def _remake(self, error: sqlite3.Error) -> None:
        log.error("event_keys_remade", file=self._path.name, reason=str(error))
        if self._index is not None:
            self._index.close()
            self._index = None
        self._whole = set()
        for companion in COMPANIONS:
            self._path.with_name(self._path.name + companion).unlink(missing_ok=True)

    def _find_in_index(self, hashes: Sequence[bytes], present: set[int]) -> set[bytes]:
        if self._index is None:
            self.open()
        assert self._index is not None  # noqa: S101 - `open` raises otherwise
        try:
            return {
                key
                for key, part in look_up(self._index, "hash, part", "keys", hashes)
                if part in present
            }
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._remake(error)
            self.open()
            return set()

    def _find_in(self, partition: Partition, hashes: Sequence[bytes]) -> set[bytes]:
        try:
            connection = self._unmerged.get(partition.path)
            if connection is None:
                connection = self._unmerged[partition.path] = open_for_reading(partition.path)
            return find_in_partition(connection, hashes)
        except sqlite3.Error as error:
            if not partition.path.exists():  # forgotten in between
                return set()
            if not is_damage(error):
                raise
            if partition.state is not PartitionState.DAMAGED:
                self._catalogue.set_aside(partition, str(error))
            return set()

    def _keep_open(self, paths: set[Path]) -> None:
        for path in self._unmerged.keys() - paths:
            self._unmerged.pop(path).close()


def find_in_partition(connection: sqlite3.Connection, hashes: Sequence[bytes]) -> set[bytes]:
    """Return those that a partition has, or had until they were purged."""
    found = {key for (key,) in look_up(connection, "hash", "events", hashes)}
    if connection.execute(SOME_PURGED).fetchone()[0]:
        found |= {key for (key,) in look_up(connection, "hash", "purged", hashes)}
    return found


def look_up(
    connection: sqlite3.Connection, columns: str, table: str, hashes: Sequence[bytes]
) -> Iterator[tuple[Any, ...]]:
    """Find many keys in few statements."""
    start = 0
    for size in CHUNKS:
        statement = f"SELECT {columns} FROM {table} WHERE hash IN ({', '.join('?' * size)})"  # noqa: S608 - our own names
        while len(hashes) - start >= size:
            yield from connection.execute(statement, hashes[start : start + size])
            start += size


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        to_uri(path, "rw"),
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # it can be made again
        connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
        connection.executescript(SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection
