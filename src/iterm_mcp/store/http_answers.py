"""Answers of the HTTP interface that may be asked for again, by their idempotency keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.http_answers import KeptAnswer
from iterm_mcp.store.times import to_text

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from iterm_mcp.store.database import Database

MOST_ANSWERS = 5000

# What is too old.
DELETE_EXPIRED = "DELETE FROM http_answers WHERE expires_at <= ?"
# What there is too much of, the oldest.
DELETE_SURPLUS = """
    DELETE FROM http_answers WHERE id IN (
        SELECT id FROM http_answers ORDER BY id DESC LIMIT -1 OFFSET ?
    )
"""
# A request that begins, or nothing if its key is known.
INSERT_BEGUN = """
    INSERT INTO http_answers (owner, key, request, status, headers, body, expires_at)
    VALUES (?, ?, ?, 0, '', x'', ?) ON CONFLICT (owner, key) DO NOTHING
"""
# What is known of a key.
SELECT_ANSWER = (
    "SELECT request, status, headers, body FROM http_answers WHERE owner = ? AND key = ?"
)
# Its answer.
UPDATE_ANSWER = """
    UPDATE http_answers SET status = ?, headers = ?, body = ? WHERE owner = ? AND key = ?
"""
# A key that was used for nothing.
DELETE_ANSWER = "DELETE FROM http_answers WHERE owner = ? AND key = ?"


class HttpAnswerStore:
    """Answers by owner and key; the oldest go where there are more than `MOST_ANSWERS`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, owner: str, key: str, request: str, now: datetime, expires_at: datetime
    ) -> KeptAnswer | None:
        """Take a key for a request; return what is known of the key if it was taken before."""

        def work(connection: sqlite3.Connection) -> KeptAnswer | None:
            connection.execute(DELETE_EXPIRED, (to_text(now),))
            values = (owner, key, request, to_text(expires_at))
            if connection.execute(INSERT_BEGUN, values).rowcount:
                connection.execute(DELETE_SURPLUS, (MOST_ANSWERS,))
                return None
            return KeptAnswer(*connection.execute(SELECT_ANSWER, (owner, key)).fetchone())

        return await self._database.write(work)

    async def end(self, owner: str, key: str, answer: KeptAnswer) -> None:
        """Keep the answer to a request that was begun."""

        def work(connection: sqlite3.Connection) -> None:
            values = (answer.status, answer.headers, answer.body, owner, key)
            connection.execute(UPDATE_ANSWER, values)

        await self._database.write(work)

    async def release(self, owner: str, key: str) -> None:
        """Give a key free: nothing was done under it."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(DELETE_ANSWER, (owner, key))

        await self._database.write(work)
