"""Triggers, so that they stand again after a restart, and sessions whose output is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.ids import LockId, SessionId
from iterm_mcp.models.triggers import Act, Trigger, TriggerId

if TYPE_CHECKING:
    import sqlite3

    from iterm_mcp.store.database import Database

# Every trigger, in the order in which they were set.
SELECT_TRIGGERS = """
    SELECT trigger_id, session_id, pattern, act, target, text, enter, ignore_case, per_minute,
           stopped, lock_id
    FROM triggers ORDER BY rowid
"""
# A new trigger.
INSERT_TRIGGER = """
    INSERT INTO triggers (trigger_id, session_id, pattern, act, target, text, enter, ignore_case,
                          per_minute, stopped, lock_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# Why a trigger does nothing any more.
STOP_TRIGGER = "UPDATE triggers SET stopped = ? WHERE trigger_id = ?"
# A trigger that nobody wants any more.
DELETE_TRIGGER = "DELETE FROM triggers WHERE trigger_id = ?"

# Every session whose output is logged, with how far it was.
SELECT_LOGS = "SELECT session_id, cursor FROM output_logs ORDER BY session_id"
# How far the log of a session is.
UPSERT_LOG = "INSERT OR REPLACE INTO output_logs (session_id, cursor) VALUES (?, ?)"
# A session whose output is logged no more.
DELETE_LOG = "DELETE FROM output_logs WHERE session_id = ?"


class TriggerStore:
    """Keeps triggers. What they mean is not its business."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> tuple[Trigger, ...]:
        """Return every trigger, in the order in which they were set."""
        return await self._database.read(
            lambda connection: tuple(_trigger(row) for row in connection.execute(SELECT_TRIGGERS))
        )

    async def add(self, trigger: Trigger) -> None:
        """Keep a new trigger."""
        values = (
            trigger.trigger_id,
            trigger.session_id,
            trigger.pattern,
            trigger.act.value,
            trigger.to,
            trigger.text,
            int(trigger.enter),
            int(trigger.ignore_case),
            trigger.per_minute,
            trigger.stopped,
            trigger.lock_id,
        )
        await self._database.write(lambda connection: connection.execute(INSERT_TRIGGER, values))

    async def stop(self, trigger_id: TriggerId, reason: str) -> None:
        """Keep why a trigger does nothing any more."""
        await self._database.write(
            lambda connection: connection.execute(STOP_TRIGGER, (reason, trigger_id))
        )

    async def remove(self, trigger_ids: list[TriggerId]) -> None:
        """Forget triggers; those that are not kept are no matter."""
        rows = [(one,) for one in trigger_ids]
        await self._database.write(lambda connection: connection.executemany(DELETE_TRIGGER, rows))

    async def load_logs(self) -> dict[SessionId, str]:
        """Return the sessions whose output is logged, with the cursor of each."""
        return await self._database.read(
            lambda connection: {
                SessionId(session_id): str(cursor)
                for session_id, cursor in connection.execute(SELECT_LOGS)
            }
        )

    async def keep_log(self, session_id: SessionId, cursor: str) -> None:
        """Keep how far the log of a session is."""
        await self._database.write(
            lambda connection: connection.execute(UPSERT_LOG, (session_id, cursor))
        )

    async def remove_log(self, session_id: SessionId) -> None:
        """Forget that a session's output is logged."""
        await self._database.write(lambda connection: connection.execute(DELETE_LOG, (session_id,)))


def _trigger(row: sqlite3.Row) -> Trigger:
    (
        trigger_id, session_id, pattern, act, target, text, enter, ignore_case, per_minute, why,
        lock_id,
    ) = row  # fmt: skip
    return Trigger(
        TriggerId(trigger_id),
        SessionId(session_id),
        pattern,
        Act(act),
        target,
        text,
        enter=bool(enter),
        ignore_case=bool(ignore_case),
        per_minute=per_minute,
        stopped=why,
        lock_id=None if lock_id is None else LockId(lock_id),
    )
