"""What is done to a partition when nothing is added any more: it becomes small."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from iterm_mcp.store.events.bodies import pack_oldest
from iterm_mcp.store.events.partition import Partition, PartitionState
from iterm_mcp.store.events.schema import READER_CACHE_KIB, open_for_writing, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

MERGED_PAGES = 200
FREED_PAGES = 500

MERGE_WORDS = "INSERT INTO search (search, rank) VALUES ('merge', ?)"
FREE_PAGES = f"PRAGMA incremental_vacuum({FREED_PAGES})"
MARK = "INSERT OR REPLACE INTO facts VALUES ('state', ?)"


def cool(partition: Partition) -> Iterator[None]:
    """Make a sealed partition small, a short transaction at each step; it may be left at any.

    Raises:
        OSError, sqlite3.Error: It cannot be written to.
    """
    with closing(open_for_writing(partition.path, cache_kib=READER_CACHE_KIB)) as connection:
        connection.execute(MARK, (PartitionState.SEALED.value,))
        while True:
            with transaction(connection):
                moved = pack_oldest(connection)
            if not moved:
                break
            yield
        yield from merge_words(connection)
        yield from free_pages(connection)
        connection.execute(MARK, (PartitionState.COLD.value,))
        cut_log(connection)
    partition.state = PartitionState.COLD
    partition.measure()


def merge_words(connection: sqlite3.Connection) -> Iterator[None]:
    """Merge the full-text index into one piece, without what was deleted from it."""
    pages = -MERGED_PAGES  # below zero it takes up all pieces
    while True:
        before = connection.total_changes
        connection.execute(MERGE_WORDS, (pages,))
        if connection.total_changes - before < 2:  # noqa: PLR2004 - the documented sign of the end
            return
        pages = MERGED_PAGES
        yield


def free_pages(connection: sqlite3.Connection) -> Iterator[None]:
    """Give pages that are not used any more back to the file system."""
    while connection.execute("PRAGMA freelist_count").fetchone()[0]:
        connection.executescript(FREE_PAGES)  # `execute` would free a single page
        yield


def cut_log(connection: sqlite3.Connection) -> None:
    """Leave nothing in the write-ahead log, as far as nobody reads it at this moment."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
