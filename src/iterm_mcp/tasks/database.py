"""One database for tasks, SQLite or Postgres, never touched on the event loop.

Work on it is a plain function of the connection, run in a thread inside a transaction of its own;
either all of it is written down or nothing. What several have to write at once is committed
together. On Postgres rows that will be written are locked as they are read, and `exclusive` work
waits for a lock that all machines share.
"""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio
import sqlalchemy as sa
from anyio import to_thread
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from iterm_mcp.errors import StoreError
from iterm_mcp.paths import make_private_file
from iterm_mcp.tasks.group_commit import GroupCommit
from iterm_mcp.tasks.tables import METADATA, TASKS_BY_KIND, VERSION, VERSIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Any

    from sqlalchemy import Connection, Engine

T = TypeVar("T")

SCHEMA = "iterm_mcp_tasks"
"""Where our tables stand on Postgres."""

BUSY_SECONDS = 15
CONNECT_SECONDS = 5
IDLE_SECONDS = 5
THREADS = 8
_LOCK = 0x17E2_7A5C
"""Of the advisory lock under which tasks are claimed, and the schema is made."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

UNAVAILABLE = "tasks_unavailable"
"""The code of the error that may be over when it is tried again."""


class TaskDatabase:
    """Made by `open_task_database`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.is_shared = engine.dialect.name != "sqlite"
        self._threads = anyio.CapacityLimiter(THREADS)
        self._commits = GroupCommit(self._write)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent state and return its result.

        Raises:
            StoreError: The database cannot be used now.
        """
        return await to_thread.run_sync(self._transact, work, False, limiter=self._threads)  # noqa: FBT003

    async def write(self, work: Callable[[Connection], T], *, exclusive: bool = False) -> T:
        """Run `work` and commit. If it raises, nothing has changed.

        Args:
            exclusive: No other machine is in such work at the same time.

        Raises:
            StoreError: The database cannot be used now.
        """

        def apart(connection: Connection) -> T:
            with explained():
                return work(connection)

        return await self._commits.write(apart, exclusive=exclusive)

    def now(self, connection: Connection, mine: float) -> float:
        """Return the time by which leases are measured: the server's, where several machines are.

        Args:
            mine: What this machine's own clock says.
        """
        if not self.is_shared:
            return mine
        clock = sa.func.extract("epoch", sa.func.clock_timestamp())
        return float(connection.execute(sa.select(clock)).scalar_one())

    def _write(self, work: Callable[[Connection], None], exclusive: bool) -> None:  # noqa: FBT001
        def locked(connection: Connection) -> None:
            if exclusive and self.is_shared:  # before anything else is locked, or two could cross
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            work(connection)

        self._transact(locked, True)  # noqa: FBT003 - as `read` does

    def _transact(self, work: Callable[[Connection], T], writes: bool) -> T:  # noqa: FBT001
        with (
            explained(),
            self._engine.connect().execution_options(writes=writes) as connection,
            connection.begin(),
        ):
            return work(connection)


@asynccontextmanager
async def open_task_database(url: str) -> AsyncIterator[TaskDatabase]:
    """Open the database with the newest schema, for the block.

    Raises:
        StoreError: It cannot be used, or comes from a newer version.
    """
    engine = await to_thread.run_sync(make_engine, url)
    try:
        await to_thread.run_sync(_make_schema, engine)
        yield TaskDatabase(engine)
    finally:
        with anyio.CancelScope(shield=True):  # it closes idle connections alone
            await to_thread.run_sync(engine.dispose)


def driver_url(url: str) -> str:
    """Return the URL with the driver that we bring along."""
    for short in ("postgresql://", "postgres://"):
        if url.startswith(short):
            return f"postgresql+psycopg://{url.removeprefix(short)}"
    return url


def make_engine(url: str) -> Engine:
    """Return connections to the database; none is opened yet.

    Raises:
        StoreError: The URL is none.
    """
    try:
        parsed = sa.make_url(driver_url(url))
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        if parsed.get_backend_name() != "postgresql":
            raise StoreError(
                f"tasks cannot be kept in {parsed.get_backend_name()}",
                hint="Use sqlite:///FILE or postgresql://….",
                code="bad_tasks_url",
            )
        engine = sa.create_engine(
            parsed,
            pool_size=THREADS,
            max_overflow=4,
            pool_pre_ping=True,
            pool_timeout=BUSY_SECONDS,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "options": f"-c lock_timeout={BUSY_SECONDS}s -c statement_timeout=60s "
                # A machine that falls asleep within a transaction holds the others up no longer.
                f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s",
            },
        )
        return engine.execution_options(schema_translate_map={None: SCHEMA})
    except (sa.exc.ArgumentError, ValueError) as error:  # they may quote the URL with its password
        raise StoreError(
            "the URL of the tasks' database is none",
            hint="Use sqlite:///FILE or postgresql://USER@HOST/NAME.",
            code="bad_tasks_url",
        ) from error


def _sqlite(url: sa.URL) -> Engine:
    path = url.database or ""
    try:
        make_private_file(path)
    except OSError as error:
        raise StoreError(
            f"the tasks' database {path}: {error.strerror}",
            hint="See that the folder exists and may be written to.",
        ) from error
    engine = sa.create_engine(url, pool_size=THREADS, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - any driver's
    connection.isolation_level = None  # the driver leaves transactions to us
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what is committed survives a crash
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_schema(engine: Engine) -> None:
    with explained(), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        METADATA.create_all(connection)
        connection.execute(sa.schema.CreateIndex(TASKS_BY_KIND, if_not_exists=True))
        found = connection.execute(sa.select(sa.func.max(VERSIONS.c.version))).scalar()
        if found is None:
            connection.execute(sa.insert(VERSIONS).values(version=VERSION))
        elif found > VERSION:
            raise StoreError(
                f"the tasks' database has schema {found}; this version knows {VERSION}",
                hint="Use the newer version of iterm-mcp that wrote it.",
                code="newer_schema",
            )


@contextmanager
def explained() -> Iterator[None]:
    """Turn the database's word for a failure from outside into ours."""
    try:
        yield
    except OperationalError as error:
        raise _unavailable(error) from error
    except sa.exc.TimeoutError as error:
        raise _unavailable(error) from error
    except IntegrityError:
        raise  # two asked for the same at once: whoever asked knows what to do
    except DBAPIError as error:
        damage = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
        if not error.connection_invalidated and not damage:
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> StoreError:
    cause = str(getattr(error, "orig", error)).strip().splitlines() or ["no answer"]
    return StoreError(
        f"the tasks' database: {cause[0]}",
        hint="See that it runs and may be written to; what stands in it is not lost.",
        code=UNAVAILABLE,
    )
