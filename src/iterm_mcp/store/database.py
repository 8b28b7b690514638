"""One SQLite file behind one connection, never touched on the event loop.

Work on it is a plain function of the connection, which may be called again when it came to nothing.
One runs at a time, in a thread. Writers that wait for their turn share a transaction, and so the
wait for the disk; each has a savepoint of its own, so that one that fails takes nothing with it.
Cancelled before its turn, work never begins; once begun, it is committed or rolled back before the
cancellation goes on.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.paths import make_private_file
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


MOST_TOGETHER = 200
"""How many writers share a transaction: the first of them waits for the last."""


@dataclass(eq=False, slots=True)
class _Write:
    """Work of one writer, and what came of it.

    Attributes:
        own: The writer's own thread has begun; it sees to this work, or finds it done.
    """

    work: Callable[[sqlite3.Connection], Any]
    result: object = None
    failure: BaseException | None = None
    settled: threading.Event = field(default_factory=threading.Event)
    own: bool = False


class Database:
    """A connection with its turn-taking. Made by `open_database`."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._turn = anyio.CapacityLimiter(1)
        # asyncio's own cancellation, unlike anyio's, ends the wait for a thread that still
        # works, and gives the turn away.
        self._busy = threading.Lock()
        self._writes: deque[_Write] = deque()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on one consistent state of the database and return its result."""
        return await to_thread.run_sync(self._transact, "BEGIN", work, limiter=self._turn)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` as the one writer, and commit. If it raises, nothing has changed.

        Raises:
            StoreError: Busy, full, damaged or not allowed; the cause is SQLite's own error.
        """
        mine = _Write(work)
        self._writes.append(mine)
        try:
            await to_thread.run_sync(self._write_waiting, mine, limiter=self._turn)
        finally:
            if not mine.own and not self._taken_away(mine):  # another writer's thread has begun it
                with anyio.CancelScope(shield=True):  # bounded by the busy timeout
                    await to_thread.run_sync(mine.settled.wait)
        if mine.failure is not None:
            raise mine.failure
        return cast("T", mine.result)

    async def aclose(self) -> None:
        """Wait for the work under way and close the file."""
        with anyio.CancelScope(shield=True):  # bounded by the busy timeout
            await to_thread.run_sync(self._connection.close, limiter=self._turn)

    def _taken_away(self, mine: _Write) -> bool:
        """Take work back that nobody has begun."""
        try:
            self._writes.remove(mine)
        except ValueError:
            return False
        return True

    def _write_waiting(self, mine: _Write) -> None:
        """Do what waits, for all that wait; in a thread."""
        mine.own = True
        with self._busy:
            if mine.settled.is_set():
                return
            batch: list[_Write] = []
            while self._writes and len(batch) < MOST_TOGETHER:
                batch.append(self._writes.popleft())
            try:
                if len(batch) == 1 or not self._wrote_together(batch):
                    for one in batch:
                        self._write_alone(one)
            finally:
                for one in batch:
                    one.settled.set()

    def _write_alone(self, one: _Write) -> None:
        try:
            one.result = self._transact_now("BEGIN IMMEDIATE", one.work)
        except BaseException as error:  # noqa: BLE001 - it is the writer's, and raised there
            one.failure = error

    def _wrote_together(self, batch: list[_Write]) -> bool:
        """Do the work of several writers in one transaction; tell whether it could be done so."""
        connection = self._connection
        try:
            with _explained(self._path):
                connection.execute("BEGIN IMMEDIATE")
        except StoreError as error:
            for one in batch:
                one.failure = error
            return True
        try:
            for one in batch:
                self._write_beside(one)
            connection.execute("COMMIT")
        except sqlite3.Error:  # all of it is undone: each may show by itself whose fault it is
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for one in batch:
                one.result = one.failure = None
            return False
        return True

    def _write_beside(self, one: _Write) -> None:
        """Do a writer's work so that it alone is undone when it fails.

        Raises:
            sqlite3.Error: The whole transaction is undone.
        """
        connection = self._connection
        connection.execute("SAVEPOINT one")
        try:
            with _explained(self._path):
                one.result = one.work(connection)
        except BaseException as error:
            if not connection.in_transaction:  # SQLite ends it itself after some errors
                raise sqlite3.OperationalError("the transaction was ended") from error
            connection.execute("ROLLBACK TO one")
            one.failure = error
        connection.execute("RELEASE one")

    def _transact(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._busy:
            return self._transact_now(begin, work)

    def _transact_now(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        with _explained(self._path):
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
        make_private_file(path)
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
    """Turn SQLite's word for a failure from outside into ours, and for what it cannot hold."""
    try:
        yield
    except sqlite3.Error as error:
        # The low byte is the primary code; errors of the Python module itself have none.
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if primary not in HINTS:
            raise
        raise StoreError(f"the store {path}: {error}", hint=HINTS[primary]) from error
    except OverflowError as error:  # of a number that a caller gave
        raise InvalidRequestError(
            "a number is too large", hint="Nothing has a number of 2**63 or more."
        ) from error
