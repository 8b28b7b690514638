"""Writers that wait for their turn share a transaction, and nothing else."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.store.test_database import INSERT, names

from iterm_mcp.errors import ConflictError, StoreError
from iterm_mcp.store.database import MOST_TOGETHER, Database, open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

Work = Callable[[sqlite3.Connection], object]


def adding(name: str) -> Work:
    return lambda connection: connection.execute(INSERT, (name,)).rowcount


def refusing(name: str) -> Work:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (name,))
        raise ConflictError(f"not {name}")

    return work


def ending(name: str) -> Work:
    """Have SQLite end the whole transaction, as it does by itself when the disk is full."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (name,))
        connection.execute("ROLLBACK")
        raise sqlite3.IntegrityError(f"no room for {name}")

    return work


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[threading.Event]:
    """Keep the writers' turn until the event is set, at the block's end at the latest."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(_connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)

    async with anyio.create_task_group() as group:
        group.start_soon(database.write, hold)
        await to_thread.run_sync(begun.wait, 5)
        try:
            yield go_on
        finally:
            go_on.set()


async def write_together(database: Database, works: Sequence[Work]) -> list[object]:
    """Have all wait at once, then go; return what each got, or how it failed."""
    found: list[object] = [None] * len(works)

    async def write(at: int) -> None:
        try:
            found[at] = await database.write(works[at])
        except (ConflictError, StoreError, sqlite3.Error) as error:
            found[at] = str(error)

    async with anyio.create_task_group() as group, held(database) as go_on:
        for at in range(len(works)):
            group.start_soon(write, at)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    return found


async def test_those_that_wait_share_a_transaction(path: str) -> None:
    said: list[str] = []
    async with open_database(path, busy_timeout_seconds=1) as database:
        database._connection.set_trace_callback(said.append)
        await write_together(database, [adding(f"team-{at:03}") for at in range(50)])
        assert await database.read(names) == [f"team-{at:03}" for at in range(50)]

    assert said.count("COMMIT") == 3  # who held the turn, all others, and the reader


async def test_more_than_a_transaction_shall_hold_share_several(path: str) -> None:
    count = MOST_TOGETHER + 5
    async with open_database(path, busy_timeout_seconds=1) as database:
        found = await write_together(database, [adding(f"{at:04}") for at in range(count)])
        assert len(await database.read(names)) == count
    assert found == [1] * count


async def test_one_that_fails_is_undone_alone(path: str) -> None:
    works = [adding("one"), refusing("two"), adding("one"), adding("three")]
    async with open_database(path, busy_timeout_seconds=1) as database:
        found = await write_together(database, works)
        assert await database.read(names) == ["one", "three"]
    assert found == [1, "not two", "UNIQUE constraint failed: teams.name", 1]


async def test_one_that_ends_the_transaction_ends_nobody_elses_work(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=1) as database:
        found = await write_together(database, [adding("one"), ending("two"), adding("three")])
        assert await database.read(names) == ["one", "three"]
    assert found == [1, "no room for two", 1]


async def test_who_is_cancelled_in_a_shared_transaction_has_written(path: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ("slow",))
        begun.set()
        assert go_on.wait(10)

    async with open_database(path, busy_timeout_seconds=1) as database:
        with anyio.fail_after(10):
            async with (
                anyio.create_task_group() as all_of_them,
                held(database) as turn,
                anyio.create_task_group() as group,
            ):
                all_of_them.start_soon(database.write, slow)
                await anyio.wait_all_tasks_blocked()
                group.start_soon(database.write, adding("behind it"))
                await anyio.wait_all_tasks_blocked()
                turn.set()
                await to_thread.run_sync(begun.wait, 5)
                group.cancel_scope.cancel()
                go_on.set()

        assert await database.read(names) == ["behind it", "slow"]


async def test_when_another_process_writes_all_that_wait_are_told(path: str) -> None:
    async with open_database(path, busy_timeout_seconds=0.1) as database:
        other = sqlite3.connect(path, isolation_level=None)
        try:

            def take(_connection: sqlite3.Connection) -> None:
                pass

            await database.write(take)
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                failed: list[StoreError] = []

                async def write(name: str) -> None:
                    with pytest.raises(StoreError, match="locked") as told:
                        await database.write(adding(name))
                    failed.append(told.value)

                for name in ("one", "two", "three"):
                    group.start_soon(write, name)
            other.execute("ROLLBACK")
            assert len(failed) == 3
            assert await database.read(names) == []
        finally:
            other.close()


KINDS = {"add": adding, "refuse": refusing, "end": ending}


@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from("abcde")), max_size=12))
async def test_together_or_alone_it_comes_to_the_same(wanted: list[tuple[str, str]]) -> None:
    works = [KINDS[kind](name) for kind, name in wanted]
    with TemporaryDirectory() as folder:
        await compare(works, folder)


async def compare(works: Sequence[Work], folder: str) -> None:
    async with open_database(f"{folder}/alone.db", busy_timeout_seconds=1) as alone:
        one_by_one: list[object] = []
        for work in works:
            try:
                one_by_one.append(await alone.write(work))
            except (ConflictError, sqlite3.Error) as error:
                one_by_one.append(str(error))
        left = await alone.read(names)
    async with open_database(f"{folder}/together.db", busy_timeout_seconds=1) as database:
        assert await write_together(database, works) == one_by_one
        assert await database.read(names) == left
