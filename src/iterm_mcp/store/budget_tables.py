"""The tables of budgets and alerts, as one step of the migrations. It never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_budgets_and_alerts(connection: sqlite3.Connection) -> None:
    """Make room for what was spent, for steps of budgets, and for alerts."""
    connection.execute("""
        CREATE TABLE spending (
            slot INTEGER NOT NULL,
            agent TEXT NOT NULL,
            team TEXT NOT NULL,
            conversation TEXT NOT NULL,
            session TEXT NOT NULL,
            nanodollars INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            unpriced_tokens INTEGER NOT NULL,
            answers INTEGER NOT NULL,
            PRIMARY KEY (slot, agent, team, conversation, session)
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX spending_of_conversations ON spending (conversation)")
    connection.execute("""
        CREATE TABLE spending_position (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            number INTEGER NOT NULL
        ) STRICT
    """)
    connection.execute("""
        CREATE TABLE budget_crossings (
            budget TEXT NOT NULL,
            part TEXT NOT NULL,
            since TEXT NOT NULL,
            limits TEXT NOT NULL,
            percent INTEGER NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (budget, part, since, limits, percent)
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE budget_acts (
            budget TEXT NOT NULL,
            part TEXT NOT NULL,
            since TEXT NOT NULL,
            limits TEXT NOT NULL,
            percent INTEGER NOT NULL,
            agent TEXT NOT NULL,
            PRIMARY KEY (budget, part, since, limits, percent, agent)
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE alerts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            severity TEXT NOT NULL,
            text TEXT NOT NULL,
            agent TEXT NOT NULL,
            team TEXT NOT NULL,
            raised_at TEXT NOT NULL,
            last_at TEXT NOT NULL,
            count INTEGER NOT NULL,
            settled_at TEXT,
            acknowledged_at TEXT,
            acknowledged_by TEXT NOT NULL
        ) STRICT
    """)
    connection.execute("CREATE INDEX alerts_of_subjects ON alerts (kind, subject)")
    connection.execute(
        "CREATE UNIQUE INDEX open_alerts ON alerts (kind, subject) WHERE settled_at IS NULL"
    )


def create_budget_holds(connection: sqlite3.Connection) -> None:
    """Make room for who was let go by whom, and for who stands still because of a budget."""
    connection.execute("""
        CREATE TABLE budget_releases (
            budget TEXT NOT NULL,
            part TEXT NOT NULL,
            since TEXT NOT NULL,
            limits TEXT NOT NULL,
            percent INTEGER NOT NULL,
            at TEXT NOT NULL,
            by TEXT NOT NULL,
            PRIMARY KEY (budget, part, since, limits, percent)
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE budget_suspensions (
            agent TEXT NOT NULL PRIMARY KEY
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX spending_of_agents ON spending (agent, slot)")
