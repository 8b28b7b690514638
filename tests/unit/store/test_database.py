"""One writer, whole transactions, and failures that say what to do."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from iterm_mcp.errors import ConflictError, InvalidRequestError, StoreError
from iterm_mcp.store.database import Database, open_database
from iterm_mcp.store.migrations import MIGRATIONS

INSERT = "INSERT INTO teams (name, description, created_at) VALUES (?, '', '')"


def names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM teams ORDER BY name")]


async def insert(database: Database, name: str) -> None:
    await database.write(lambda connection: connection.execute(INSERT, (name,)))


def seen_from_outside(path: str) -> list[str]:
    with closing(sqlite3.connect(path)) as other:
        return names(other)


async def test_what_was_written_is_there_when_the_file_is_opened_again(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=1) as database:
        await insert(database, "kept")

    async with open_database(path, busy_timeout_seconds=1) as database:
        assert await database.read(names) == ["kept"]


async def test_the_file_and_its_companions_are_for_their_owner_alone(path: str) -> None:
    await anyio.Path(path).touch(mode=0o644)
    async with open_database(path, busy_timeout_seconds=1) as database:
        await insert(database, "secret")

        modes = {
            file.name: stat.S_IMODE(file.stat().st_mode) for file in Path(path).parent.iterdir()
        }

    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


async def test_work_that_fails_changes_nothing_and_keeps_its_own_error(path: str) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ("half",))
        raise ConflictError("changed its mind")

    async with open_database(path, busy_timeout_seconds=1) as database:
        with pytest.raises(ConflictError, match="changed its mind"):
            await database.write(half)

        assert await database.read(names) == []
        await insert(database, "whole")
        assert await database.read(names) == ["whole"]


async def test_a_broken_rule_of_the_schema_is_a_bug_and_not_a_store_error(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=1) as database:
        await insert(database, "once")
        with pytest.raises(sqlite3.IntegrityError):
            await insert(database, "once")


async def test_foreign_keys_are_enforced(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=1) as database:
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            await database.write(
                lambda connection: connection.execute(
                    "INSERT INTO memberships (agent, team) VALUES ('nobody', 'nowhere')"
                )
            )


async def test_work_that_has_begun_is_committed_before_a_cancellation_goes_on(path: str) -> None:
    begun = threading.Event()
    go_on = threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ("first",))
        begun.set()
        assert go_on.wait(5)
        connection.execute(INSERT, ("second",))

    async with open_database(path, busy_timeout_seconds=1) as database:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(database.write, slow)
                await to_thread.run_sync(begun.wait, 5)
                group.cancel_scope.cancel()
                go_on.set()

        assert await database.read(names) == ["first", "second"]


async def test_work_cancelled_before_its_turn_never_begins(path: str) -> None:
    begun = threading.Event()
    go_on = threading.Event()

    def slow(_connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(5)

    async with open_database(path, busy_timeout_seconds=1) as database:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(database.write, slow)
                await to_thread.run_sync(begun.wait, 5)
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await insert(database, "never")
                go_on.set()

        assert await database.read(names) == []


async def test_work_whose_task_is_killed_goes_on_alone_and_keeps_its_turn(path: str) -> None:
    """anyio's cancellation waits for the thread; asyncio's own does not."""
    begun = threading.Event()
    go_on = threading.Event()
    tasks: list[asyncio.Task[None] | None] = []

    def slow(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ("first",))
        begun.set()
        assert go_on.wait(5)
        connection.execute(INSERT, ("second",))

    async with open_database(path, busy_timeout_seconds=1) as database:

        async def write_slowly() -> None:
            tasks.append(asyncio.current_task())
            await database.write(slow)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(write_slowly)
                await to_thread.run_sync(begun.wait, 5)
                assert tasks[0] is not None
                tasks[0].cancel()
            async with anyio.create_task_group() as group:
                group.start_soon(insert, database, "third")
                await anyio.wait_all_tasks_blocked()
                go_on.set()

        assert await database.read(names) == ["first", "second", "third"]


async def test_writers_of_one_process_wait_for_each_other(path: str) -> None:
    def add_one(connection: sqlite3.Connection) -> None:
        count = len(names(connection))
        connection.execute(INSERT, (f"team-{count:03}",))

    async with open_database(path, busy_timeout_seconds=1) as database:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(database.write, add_one)

        assert await database.read(names) == [f"team-{number:03}" for number in range(50)]


async def test_another_process_that_writes_is_waited_for_and_then_reported(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=0.01) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked") as caught:
                await insert(database, "late")
            other.execute("ROLLBACK")

        assert "Another process" in caught.value.hint
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        await insert(database, "now")
        assert await database.read(names) == ["now"]


async def test_a_full_disk_is_reported_and_nothing_is_half_written(path: str) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        for number in range(10_000):
            connection.execute(INSERT, (f"{number:05}" * 100,))

    async with open_database(path, busy_timeout_seconds=1) as database:
        await database.read(lambda connection: connection.execute("PRAGMA max_page_count = 30"))
        with pytest.raises(StoreError, match="full") as caught:
            await database.write(fill)

        assert "disk space" in caught.value.hint
        assert await database.read(names) == []
        await insert(database, "small")
        assert seen_from_outside(path) == ["small"]


async def test_a_file_that_is_no_database_is_reported_and_left_alone(path: str) -> None:
    await anyio.Path(path).write_bytes(b"Dear diary, " * 1000)

    with pytest.raises(StoreError, match="not a database") as caught:
        async with open_database(path, busy_timeout_seconds=1):
            pass

    assert "Move the file away" in caught.value.hint
    assert await anyio.Path(path).read_bytes() == b"Dear diary, " * 1000


async def test_a_damaged_database_is_reported_and_left_alone(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=1) as database:
        for number in range(200):
            await insert(database, f"{number:03}" * 50)
    content = bytearray(await anyio.Path(path).read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # all but the first page
    await anyio.Path(path).write_bytes(content)

    with pytest.raises(StoreError, match="malformed"):
        async with open_database(path, busy_timeout_seconds=1) as database:
            await database.read(names)

    assert await anyio.Path(path).read_bytes() == bytes(content)


async def test_a_folder_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file") as caught:
        async with open_database(str(tmp_path / "no" / "state.db"), busy_timeout_seconds=1):
            pass

    assert "folder exists" in caught.value.hint


async def test_a_new_file_has_seen_every_migration(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=1) as database:
        (version,) = await database.read(
            lambda connection: connection.execute("PRAGMA user_version").fetchone()
        )

    assert version == len(MIGRATIONS)


async def test_migrations_that_a_file_has_seen_are_not_applied_again(path: str) -> None:
    """A file from before the last migration keeps its rows and gets what is new."""

    def make_old() -> None:
        with closing(sqlite3.connect(path)) as old:
            MIGRATIONS[0](old)
            old.execute("PRAGMA user_version = 1")
            old.execute(INSERT, ("old",))
            old.commit()

    await to_thread.run_sync(make_old)

    async with open_database(path, busy_timeout_seconds=1) as database:
        assert await database.read(names) == ["old"]
        await database.read(lambda connection: connection.execute("SELECT * FROM cascades"))


async def test_a_file_from_a_newer_version_is_refused_and_left_alone(path: str) -> None:
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(StoreError) as caught:
        async with open_database(path, busy_timeout_seconds=1):
            pass

    assert caught.value.code == "store_too_new"
    assert "upgrade" in caught.value.hint
    with closing(sqlite3.connect(path)) as newer:
        assert newer.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert newer.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


async def test_when_a_migration_fails_none_is_applied(path: str) -> None:
    with closing(sqlite3.connect(path)) as strange:
        strange.execute("CREATE TABLE cascades (what)")

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        async with open_database(path, busy_timeout_seconds=1):
            pass

    with closing(sqlite3.connect(path)) as strange:
        tables = strange.execute("SELECT name FROM sqlite_schema").fetchall()
        assert tables == [("cascades",)]
        assert strange.execute("PRAGMA user_version").fetchone() == (0,)


async def test_a_number_that_no_column_holds_is_refused_and_nothing_else_harmed(path: str) -> None:
    def find(connection: sqlite3.Connection) -> list[str]:
        connection.execute("SELECT name FROM teams WHERE name = ?", (2**63,))
        return []

    async with open_database(path, busy_timeout_seconds=1) as database:
        for ask in (database.read, database.write):
            with pytest.raises(InvalidRequestError, match="too large"):
                await ask(find)
        await insert(database, "kept")
        assert await database.read(names) == ["kept"]
