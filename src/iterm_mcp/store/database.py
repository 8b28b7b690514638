"""One SQLite file behind one connection, never touched on the event loop.

Work on it is a plain function of the connection. One runs at a time, in a thread, inside a
transaction of its own. Cancelled before its turn, it never begins; once begun, it is
committed or rolled back before the cancellation goes on.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread

from iterm_mcp.errors import StoreError
from iterm_mcp.store.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 5.0

HINTS = {
    sqlite3.SQLITE_BUSY: "Another process is writing to it: end it, or try again.",
    sqlite3.SQLITE_LOCKED: "Another process is writing to it: end it, or try again.",
    sqlite3.SQLITE_FULL: "Free some disk space and try again.",
    sqlite3.SQLITE_IOERR: "Look at the disk, and try again.",
    sqlite3.SQLITE_CORRUPT: "Move the file away to start afresh; it is kept for you to look at.",
    sqlite3.SQLITE_NOTADB: "Move the file away to start afresh; it is kept for you to look at.",
    sqlite3.SQLITE_READONLY: "Give its owner the right to write to the file and its folder.",
    sqlite3.SQLITE_PERM: "Give its owner the right to write to the file and its folder.",
    sqlite3.SQLITE_CANTOPEN: "See that the folder exists and may be written to.",
}
"""What to do about the failures that come from outside. Any other one is a bug of ours."""


class Database:
    """A connection with its turn-taking. Made by `open_database`."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._turn = anyio.CapacityLimiter(1)
        # asyncio's own cancellation, unlike anyio's, ends the wait for a thread that still
        # works, and gives the turn away.
        self._busy = threading.Lock()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on one consistent state of the database and return its result."""
        return await self._run("BEGIN", work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` as the one writer, and commit. If it raises, nothing has changed.

        Raises:
            StoreError: Busy, full, damaged or not allowed; the cause is SQLite's own error.
        """
        return await self._run("BEGIN IMMEDIATE", work)

    async def aclose(self) -> None:
        """Wait for the work under way and close the file."""
        with anyio.CancelScope(shield=True):  # bounded by the busy timeout
            await to_thread.run_sync(self._connection.close, limiter=self._turn)

    async def _run(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        return await to_thread.run_sync(self._transact, begin, work, limiter=self._turn)

    def _transact(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        with self._busy, _explained(self._path):
            connection.execute(begin)
            try:
                result = work(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # SQLite ends it itself after some errors
                    connection.execute("ROLLBACK")
        return result


@asynccontextmanager
async def open_database(path: str, *, busy_timeout_seconds: float) -> AsyncIterator[Database]:
    """Open the file, readable by its owner alone, with the newest schema, for the block.

    Raises:
        StoreError: It cannot be opened, is damaged, or comes from a newer version.
    """
    connection = await to_thread.run_sync(_connect, path, busy_timeout_seconds)
    database = Database(path, connection)
    try:
        yield database
    finally:
        await database.aclose()


def _connect(path: str, busy_timeout_seconds: float) -> sqlite3.Connection:
    """Return a connection that any one thread at a time may use."""
    try:
        # SQLite gives its companion files the mode of the file itself.
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(file, 0o600)
        finally:
            os.close(file)
    except OSError as error:
        hint = HINTS[sqlite3.SQLITE_CANTOPEN]
        raise StoreError(f"the store {path}: {error.strerror}", hint=hint) from error
    with _explained(path):
        connection = sqlite3.connect(
            path, timeout=busy_timeout_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # what is committed survives a crash
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn SQLite's word for a failure from outside into ours."""
    try:
        yield
    except sqlite3.Error as error:
        # The low byte is the primary code; errors of the Python module itself have none.
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if primary not in HINTS:
            raise
        raise StoreError(f"the store {path}: {error}", hint=HINTS[primary]) from error
