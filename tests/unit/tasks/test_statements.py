"""Statements that the driver runs answer as SQLAlchemy does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import (
    IntegrityError,
    InvalidRequestError,
    MultipleResultsFound,
    OperationalError,
)

from iterm_mcp.errors import StoreError
from iterm_mcp.tasks.database import UNAVAILABLE, open_task_database
from iterm_mcp.tasks.statements import Record, Statement
from iterm_mcp.tasks.tables import MACHINES, MOVES, PAUSES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy import Connection

    from iterm_mcp.tasks.database import TaskDatabase

PAUSE = Statement(sa.insert(PAUSES))
PAUSED = sa.select(PAUSES).order_by(PAUSES.c.scope)
OF = sa.select(PAUSES).where(PAUSES.c.who == sa.bindparam("of"))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[TaskDatabase]:
    async with open_task_database(f"sqlite:///{tmp_path}/tasks.db") as database:
        await database.write(_fill)
        yield database


def _fill(connection: Connection) -> None:
    for scope, who, at in (("a", "ann", 1.5), ("b", "bob", 2), ("c", "bob", 3.0)):
        PAUSE.run(connection, {"scope": scope, "who": who, "at": at})


async def test_rows_are_as_those_of_sqlalchemy(database: TaskDatabase) -> None:
    def work(at: Connection) -> None:
        theirs = at.execute(PAUSED).all()
        ours = Statement(PAUSED).all(at)
        assert [tuple(one) for one in ours] == [tuple(one) for one in theirs]
        assert [one.scope for one in ours] == ["a", "b", "c"]
        assert [type(one.at) for one in ours] == [float, float, float]

    await database.read(work)


async def test_values_stand_where_they_are_named_whatever_their_order(
    database: TaskDatabase,
) -> None:
    both = Statement(
        sa.select(PAUSES.c.scope).where(
            PAUSES.c.who == sa.bindparam("of"),
            PAUSES.c.at > sa.bindparam("since"),
            PAUSES.c.scope.in_(["b", "c", "d"]),
        )
    )

    def work(at: Connection) -> None:
        assert both.scalars(at, {"since": 2.5, "of": "bob"}) == ["c"]
        assert both.scalars(at, {"of": "bob", "since": 0}) == ["b", "c"]
        assert both.scalar(at, {"of": "nobody", "since": 0}) is None

    await database.read(work)


async def test_one_row_is_one_or_none_and_never_two(database: TaskDatabase) -> None:
    found = Statement(OF)

    def work(at: Connection) -> None:
        row: Record = found.one_or_none(at, {"of": "ann"})
        assert row.scope == "a"
        assert found.one_or_none(at, {"of": "eve"}) is None
        with pytest.raises(MultipleResultsFound):
            found.one_or_none(at, {"of": "bob"})

    await database.read(work)


async def test_a_value_that_is_missing_is_no_null(database: TaskDatabase) -> None:
    with pytest.raises(InvalidRequestError, match="'of'"):
        await database.read(lambda at: Statement(OF).all(at))


async def test_yes_and_no_come_back_as_they_went(database: TaskDatabase) -> None:
    machine: dict[str, object] = {
        "name": "m", "epoch": 1, "capacity": 2, "labels": "{}", "beat_at": 0.0,
        "lease_until": 0.0, "draining": True, "closed": False,
    }  # fmt: skip
    added = Statement(sa.insert(MACHINES).returning(*MACHINES.c))

    row: Record = await database.write(lambda at: added.one_or_none(at, machine))

    assert (row.draining, row.closed) == (True, False)
    assert row.draining is True


async def test_what_is_written_and_returned_is_committed_with_the_rest(
    database: TaskDatabase,
) -> None:
    renamed = Statement(
        sa.update(PAUSES).where(PAUSES.c.who == sa.bindparam("of")).returning(PAUSES.c.scope)
    )

    def work(at: Connection) -> list[str]:
        assert renamed.scalar(at, {"of": "bob", "at": 9.0})  # one of two: the other one is read too
        return sorted(renamed.scalars(at, {"of": "bob", "who": "eve"}))

    assert await database.write(work) == ["b", "c"]
    rows = await database.read(lambda at: Statement(OF).all(at, {"of": "eve"}))
    assert [(one.scope, one.at) for one in rows] == [("b", 9.0), ("c", 9.0)]


async def test_what_is_computed_has_no_name(database: TaskDatabase) -> None:
    counted = Statement(sa.select(PAUSES.c.who, sa.func.count()).group_by(PAUSES.c.who))

    rows = await database.read(counted.all)

    assert sorted(tuple(one) for one in rows) == [("ann", 1), ("bob", 2)]


async def test_a_refusal_is_told_in_sqlalchemy_s_words(database: TaskDatabase) -> None:
    again: dict[str, object] = {"scope": "a", "who": "eve", "at": 0.0}
    with pytest.raises(IntegrityError, match="UNIQUE"):
        await database.write(lambda at: PAUSE.run(at, again))
    nobody = {"task_id": "?", "state": "queued", "at": 0.0, "reason": "", "attempt": 0}
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        await database.write(lambda at: Statement(sa.insert(MOVES)).run(at, nobody))


async def test_a_failure_from_outside_is_told_as_what_may_be_over(
    database: TaskDatabase,
) -> None:
    def work(at: Connection) -> None:
        at.exec_driver_sql("PRAGMA query_only = ON")
        PAUSE.run(at, {"scope": "d", "who": "ann", "at": 0.0})

    with pytest.raises(StoreError, match="readonly") as caught:
        await database.write(work)
    assert caught.value.code == UNAVAILABLE
    assert isinstance(caught.value.__cause__, OperationalError)
