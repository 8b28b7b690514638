"""Whether the files of events are sound, from outside: also while a daemon writes to them."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import StoreError
from iterm_mcp.store.events.bodies import BodyLostError, BodyReader
from iterm_mcp.store.events.partition import (
    PartitionState,
    partition_files,
    read_partition,
)
from iterm_mcp.store.events.rollups import gather
from iterm_mcp.store.events.rows import key_hash
from iterm_mcp.store.events.schema import (
    COLUMNS,
    HOUR_KEYS,
    MINUTE_KEYS,
    SUMS,
    open_for_reading,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.store.events.partition import Partition

MAX_PROBLEMS = 100
WORD_SAMPLES = 200
"""Events of each file whose words are looked up."""

COPY = "VACUUM INTO ?"
CHECK_WORDS = "INSERT INTO search (search) VALUES ('integrity-check')"
SELECT_ALL = f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY number"  # noqa: S608 - our own names
SELECT_KEYS = "SELECT hash FROM events UNION ALL SELECT hash FROM purged"


@dataclass
class Report:
    """What was found.

    Attributes:
        problems: One sentence each; none when all is sound.
        notes: What is as it should be, and worth knowing: numbers that are not there.
    """

    events: int = 0
    files: int = 0
    found: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def problems(self) -> tuple[str, ...]:
        """All, up to a hundred."""
        return tuple(self.found[:MAX_PROBLEMS])


def verify_events(folder: Path) -> Report:
    """Look through all files in a folder; it takes seconds for each million events.

    Raises:
        OSError: The folder cannot be read.
    """
    report = Report()
    before: Partition | None = None
    keys: dict[bytes, int] = {}
    for path in partition_files(folder):
        report.files += 1
        if path.name.endswith(".damaged"):
            report.found.append(f"{path.name}: it was found damaged, and set aside")
            continue
        try:
            partition = read_partition(path)
            if before is not None and partition.first <= before.last:
                report.found.append(f"{path.name}: its numbers begin in the file before")
            elif before is not None and partition.first > before.last + 1:
                report.notes.append(f"{path.name}: no numbers from {before.last + 1} on before it")
            before = partition
            with closing(open_for_reading(path)) as connection:
                connection.execute("BEGIN")  # one moment, whatever is written meanwhile
                report.found += [f"{path.name}: {one}" for one in _problems(connection)]
                _count_numbers(connection, partition, report)
                _compare_keys(connection, path, keys, report)
            _check_words(partition, report)
        except FileNotFoundError:
            report.notes.append(f"{path.name}: it was forgotten meanwhile")
        except (sqlite3.Error, StoreError) as error:
            report.found.append(f"{path.name}: {error}")
    return report


def _count_numbers(connection: sqlite3.Connection, partition: Partition, report: Report) -> None:
    """Every number is there, but for those of events that were purged."""
    (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
    (purged,) = connection.execute("SELECT count(*) FROM purged").fetchone()
    (last,) = connection.execute("SELECT max(number) FROM events").fetchone()
    given = max(last or 0, partition.last) - partition.first + 1
    if events + purged != given:
        report.found.append(
            f"{partition.path.name}: {given} numbers were given, and there are {events} events"
            f" and {purged} that were purged"
        )
    report.events += events


def _problems(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check(10)"):
        if line != "ok":
            yield str(line)
    minutes, hours = _recount(connection)
    for table, keys, expected in (("minutes", MINUTE_KEYS, minutes), ("hours", HOUR_KEYS, hours)):
        stored = {
            row[: len(keys)]: list(row[len(keys) :])
            for row in connection.execute(f"SELECT {', '.join((*keys, *SUMS))} FROM {table}")  # noqa: S608
        }
        wrong = {
            key for key in stored.keys() | expected.keys() if stored.get(key) != expected.get(key)
        }
        for key in sorted(wrong, key=str)[:10]:
            yield f"the sums of {table} {key} are {stored.get(key)}, not {expected.get(key)}"
    yield from _body_problems(connection)


def _recount(connection: sqlite3.Connection) -> tuple[dict[Any, Any], dict[Any, Any]]:
    return gather(connection.execute(SELECT_ALL))


def _body_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Look at every body; where one is missing, an event can be counted and not shown."""
    bodies = BodyReader(connection)
    for number, digest in connection.execute("SELECT number, hash FROM events ORDER BY number"):
        try:
            key, _, _ = bodies.body(number)
        except BodyLostError as error:
            yield str(error)
        else:
            if key_hash(key) != digest:
                yield f"event {number} has another event's key"


def _compare_keys(
    connection: sqlite3.Connection, path: Path, keys: dict[bytes, int], report: Report
) -> None:
    """Find keys that are kept twice. Eight bytes of each are remembered, to find candidates."""
    twice = 0
    for (digest,) in connection.execute(SELECT_KEYS):
        short = digest[:10]
        if short in keys:
            twice += 1
        keys[short] = 1
    if twice:
        report.found.append(f"{path.name}: {twice} events are kept twice")


def _check_words(partition: Partition, report: Report) -> None:
    """Check the full-text index, which takes a writer: of a live file a copy is checked."""
    writable = os.access(partition.path.parent, os.W_OK)
    if partition.state is not PartitionState.LIVE and writable:
        with closing(sqlite3.connect(partition.path, isolation_level=None)) as connection:
            report.found += [f"{partition.path.name}: {one}" for one in _word_problems(connection)]
        return
    if not writable:
        report.notes.append(f"{partition.path.name}: no room for the check of the index of words")
        return
    with tempfile.TemporaryDirectory(dir=partition.path.parent, prefix=".verify-") as folder:
        copy = Path(folder) / partition.path.name
        with closing(sqlite3.connect(partition.path, isolation_level=None)) as connection:
            connection.execute(COPY, (str(copy),))
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            report.found += [f"{partition.path.name}: {one}" for one in _word_problems(connection)]


def _word_problems(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        connection.execute(CHECK_WORDS)
    except sqlite3.DatabaseError as error:
        yield f"the index of words: {error}"
        return
    bodies = BodyReader(connection)
    (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    every = max(1, count // WORD_SAMPLES)
    sql = "SELECT number FROM events WHERE number % ? = 0 ORDER BY number"
    for (number,) in connection.execute(sql, (every,)).fetchall():
        word = _first_word(bodies.body(number)[1])
        if (
            word
            and not connection.execute(
                "SELECT 1 FROM search WHERE search MATCH ? AND rowid = ?", (f'"{word}"', number)
            ).fetchone()
        ):
            yield f"event {number} is not found by its word {word!r}"


def _first_word(text: str) -> str:
    for part in text.split(maxsplit=20):
        if part.isascii() and part.isalnum():
            return part
    return ""
