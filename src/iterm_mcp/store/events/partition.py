"""One file of events: what is known of it without looking into it."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.store.events.rows import to_micros
from iterm_mcp.store.events.schema import open_for_reading

if TYPE_CHECKING:
    import sqlite3

LOCK = "lock"
"""The file that whoever writes to the folder holds locked."""

SUFFIX = ".db"
DAMAGED_SUFFIX = ".db.damaged"
COMPANIONS = ("", "-wal", "-shm")
"""What SQLite keeps beside a file, and the file itself."""

GAP = 10_000_000
"""How far numbers jump when the last number of a damaged file is not known: it cannot hold more."""

_NAME = re.compile(r"(\d{8})-(\d{15})\.db(\.damaged)?")

# Within which times the events of a partition happened.
SELECT_TIMES = "SELECT min(min_at), max(max_at) FROM zones"
SELECT_LAST = "SELECT number, kept_at FROM events ORDER BY number DESC LIMIT 1"
SELECT_FACTS = "SELECT name, value FROM facts"
COUNT_EVENTS = "SELECT coalesce(sum(count), 0) FROM hours"

ZONE_BITS = 10
"""A zone is so many bits' worth of numbers."""


class PartitionState(StrEnum):
    """What may happen to a partition."""

    LIVE = "live"
    SEALED = "sealed"
    """Nothing is added any more."""
    COLD = "cold"
    """Its bodies stand in compressed blocks."""
    DAMAGED = "damaged"
    """Set aside, and read as far as it can be."""


@dataclass(eq=False, slots=True)
class Partition:
    """A file. Times are microseconds.

    Attributes:
        day: On which it was begun, ``YYYYMMDD``.
        first, last: Its numbers are within these; `last` is ``first - 1`` while it is empty.
        min_at, max_at: When its events happened; None while it is empty.
        kept_at: When its newest event was kept.
        size: Bytes, with the companions, when it was last looked at.
        suspect: Reading has found damage; whoever writes sets it aside.
    """

    path: Path
    day: str
    first: int
    last: int
    state: PartitionState
    min_at: int | None = None
    max_at: int | None = None
    kept_at: int = 0
    size: int = 0
    suspect: bool = field(default=False)

    @property
    def is_empty(self) -> bool:
        """Nothing was ever put into it."""
        return self.last < self.first

    def holds(self, since: int | None, until: int | None) -> bool:
        """Tell whether it may have events that happened in this time."""
        if self.is_empty:
            return False
        if self.min_at is None or self.max_at is None:  # damaged: who knows
            return True
        return (since is None or self.max_at >= since) and (until is None or self.min_at < until)

    def measure(self) -> int:
        """Look at its size, and return it."""
        self.size = 0
        for companion in COMPANIONS:
            try:
                self.size += Path(f"{self.path}{companion}").stat().st_size
            except FileNotFoundError:
                continue
        return self.size


def partition_path(folder: Path, day: str, first: int) -> Path:
    """Return where the partition that begins with a number stands."""
    return folder / f"{day}-{first:015d}{SUFFIX}"


def partition_files(folder: Path) -> list[Path]:
    """Return all partitions in a folder, oldest first; damaged ones too."""
    found = [one for one in folder.iterdir() if _NAME.fullmatch(one.name)]
    return sorted(found, key=lambda one: (_name(one)[1], one.name))


def read_partition(path: Path) -> Partition:
    """Look into a partition.

    Raises:
        sqlite3.Error: It is damaged, or cannot be opened.
    """
    day, first, damaged = _name(path)
    if damaged:
        return damaged_partition(path, PartitionState.DAMAGED)
    with closing(open_for_reading(path)) as connection:
        facts = dict(connection.execute(SELECT_FACTS).fetchall())
        min_at, max_at = connection.execute(SELECT_TIMES).fetchone()
        newest = connection.execute(SELECT_LAST).fetchone()
    last = first - 1 if newest is None else newest[0]
    # The newest may have been purged: their numbers are not given again.
    last = max(last, facts.get("last", last))
    partition = Partition(
        path,
        day,
        first,
        last,
        PartitionState(facts.get("state", PartitionState.LIVE)),
        min_at,
        max_at,
        _end_of(day) if newest is None else newest[1],
    )
    partition.measure()
    return partition


def damaged_partition(path: Path, state: PartitionState) -> Partition:
    """Return what is known of a partition by its name alone."""
    day, first, _ = _name(path)
    partition = Partition(path, day, first, first + GAP - 1, state, kept_at=_end_of(day))
    partition.measure()
    return partition


def count_events(connection: sqlite3.Connection) -> int:
    """Return how many events a partition has, without a scan."""
    return int(connection.execute(COUNT_EVENTS).fetchone()[0])


def _end_of(day: str) -> int:
    return to_micros(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1))


def _name(path: Path) -> tuple[str, int, bool]:
    found = _NAME.fullmatch(path.name)
    assert found is not None, path  # noqa: S101 - only such paths come here
    return found[1], int(found[2]), found[3] is not None
