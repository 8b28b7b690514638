"""What agents have published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.results import Form, Result
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from iterm_mcp.store.database import Database

COLUMNS = "number, author, name, form, content, team, size, created_at, modified_at"

# A new result.
INSERT_RESULT = """
    INSERT INTO results (author, name, form, content, team, size, created_at, modified_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
# Those of an author that are too many, the oldest.
DELETE_OLD = """
    DELETE FROM results WHERE number IN (
        SELECT number FROM results WHERE author = ? ORDER BY number DESC LIMIT -1 OFFSET ?
    )
"""
# One result.
SELECT_RESULT = f"SELECT {COLUMNS} FROM results WHERE number = ?"  # noqa: S608
# Results after a number, of one name if that is given, the newest first.
SELECT_RESULTS = f"""
    SELECT {COLUMNS} FROM results
    WHERE number > ?1 AND (?2 IS NULL OR name = ?2) ORDER BY number DESC
"""  # noqa: S608

MOST_OF_AUTHOR = 200
"""So many results of each author are kept, the newest."""


class ResultStore:
    """Results, which are never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, result: Result) -> Result:
        """Keep a result and return it with its number; the one given counts for nothing.

        The author's oldest go where there are more than `MOST_OF_AUTHOR`.
        """

        def work(connection: sqlite3.Connection) -> Result:
            modified_at = None if result.modified_at is None else to_text(result.modified_at)
            cursor = connection.execute(
                INSERT_RESULT,
                (
                    result.author, result.name, result.form, result.content, result.team,
                    result.size, to_text(result.created_at), modified_at,
                ),
            )  # fmt: skip
            connection.execute(DELETE_OLD, (result.author, MOST_OF_AUTHOR))
            return _result(connection.execute(SELECT_RESULT, (cursor.lastrowid,)).fetchone())

        return await self._database.write(work)

    async def get(self, number: int) -> Result | None:
        """Return a result; None when there is none."""

        def work(connection: sqlite3.Connection) -> Result | None:
            row = connection.execute(SELECT_RESULT, (number,)).fetchone()
            return None if row is None else _result(row)

        return await self._database.read(work)

    async def list(self, *, after: int = 0, name: str | None = None) -> list[Result]:
        """Return the results after a number, the newest first."""

        def work(connection: sqlite3.Connection) -> list[Result]:
            return [_result(row) for row in connection.execute(SELECT_RESULTS, (after, name))]

        return await self._database.read(work)


def _result(row: Sequence[Any]) -> Result:
    number, author, name, form, content, team, size, created_at, modified_at = row
    return Result(
        number=number,
        author=author,
        name=name,
        form=Form(form),
        content=content,
        team=None if team is None else TeamName(team),
        size=size,
        created_at=from_text(created_at),
        modified_at=None if modified_at is None else from_text(modified_at),
    )
