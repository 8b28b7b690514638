"""What several write at once is committed together, and each answers for its own alone."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
import pytest
import sqlalchemy as sa
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.tasks import group_commit
from iterm_mcp.tasks.database import UNAVAILABLE, open_task_database
from iterm_mcp.tasks.tables import PAUSES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from iterm_mcp.tasks.database import TaskDatabase


class Bench:
    """A database, and who holds its writer up."""

    def __init__(self, database: TaskDatabase) -> None:
        self.database = database
        self.commits = 0
        self.let_go = threading.Event()
        sa.event.listen(database._engine, "commit", self._committed)

    def _committed(self, _connection: Connection) -> None:
        self.commits += 1

    def hold(self, _connection: Connection) -> None:
        assert self.let_go.wait(20)

    async def scopes(self) -> set[str]:
        query = sa.select(PAUSES.c.scope)
        return await self.database.read(lambda at: set(at.execute(query).scalars()))


def pause(scope: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(sa.insert(PAUSES).values(scope=scope, who="ann", at=0.0))
        return f"{scope} is paused"

    return work


@asynccontextmanager
async def open_held(folder: Path) -> AsyncIterator[Bench]:
    """Open a database whose writer is busy until it is let go."""
    async with (
        open_task_database(f"sqlite:///{folder}/tasks.db") as database,
        anyio.create_task_group() as group,
    ):
        bench = Bench(database)
        group.start_soon(database.write, bench.hold)
        await anyio.wait_all_tasks_blocked()
        try:
            yield bench
        finally:
            bench.let_go.set()


async def test_what_waits_is_committed_at_once_and_each_is_told_its_own(folder: Path) -> None:
    said: dict[str, str] = {}

    async def write(scope: str) -> None:
        said[scope] = await bench.database.write(pause(scope), exclusive=scope == "b")

    async with open_held(folder) as bench:
        async with anyio.create_task_group() as group:
            for scope in "abc":
                group.start_soon(write, scope)
            await anyio.wait_all_tasks_blocked()
            bench.let_go.set()
        assert said == {scope: f"{scope} is paused" for scope in "abc"}
        assert bench.commits == 2, "of who held it up, and of all three"
        assert await bench.scopes() == {"a", "b", "c"}


async def test_of_what_raises_nothing_is_written_and_all_of_the_others(folder: Path) -> None:
    errors: list[Exception] = []

    def half(connection: Connection) -> None:
        pause("half")(connection)
        raise InvalidRequestError("no")

    async def write(work: Callable[[Connection], object]) -> None:
        try:
            await bench.database.write(work)
        except (InvalidRequestError, sa.exc.IntegrityError) as error:
            errors.append(error)

    async with open_held(folder) as bench:
        async with anyio.create_task_group() as group:
            for work in (pause("a"), half, pause("a"), pause("b")):
                group.start_soon(write, work)
            await anyio.wait_all_tasks_blocked()
            bench.let_go.set()
        assert [type(one) for one in errors] == [InvalidRequestError, sa.exc.IntegrityError]
        assert await bench.scopes() == {"a", "b"}


async def test_where_the_whole_transaction_is_lost_all_are_told_and_nothing_is_written(
    folder: Path,
) -> None:
    told: list[str] = []

    def lose(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")  # as SQLite does by itself when its disk is full
        cause = sqlite3.OperationalError("database or disk is full")
        raise sa.exc.OperationalError("INSERT", {}, cause)

    async def write(work: Callable[[Connection], object]) -> None:
        try:
            await bench.database.write(work)
        except StoreError as error:
            told.append(f"{error.code}: {error}")

    async with open_held(folder) as bench:
        async with anyio.create_task_group() as group:
            for work in (pause("a"), lose, pause("b")):
                group.start_soon(write, work)
            await anyio.wait_all_tasks_blocked()
            bench.let_go.set()
        assert told == [f"{UNAVAILABLE}: the tasks' database: database or disk is full"] * 3
        assert await bench.scopes() == set()
        await bench.database.write(pause("later"))
        assert await bench.scopes() == {"later"}


async def test_no_more_than_a_group_waits_for_one_commit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MOST_TOGETHER", 2)
    async with open_held(folder) as bench:
        async with anyio.create_task_group() as group:
            for scope in "abcde":
                group.start_soon(bench.database.write, pause(scope))
            await anyio.wait_all_tasks_blocked()
            bench.let_go.set()
        assert bench.commits == 4
        assert await bench.scopes() == set("abcde")


async def test_a_cancelled_one_is_written_or_was_not_begun(folder: Path) -> None:
    async with open_held(folder) as bench:
        done: list[str] = []

        async def write() -> None:
            done.append(await bench.database.write(pause("waited")))

        async with anyio.create_task_group() as group:
            group.start_soon(write)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
            bench.let_go.set()
        assert done == ["waited is paused"]

        with anyio.CancelScope() as scope:
            scope.cancel()
            await bench.database.write(pause("never"))
        assert await bench.scopes() == {"waited"}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_who_is_cancelled_by_asyncio_itself_spoils_nothing_for_the_others(
    folder: Path,
) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        begun.set()
        assert go.wait(20)
        pause("slow")(connection)

    leaders: list[asyncio.Task[object] | None] = []
    said: list[str] = []

    async def lead() -> None:
        leaders.append(asyncio.current_task())
        with suppress(asyncio.CancelledError):  # else the group would be cancelled by it
            await bench.database.write(slow)
            said.append("the cancelled one")

    async def follow() -> None:
        said.append(await bench.database.write(pause("follows")))

    async with open_task_database(f"sqlite:///{folder}/tasks.db") as database:
        bench = Bench(database)
        async with anyio.create_task_group() as group:
            group.start_soon(lead)
            await to_thread.run_sync(begun.wait, 20)
            group.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            (leader,) = leaders
            assert leader is not None
            leader.cancel()
            await anyio.sleep(0.05)
            assert said == []
            go.set()
        assert said == ["follows is paused"]
        assert await bench.scopes() == {"slow", "follows"}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_where_who_would_commit_is_cancelled_while_it_waits_another_one_does(
    folder: Path,
) -> None:
    leaders: list[asyncio.Task[object] | None] = []

    async def lead() -> None:
        leaders.append(asyncio.current_task())
        with suppress(asyncio.CancelledError):
            await bench.database.write(pause("leads"))

    async with open_held(folder) as bench:
        async with anyio.create_task_group() as group:
            group.start_soon(lead)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(bench.database.write, pause("follows"))
            await anyio.wait_all_tasks_blocked()
            (leader,) = leaders
            assert leader is not None
            leader.cancel()
            await anyio.sleep(0.05)
            group.start_soon(bench.database.write, pause("comes later"))
            await anyio.wait_all_tasks_blocked()
            bench.let_go.set()
        assert await bench.scopes() >= {"follows", "comes later"}
