"""Shares: of what opens them, only digests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.models.shares import Share, ShareId
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from iterm_mcp.store.database import Database

# A new share.
INSERT_SHARE = """
    INSERT INTO shares (
        digest, what, format, name, size_bytes, redacted, made_by, made_at, expires_at, views,
        seen_at
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
"""
# A share was read.
UPDATE_VIEWS = "UPDATE shares SET views = views + 1 WHERE id = ?"
# All shares are known to be good at a time.
UPDATE_SEEN = "UPDATE shares SET seen_at = ?"
# A share is gone.
DELETE_SHARE = "DELETE FROM shares WHERE id = ?"
# All shares, oldest first.
SELECT_SHARES = """
    SELECT digest, id, what, format, name, size_bytes, redacted, made_by, made_at, expires_at,
        views, seen_at
    FROM shares ORDER BY id
"""


class ShareStore:
    """Shares by the SHA-256 digest of what opens them, in hexadecimal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, Share]:
        """Return all shares by their digests, oldest first."""

        def work(connection: sqlite3.Connection) -> dict[str, Share]:
            return {row[0]: _share(row[1:]) for row in connection.execute(SELECT_SHARES)}

        return await self._database.read(work)

    async def add(self, one: Share, digest: str) -> ShareId:
        """Keep a share; return its number, whatever number it had."""

        def work(connection: sqlite3.Connection) -> ShareId:
            values = (
                digest, one.what, one.format, one.name, one.size_bytes, one.redacted, one.made_by,
                to_text(one.made_at), to_text(one.expires_at), to_text(one.seen_at),
            )  # fmt: skip
            return ShareId(connection.execute(INSERT_SHARE, values).lastrowid or 0)

        return await self._database.write(work)

    async def viewed(self, share_id: ShareId) -> None:
        """Count that a share was read."""
        await self._changed(UPDATE_VIEWS, share_id)

    async def seen(self, now: datetime) -> None:
        """Note that all shares are good at a time."""
        await self._changed(UPDATE_SEEN, to_text(now))

    async def remove(self, share_id: ShareId) -> bool:
        """Forget a share; False if there is none of that number."""
        return await self._changed(DELETE_SHARE, share_id)

    async def _changed(self, statement: str, value: object) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            return bool(connection.execute(statement, (value,)).rowcount)

        return await self._database.write(work)


def _share(row: Sequence[Any]) -> Share:
    number, what, kind, name, size_bytes, redacted, made_by, made_at, expires_at, *rest = row
    views, seen_at = rest
    return Share(
        ShareId(number), what, ExportFormat(kind), name, size_bytes, bool(redacted), made_by,
        from_text(made_at), from_text(expires_at), views, from_text(seen_at),
    )  # fmt: skip
