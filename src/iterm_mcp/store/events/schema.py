"""The tables of one partition, and connections to it.

A partition is a file of its own, so that forgetting old events is removing a file. What the tables
are for stands beside them. An empty text is NULL, so that indexes hold only what there is.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iterm_mcp.errors import StoreError
from iterm_mcp.store.database import HINTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 2
OLDER = {1}
"""Of files that are read as they are, and become newer when they are written to: 1 knew no zstd."""

INDEXED = ("call", "trace", "turn", "subagent", "step", "task", "conversation", "session", "agent")
"""Fields with an index, those with the fewest events of one value first."""

COLUMNS = (
    "number", "at", "kept_at", "kind", "source", "subject",
    "session", "agent", "team", "task", "step", "agent_kind", "conversation", "subagent",
    "turn", "call", "model", "trace",
    "duration", "failed",
    "input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning",
    "nanodollars", "basis", "hash",
)  # fmt: skip
"""Of an event, in the order of `iterm_mcp.store.events.rows`. Times and durations are whole
microseconds, so that sums are exact."""

SUMS = (
    "count", "failures", "duration",
    "input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning",
    "reported", "computed", "unpriced",
)  # fmt: skip
MINUTE_KEYS = ("bucket", "kind", "agent", "agent_kind", "model")
HOUR_KEYS = (*MINUTE_KEYS, "conversation")
"""Conversations have no minutes: there are too many of them."""


def _sums_table(name: str, keys: tuple[str, ...]) -> str:
    columns = ", ".join(f"{one} NOT NULL" for one in (*keys, *SUMS))
    return f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID;"


SCHEMA = f"""
    -- What is asked for, and nothing large: a scan reads this alone.
    CREATE TABLE events ({", ".join(COLUMNS).replace("number", "number INTEGER PRIMARY KEY", 1)});
    CREATE UNIQUE INDEX events_hash ON events (hash);
    CREATE INDEX events_kind ON events (kind);
    {
    " ".join(
        f"CREATE INDEX events_{one} ON events ({one}) WHERE {one} IS NOT NULL;" for one in INDEXED
    )
}
    -- What is shown, in a row each or in a block of many; rows become blocks in the cold.
    CREATE TABLE bodies (number INTEGER PRIMARY KEY, key TEXT, text TEXT, payload TEXT);
    CREATE TABLE blocks (last INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE VIRTUAL TABLE search USING fts5(subject, text, content='', columnsize=0);
    -- Pieces are put together by sixteens, not by fours: a word is written half as often, and
    -- looked for in more pieces until a cold partition has but one.
    INSERT INTO search (search, rank) VALUES ('automerge', 16);
    -- When the events of every 1024 numbers happened, so that a time leads to numbers.
    CREATE TABLE zones (zone INTEGER PRIMARY KEY, min_at NOT NULL, max_at NOT NULL);
    {_sums_table("minutes", MINUTE_KEYS)}
    {_sums_table("hours", HOUR_KEYS)}
    -- Keys of what was purged, so that it is not kept when it is told again.
    CREATE TABLE purged (hash BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    PRAGMA user_version = {VERSION};
"""  # noqa: S608 - our own names

BUSY_SECONDS = 5.0
WRITER_CACHE_KIB = 32_768
READER_CACHE_KIB = 4096
MAPPED_BYTES = 64 << 20
"""Of each file, at most: the system's own cache is read without copying."""

DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's code without its extension; 0 for errors of the Python module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is wrong."""
    return primary_code(error) in DAMAGE


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn failures from outside into errors that are expected."""
    try:
        yield
    except sqlite3.Error as error:
        code = primary_code(error)
        if code not in HINTS:
            raise
        raise StoreError(
            f"the events {path.name}: {error}", hint=HINTS[code], code="events_unavailable"
        ) from error
    except OSError as error:
        raise StoreError(
            f"the events {path.name}: {error.strerror}",
            hint=HINTS[sqlite3.SQLITE_CANTOPEN],
            code="events_unavailable",
        ) from error


def create(path: Path) -> None:
    """Make an empty partition, whole or not at all."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(part, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")  # it is synced once, when it is whole
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    sync(part)
    part.rename(path)
    sync(path.parent)


def open_for_writing(path: Path, *, cache_kib: int = WRITER_CACHE_KIB) -> sqlite3.Connection:
    """Return a connection that any one thread at a time may write with."""
    connection = _connect(path, "rw")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what is committed survives a crash
    if _version(connection) != VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("PRAGMA secure_delete = OFF")  # only a purge needs it
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    # A log that has grown is cut again, and in the meantime written over.
    connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that any one thread at a time may read with."""
    # A reader makes the file of shared memory where there is none; on a disk that is not written
    # to there need be none, if the log is empty too.
    still = not os.access(path.parent, os.W_OK) and not _has_log(path)
    connection = _connect(path, "ro&immutable=1" if still else "rw")
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    return connection


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def to_uri(path: Path, mode: str) -> str:
    """Return how a file is opened that has to be there."""
    return f"{path.resolve().as_uri()}?mode={mode}"


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        to_uri(path, mode),
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        _check_version(connection, path)
        connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version != VERSION and version not in OLDER:
        raise StoreError(
            f"the events {path.name} have version {version}, and this program knows {VERSION}",
            hint="Run the newer iterm-mcp that wrote them.",
            code="events_version",
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # SQLite ends it itself after some errors
            connection.execute("ROLLBACK")


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a crash of the machine."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
