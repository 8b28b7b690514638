"""The locks of sessions, so that they outlive the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.ids import LockId, SessionId
from iterm_mcp.models.locks import Breaking, Lock
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from iterm_mcp.store.database import Database

# Every lock, the one that ends first first.
SELECT_LOCKS = """
    SELECT lock_id, session_id, owner, note, lifetime_seconds, expires_at,
           broken_by, broken_reason, broken_at
    FROM locks ORDER BY expires_at, session_id
"""
# A lock as it is now.
UPSERT_LOCK = """
    INSERT OR REPLACE INTO locks (lock_id, session_id, owner, note, lifetime_seconds, expires_at,
                                  broken_by, broken_reason, broken_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# A lock that nobody need remember.
DELETE_LOCK = "DELETE FROM locks WHERE session_id = ? AND lock_id = ?"


class LockStore:
    """Keeps locks, standing and broken. What they mean is not its business."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> tuple[Lock, ...]:
        """Return every lock that is kept."""
        return await self._database.read(
            lambda connection: tuple(_lock(row) for row in connection.execute(SELECT_LOCKS))
        )

    async def keep(self, lock: Lock, *, forget: Iterable[Lock] = ()) -> None:
        """Keep a lock as it is now, in place of what was kept of it, and forget others."""
        dropped = [(one.session_id, one.lock_id) for one in forget]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(DELETE_LOCK, dropped)
            connection.execute(UPSERT_LOCK, _row(lock))

        await self._database.write(work)

    async def forget(self, locks: Iterable[Lock]) -> None:
        """Forget locks; those that are not kept are no matter."""
        dropped = [(one.session_id, one.lock_id) for one in locks]
        await self._database.write(lambda connection: connection.executemany(DELETE_LOCK, dropped))


def _row(lock: Lock) -> tuple[object, ...]:
    broken = lock.broken
    return (
        lock.lock_id,
        lock.session_id,
        lock.owner,
        lock.note,
        lock.lifetime_seconds,
        to_text(lock.expires_at),
        *((None, None, None) if broken is None else (broken.by, broken.reason, to_text(broken.at))),
    )


def _lock(row: sqlite3.Row) -> Lock:
    lock_id, session_id, owner, note, lifetime, expires_at, by, reason, at = row
    return Lock(
        LockId(lock_id),
        SessionId(session_id),
        owner,
        note,
        lifetime,
        from_text(expires_at),
        None if by is None else Breaking(by, reason, from_text(at)),
    )
