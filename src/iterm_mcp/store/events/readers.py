"""Connections that read: few at a time, kept for the next query, each for one query alone."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from iterm_mcp.errors import StoreError
from iterm_mcp.store.events.schema import explained, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iterm_mcp.store.events.partition import Partition

MAX_IDLE = 24
"""Connections that wait for the next query; each holds a file and some memory."""

STATEMENT_SECONDS = 5.0
"""No statement goes on for longer, whatever it was asked."""

_STEPS = 50_000
"""Of SQLite's machine between two looks at the clock: a few milliseconds."""


class Readers:
    """Lends connections to threads. All methods block and may be called by any thread."""

    def __init__(self) -> None:
        self._idle: OrderedDict[int, tuple[Path, sqlite3.Connection]] = OrderedDict()
        self._taking = threading.Lock()
        self._closed = False

    @contextmanager
    def lend(self, partition: Partition) -> Iterator[sqlite3.Connection]:
        """Lend a connection in a transaction: what it reads is of one moment.

        Raises:
            FileNotFoundError: The partition has been forgotten.
            StoreError: It cannot be read, or reading took too long.
            sqlite3.Error: It is damaged.
        """
        path = partition.path
        try:
            connection = self._take(path) or open_for_reading(path)
        except sqlite3.OperationalError as error:
            if not path.exists():
                raise FileNotFoundError(path) from error
            with explained(path):
                raise
        end = time.monotonic() + STATEMENT_SECONDS  # of this machine's work, not of the world
        connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        sound = False
        try:
            connection.execute("BEGIN")
            yield connection
            sound = True
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            raise StoreError(
                f"the events {path.name} were searched for more than {STATEMENT_SECONDS:g} s",
                hint="Narrow the question: a shorter time, a whole word instead of a beginning.",
                code="events_query_too_long",
            ) from error
        finally:
            with suppress(sqlite3.Error):
                connection.set_progress_handler(None, 0)
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if not (sound and self._give_back(path, connection)):
                with suppress(sqlite3.Error):
                    connection.close()

    def forget(self, partition: Partition) -> None:
        """Close what is idle of a file that goes away."""
        with self._taking:
            gone = [key for key, (path, _) in self._idle.items() if path == partition.path]
            for key in gone:
                self._idle.pop(key)[1].close()

    def close(self) -> None:
        """Close all; what is lent is closed when it comes back."""
        with self._taking:
            self._closed = True
            while self._idle:
                self._idle.popitem()[1][1].close()

    def _take(self, path: Path) -> sqlite3.Connection | None:
        with self._taking:
            for key, (one, connection) in reversed(self._idle.items()):
                if one == path:
                    del self._idle[key]
                    return connection
        return None

    def _give_back(self, path: Path, connection: sqlite3.Connection) -> bool:
        with self._taking:
            if self._closed:
                return False
            self._idle[id(connection)] = (path, connection)
            while len(self._idle) > MAX_IDLE:
                self._idle.popitem(last=False)[1][1].close()
            return True
