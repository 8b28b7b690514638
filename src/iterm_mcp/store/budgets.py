"""What was spent, by quarters of an hour, and which steps of budgets were reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.budgets import SLOT_SECONDS, Crossing, Scope, Spending
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.models.budgets import Span, SpendingKey
    from iterm_mcp.store.database import Database

KEPT_SLOTS = 400 * 86_400 // SLOT_SECONDS
"""What is older is forgotten; no budget but one for ever is longer."""

# The last event that was counted.
SELECT_POSITION = "SELECT coalesce(max(number), 0) FROM spending_position"
# The last event that is counted now.
UPSERT_POSITION = "INSERT OR REPLACE INTO spending_position (id, number) VALUES (1, ?)"
# What was spent in one slot by one agent in one conversation.
ADD_SPENDING = """
    INSERT INTO spending (
        slot, agent, team, conversation, session, nanodollars, tokens, unpriced_tokens, answers
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (slot, agent, team, conversation, session) DO UPDATE SET
        nanodollars = nanodollars + excluded.nanodollars,
        tokens = tokens + excluded.tokens,
        unpriced_tokens = unpriced_tokens + excluded.unpriced_tokens,
        answers = answers + excluded.answers
"""
# What is too old.
DELETE_OLD = "DELETE FROM spending WHERE slot < ?"
# A step that is reached, if it is for the first time.
INSERT_CROSSING = """
    INSERT INTO budget_crossings (budget, part, since, limits, percent, at)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
# Steps that were reached in times that began then or later.
SELECT_CROSSINGS = """
    SELECT budget, part, since, limits, percent, at FROM budget_crossings WHERE since >= ?
    ORDER BY at, budget, part, percent
"""
# An agent that something is done to, if it is for the first time.
INSERT_ACT = """
    INSERT INTO budget_acts (budget, part, since, limits, percent, agent)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
# To whom it was done.
SELECT_ACTS = """
    SELECT agent FROM budget_acts
    WHERE budget = ? AND part = ? AND since = ? AND limits = ? AND percent = ?
"""
# A step beyond which agents are let go on, by the first who says so.
INSERT_RELEASE = """
    INSERT INTO budget_releases (budget, part, since, limits, percent, at, by)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
# All such steps of times that began then or later, the highest last.
SELECT_RELEASES = """
    SELECT budget, part, since, limits, percent, at, by FROM budget_releases WHERE since >= ?
    ORDER BY percent
"""
# An agent that stands still because of a budget.
INSERT_SUSPENSION = "INSERT INTO budget_suspensions (agent) VALUES (?) ON CONFLICT DO NOTHING"
# One that does so no more.
DELETE_SUSPENSION = "DELETE FROM budget_suspensions WHERE agent = ?"
# All of them.
SELECT_SUSPENSIONS = "SELECT agent FROM budget_suspensions ORDER BY agent"
# Agents whose last spending was in a conversation.
SELECT_LAST_IN = """
    SELECT DISTINCT agent FROM spending AS one WHERE conversation = ? AND agent <> ''
        AND slot = (SELECT max(slot) FROM spending WHERE agent = one.agent)
    ORDER BY agent
"""

_SUMS = "sum(nanodollars), sum(tokens), sum(unpriced_tokens), sum(answers)"
_COLUMNS = {
    Scope.AGENT: "agent",
    Scope.TEAM: "team",
    Scope.CONVERSATION: "conversation",
    Scope.SESSION: "session",
}


class BudgetStore:
    """Keeps what was spent. Each event counts once: what is added goes on behind a number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def position(self) -> int:
        """Return the number of the last event that was counted; 0 before the first."""

        def work(connection: sqlite3.Connection) -> int:
            return int(connection.execute(SELECT_POSITION).fetchone()[0])

        return await self._database.read(work)

    async def add(self, behind: int, number: int, spent: Mapping[SpendingKey, Spending]) -> bool:
        """Count what the events behind one number and up to another spent.

        Returns:
            False, and nothing was counted, if the last one counted is another.
        """

        def work(connection: sqlite3.Connection) -> bool:
            if int(connection.execute(SELECT_POSITION).fetchone()[0]) != behind:
                return False
            rows = [
                (
                    *(key.slot, key.agent, key.team, key.conversation, key.session),
                    *(one.nanodollars, one.tokens, one.unpriced_tokens, one.answers),
                )
                for key, one in spent.items()
            ]
            connection.executemany(ADD_SPENDING, rows)
            connection.execute(UPSERT_POSITION, (number,))
            return True

        return await self._database.write(work)

    async def spent(self, scope: Scope, of: Sequence[str], span: Span) -> dict[str, Spending]:
        """Return what was spent in a time, by whom.

        Args:
            of: Only these, added up under the empty name; all of them, each by its name, if empty.
        """
        column = _COLUMNS.get(scope)
        where, values = _bounds(span)
        if column is None or of:
            name, group = "''", ""
        else:
            name, group = column, f"AND {column} <> '' GROUP BY {column}"
        if column is not None and of:
            where += f" AND {column} IN ({', '.join('?' * len(of))})"
            values += tuple(of)
        statement = f"SELECT {name}, {_SUMS} FROM spending WHERE {where} {group}"  # noqa: S608

        def work(connection: sqlite3.Connection) -> dict[str, Spending]:
            return {
                part: Spending(*sums)
                for part, *sums in connection.execute(statement, values)
                if sums[0] is not None
            }

        return await self._database.read(work)

    async def spenders(self, scope: Scope, of: Sequence[str], span: Span) -> tuple[str, ...]:
        """Return the agents that spent something in a time, by name."""
        where, values = _bounds(span)
        if (column := _COLUMNS.get(scope)) is not None:
            where += f" AND {column} IN ({', '.join('?' * len(of))})"
            values += tuple(of)
        statement = (
            f"SELECT DISTINCT agent FROM spending WHERE {where} AND agent <> '' "  # noqa: S608
            "ORDER BY agent"
        )
        return await self._database.read(
            lambda connection: tuple(name for (name,) in connection.execute(statement, values))
        )

    async def cross(self, crossing: Crossing) -> bool:
        """Note a step; False if it was reached before in that time."""
        values = (*_step(crossing), to_text(crossing.at))
        return await self._database.write(
            lambda connection: bool(connection.execute(INSERT_CROSSING, values).rowcount)
        )

    async def crossings(self, since: datetime) -> tuple[Crossing, ...]:
        """Return the steps that were reached since then, oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[Crossing, ...]:
            return tuple(
                Crossing(budget, part, from_text(began), limits, percent, from_text(at))
                for budget, part, began, limits, percent, at in connection.execute(
                    SELECT_CROSSINGS, (to_text(since),)
                )
            )

        return await self._database.read(work)

    async def acted(self, crossing: Crossing) -> frozenset[str]:
        """Return the agents to which something was done at a step."""
        return await self._database.read(
            lambda connection: frozenset(
                name for (name,) in connection.execute(SELECT_ACTS, _step(crossing))
            )
        )

    async def note_act(self, crossing: Crossing, agent: str) -> None:
        """Note that something was done to an agent at a step."""
        values = (*_step(crossing), agent)
        await self._database.write(lambda connection: connection.execute(INSERT_ACT, values))

    async def release(self, crossing: Crossing, by: str) -> None:
        """Note that agents may go on beyond a step; who said so first stays."""
        values = (*_step(crossing), to_text(crossing.at), by)
        await self._database.write(lambda connection: connection.execute(INSERT_RELEASE, values))

    async def releases(self, since: datetime) -> tuple[tuple[Crossing, str], ...]:
        """Return the steps beyond which agents may go on, and who said so, the highest last."""

        def work(connection: sqlite3.Connection) -> tuple[tuple[Crossing, str], ...]:
            return tuple(
                (Crossing(budget, part, from_text(began), limits, percent, from_text(at)), by)
                for budget, part, began, limits, percent, at, by in connection.execute(
                    SELECT_RELEASES, (to_text(since),)
                )
            )

        return await self._database.read(work)

    async def suspend(self, agent: str) -> None:
        """Note that an agent is about to stand still because of a budget."""
        await self._database.write(
            lambda connection: connection.execute(INSERT_SUSPENSION, (agent,))
        )

    async def resume(self, agent: str) -> None:
        """Note that it does so no more."""
        await self._database.write(
            lambda connection: connection.execute(DELETE_SUSPENSION, (agent,))
        )

    async def suspended(self) -> frozenset[str]:
        """Return the agents that stand still because of a budget."""
        return await self._database.read(
            lambda connection: frozenset(name for (name,) in connection.execute(SELECT_SUSPENSIONS))
        )

    async def last_in(self, conversation: str) -> frozenset[str]:
        """Return the agents that spent in a conversation when they last spent something."""
        return await self._database.read(
            lambda connection: frozenset(
                name for (name,) in connection.execute(SELECT_LAST_IN, (conversation,))
            )
        )

    async def tidy(self, now: datetime) -> None:
        """Forget what is too old to matter."""
        slot = int(now.timestamp()) - KEPT_SLOTS * SLOT_SECONDS
        await self._database.write(lambda connection: connection.execute(DELETE_OLD, (slot,)))


def _step(crossing: Crossing) -> tuple[object, ...]:
    since = to_text(crossing.since)
    return crossing.budget, crossing.part, since, crossing.limits, crossing.percent


def _bounds(span: Span) -> tuple[str, tuple[object, ...]]:
    if span.until is None:
        return "slot >= ?", (int(span.since.timestamp()),)
    return "slot >= ? AND slot < ?", (int(span.since.timestamp()), int(span.until.timestamp()))
