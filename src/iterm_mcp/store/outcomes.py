"""How attempts at tasks went, by the way in which they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import Result, Way
from iterm_mcp.models.tasks import Outcome, TaskId
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from iterm_mcp.store.database import Database

MOST_RESULTS = 5000
"""Of one arm that are looked at, the newest."""

# How an attempt went; told again, as it was told last.
UPSERT_OUTCOME = """
    INSERT INTO outcomes (
        task_id, number, task, kind, model, effort, strategy, arm, outcome, judged, succeeded,
        ended_at, seconds, cost_usd, tokens, why
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (task_id, number) DO UPDATE SET
        outcome = excluded.outcome, judged = excluded.judged, succeeded = excluded.succeeded,
        ended_at = excluded.ended_at, seconds = excluded.seconds,
        cost_usd = coalesce(excluded.cost_usd, cost_usd),
        tokens = coalesce(excluded.tokens, tokens)
"""
# What tells of the arms of one kind of work, the newest first.
SELECT_JUDGED = """
    SELECT task_id, number, task, kind, model, effort, strategy, arm, outcome, ended_at, seconds,
        cost_usd, tokens, why
    FROM outcomes WHERE task = ? AND arm = ? AND judged = 1 AND ended_at >= ?
    ORDER BY ended_at DESC, task_id DESC, number DESC LIMIT ?
"""
# Kinds of work and their arms, with how many attempts were judged.
SELECT_ARMS = """
    SELECT task, arm, sum(judged) FROM outcomes GROUP BY task, arm ORDER BY task, arm
"""
# What is too old.
DELETE_OLD = "DELETE FROM outcomes WHERE ended_at < ?"


class OutcomeStore:
    """Keeps one row for each attempt, however often it is told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, result: Result) -> None:
        """Note how an attempt went; told again, a cost that was known stays known."""
        way = result.way
        values = (
            *(result.task_id, result.number),
            *(way.task, way.kind, way.model, way.effort, way.strategy, way.arm),
            *(result.outcome, result.judged, result.succeeded, to_text(result.ended_at)),
            *(result.seconds, result.cost_usd, result.tokens, result.why),
        )
        await self._database.write(lambda connection: connection.execute(UPSERT_OUTCOME, values))

    async def judged(
        self, task: str, arm: str, since: datetime, most: int = MOST_RESULTS
    ) -> tuple[Result, ...]:
        """Return what tells of an arm in one kind of work since then, the oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[Result, ...]:
            rows = connection.execute(SELECT_JUDGED, (task, arm, to_text(since), most)).fetchall()
            return tuple(_result(*row) for row in reversed(rows))

        return await self._database.read(work)

    async def arms(self) -> dict[tuple[str, str], int]:
        """Return how many attempts were judged, by kind of work and arm."""
        return await self._database.read(
            lambda connection: {
                (task, arm): count for task, arm, count in connection.execute(SELECT_ARMS)
            }
        )

    async def tidy(self, before: datetime) -> None:
        """Forget what ended before then."""
        values = (to_text(before),)
        await self._database.write(lambda connection: connection.execute(DELETE_OLD, values))


def _result(
    task_id: str,
    number: int,
    task: str,
    kind: str,
    model: str,
    effort: str,
    strategy: str,
    arm: str,
    outcome: str,
    ended_at: str,
    seconds: float,
    cost_usd: float | None,
    tokens: int | None,
    why: str,
) -> Result:
    way = Way(task, kind, model, effort, strategy, arm)
    return Result(
        TaskId(task_id), number, way, Outcome(outcome), from_text(ended_at), seconds, cost_usd,
        tokens, why,
    )  # fmt: skip
