"""Tokens of the HTTP interface: of their texts only digests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.models.http_access import HttpToken
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from iterm_mcp.store.database import Database

# A new token, or nothing if its name is taken.
INSERT_ONE = """
    INSERT INTO http_tokens (name, digest, scope, begins, created_at, expires_at)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING
"""
# Another text for a token.
UPDATE_ONE = "UPDATE http_tokens SET digest = ?, begins = ? WHERE name = ?"
# One token is gone.
DELETE_ONE = "DELETE FROM http_tokens WHERE name = ?"
# All tokens.
SELECT_ALL = "SELECT digest, name, scope, begins, created_at, expires_at FROM http_tokens"


class HttpTokenStore:
    """Tokens by the SHA-256 digest of their texts, in hexadecimal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, HttpToken]:
        """Return all tokens by their digests."""

        def work(connection: sqlite3.Connection) -> dict[str, HttpToken]:
            return {row[0]: _token(row[1:]) for row in connection.execute(SELECT_ALL)}

        return await self._database.read(work)

    async def add(self, token: HttpToken, digest: str) -> bool:
        """Keep a token; False if there is one of that name."""

        def work(connection: sqlite3.Connection) -> bool:
            expires_at = None if token.expires_at is None else to_text(token.expires_at)
            values = (
                token.name, digest, token.scope, token.begins, to_text(token.created_at),
                expires_at,
            )  # fmt: skip
            return bool(connection.execute(INSERT_ONE, values).rowcount)

        return await self._database.write(work)

    async def replace(self, name: str, digest: str, begins: str) -> bool:
        """Give a token another text; False if there is none of that name."""
        return await self._changed(UPDATE_ONE, digest, begins, name)

    async def remove(self, name: str) -> bool:
        """Forget a token; False if there is none of that name."""
        return await self._changed(DELETE_ONE, name)

    async def _changed(self, statement: str, *values: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            return bool(connection.execute(statement, values).rowcount)

        return await self._database.write(work)


def _token(row: Sequence[Any]) -> HttpToken:
    name, scope, begins, created_at, expires_at = row
    return HttpToken(
        name,
        scope,
        begins,
        from_text(created_at),
        None if expires_at is None else from_text(expires_at),
    )
