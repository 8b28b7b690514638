"""Alerts, open ones and those that are settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.models.alerts import Alert, AlertId, AlertKind, Finding, Severity
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from iterm_mcp.store.database import Database

MOST_SETTLED = 5000

_COLUMNS = (
    "id, kind, subject, severity, text, agent, team, raised_at, last_at, count, settled_at, "
    "acknowledged_at, acknowledged_by"
)
# The last alert about something.
SELECT_LAST = f"""
    SELECT {_COLUMNS} FROM alerts WHERE kind = ? AND subject = ? ORDER BY id DESC LIMIT 1
"""  # noqa: S608
# One alert.
SELECT_ONE = f"SELECT {_COLUMNS} FROM alerts WHERE id = ?"  # noqa: S608
# Open alerts, oldest first.
SELECT_OPEN = f"SELECT {_COLUMNS} FROM alerts WHERE settled_at IS NULL ORDER BY id"  # noqa: S608
# Settled alerts, the last one first.
SELECT_SETTLED = f"""
    SELECT {_COLUMNS} FROM alerts WHERE settled_at IS NOT NULL
    ORDER BY settled_at DESC, id DESC LIMIT ?
"""  # noqa: S608
# A new alert.
INSERT_ALERT = """
    INSERT INTO alerts (
        kind, subject, severity, text, agent, team, raised_at, last_at, count, acknowledged_by
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, '')
"""
# An alert that is open still or again; what is worse than before was seen by nobody.
UPDATE_ALERT = """
    UPDATE alerts SET severity = ?, text = ?, last_at = ?, count = count + ?, settled_at = NULL,
        acknowledged_at = CASE WHEN ? THEN NULL ELSE acknowledged_at END,
        acknowledged_by = CASE WHEN ? THEN '' ELSE acknowledged_by END
    WHERE id = ?
"""
# An alert that is over.
SETTLE_ALERT = """
    UPDATE alerts SET settled_at = ? WHERE kind = ? AND subject = ? AND settled_at IS NULL
"""
# An alert that somebody has seen.
ACKNOWLEDGE_ALERT = """
    UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ?
    WHERE id = ? AND acknowledged_at IS NULL
"""
# What there is too much of, the oldest.
DELETE_SURPLUS = """
    DELETE FROM alerts WHERE id IN (
        SELECT id FROM alerts WHERE settled_at IS NOT NULL ORDER BY id DESC LIMIT -1 OFFSET ?
    )
"""


class AlertStore:
    """Keeps alerts; of settled ones the last `MOST_SETTLED`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, finding: Finding, now: datetime, cooldown: timedelta) -> tuple[Alert, bool]:
        """Raise an alert, or note that it is open still, or again.

        Args:
            cooldown: What was settled no longer ago is the same alert, and no news.

        Returns:
            The alert, and whether it is news: it is new, or worse than before.
        """

        def work(connection: sqlite3.Connection) -> tuple[Alert, bool]:
            at = to_text(now)
            row = connection.execute(SELECT_LAST, (finding.kind, finding.subject)).fetchone()
            last = None if row is None else _alert(row)
            if last is None or (last.settled_at is not None and now - last.settled_at > cooldown):
                values = (
                    *(finding.kind, finding.subject, finding.severity, finding.text),
                    *(finding.agent, finding.team, at, at),
                )
                number = connection.execute(INSERT_ALERT, values).lastrowid
                connection.execute(DELETE_SURPLUS, (MOST_SETTLED,))
                return _one(connection, number), True
            worse = finding.severity.rank > last.finding.severity.rank
            again = int(last.settled_at is not None)
            connection.execute(
                UPDATE_ALERT,
                (finding.severity, finding.text, at, again, worse, worse, last.alert_id),
            )
            return _one(connection, last.alert_id), worse

        return await self._database.write(work)

    async def settle(self, kind: AlertKind, subject: str, now: datetime) -> Alert | None:
        """Note that something is over; return its alert if it was open."""

        def work(connection: sqlite3.Connection) -> Alert | None:
            values = (to_text(now), kind, subject)
            if not connection.execute(SETTLE_ALERT, values).rowcount:
                return None
            return _alert(connection.execute(SELECT_LAST, (kind, subject)).fetchone())

        return await self._database.write(work)

    async def acknowledge(self, alert_id: AlertId, by: str, now: datetime) -> Alert | None:
        """Note who has seen an alert, the first one alone; None if there is no such alert."""

        def work(connection: sqlite3.Connection) -> Alert | None:
            connection.execute(ACKNOWLEDGE_ALERT, (to_text(now), by, alert_id))
            row = connection.execute(SELECT_ONE, (alert_id,)).fetchone()
            return None if row is None else _alert(row)

        return await self._database.write(work)

    async def listed(self, settled: int = 0) -> tuple[Alert, ...]:
        """Return the open alerts, oldest first, and behind them so many settled, last first."""

        def work(connection: sqlite3.Connection) -> tuple[Alert, ...]:
            found = [*connection.execute(SELECT_OPEN)]
            found += connection.execute(SELECT_SETTLED, (settled,))
            return tuple(_alert(row) for row in found)

        return await self._database.read(work)


def _one(connection: sqlite3.Connection, number: int | None) -> Alert:
    return _alert(connection.execute(SELECT_ONE, (number,)).fetchone())


def _alert(row: Sequence[Any]) -> Alert:
    number, kind, subject, severity, text, agent, team, *rest = row
    raised_at, last_at, count, settled_at, acknowledged_at, by = rest
    return Alert(
        AlertId(number),
        Finding(AlertKind(kind), subject, Severity(severity), text, agent, team),
        from_text(raised_at),
        from_text(last_at),
        count,
        None if settled_at is None else from_text(settled_at),
        None if acknowledged_at is None else from_text(acknowledged_at),
        by,
    )
