"""Single events removed for good: from rows, words, sums, blocks, and from the free pages."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from iterm_mcp.store.events import bodies, rollups
from iterm_mcp.store.events.cooling import cut_log, merge_words
from iterm_mcp.store.events.schema import COLUMNS, READER_CACHE_KIB, open_for_writing, transaction
from iterm_mcp.store.events.searching import SELECT_ROW, matching

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from iterm_mcp.store.events.partition import Partition
    from iterm_mcp.store.events.selecting import Selection

WINDOW = 1024
"""Numbers that are looked through in one transaction."""

_SUBJECT = COLUMNS.index("subject")
_HASH = COLUMNS.index("hash")

DELETE_WORDS = "INSERT INTO search (search, rowid, subject, text) VALUES ('delete', ?, ?, ?)"
DELETE_EVENT = "DELETE FROM events WHERE number = ?"
# So that it is not kept again when it is told again.
INSERT_PURGED = "INSERT OR IGNORE INTO purged VALUES (?)"
# So that a number is not given twice.
NOTE_LAST = "INSERT OR REPLACE INTO facts VALUES ('last', ?)"


def purge(partition: Partition, selection: Selection) -> Iterator[int]:
    """Remove what is selected from a partition that is not live.

    Yields how many at each step, which is a short transaction.

    Raises:
        OSError, sqlite3.Error: It cannot be written to.
    """
    first, last = partition.first, partition.last
    with closing(open_for_writing(partition.path, cache_kib=READER_CACHE_KIB)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        total = 0
        for low in range(first, last + 1, WINDOW):
            with transaction(connection):
                numbers = matching(connection, selection, (low, min(last, low + WINDOW - 1)))
                if numbers:
                    remove(connection, sorted(numbers))
                    connection.execute(NOTE_LAST, (last,))
            total += len(numbers)
            yield len(numbers)
        if total:
            partition.measure()
            # A deleted word stays in the index until its pieces are merged.
            for _ in merge_words(connection):
                yield 0
            cut_log(connection)


def remove(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Remove events from all tables of a partition, inside a transaction; numbers in order."""
    reader = bodies.BodyReader(connection)
    rows = []
    for number in numbers:
        row = connection.execute(SELECT_ROW, (number,)).fetchone()
        subject, text = row[_SUBJECT] or "", reader.body(number)[1]
        if subject or text:
            connection.execute(DELETE_WORDS, (number, subject, text))
        rows.append(row)
    connection.executemany(INSERT_PURGED, ((row[_HASH],) for row in rows))
    connection.executemany(DELETE_EVENT, ((number,) for number in numbers))
    bodies.remove(connection, numbers)
    rollups.add(connection, rows, sign=-1)
