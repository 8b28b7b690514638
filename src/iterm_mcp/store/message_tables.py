"""The tables of what is told and asked: cascades, deliveries, approvals.

Steps of the migrations, which never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_cascades(connection: sqlite3.Connection) -> None:
    """Add the idempotency keys of cascades with the results that answer a repetition."""
    connection.execute("""
        CREATE TABLE cascades (
            idempotency_key TEXT PRIMARY KEY,
            request_hash TEXT NOT NULL,
            result TEXT NOT NULL,
            expires_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX cascades_by_expiry ON cascades (expires_at)")


def create_deliveries(connection: sqlite3.Connection) -> None:
    """Add messages on their way to agents, and the history of each.

    A sender's key holds once per agent.
    """
    connection.execute("""
        CREATE TABLE deliveries (
            delivery_id TEXT PRIMARY KEY,
            agent TEXT NOT NULL,
            session_id TEXT NOT NULL,
            text TEXT NOT NULL,
            policy TEXT NOT NULL,
            priority INTEGER NOT NULL,
            accepted_at TEXT NOT NULL,
            not_after TEXT NOT NULL,
            sender_key TEXT NOT NULL,
            request_hash TEXT NOT NULL,
            sender TEXT NOT NULL,
            epoch INTEGER,
            details TEXT NOT NULL,
            stage TEXT NOT NULL,
            stage_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE UNIQUE INDEX deliveries_by_key ON deliveries (agent, sender_key)
        WHERE sender_key <> ''
    """)
    connection.execute("CREATE INDEX deliveries_by_stage ON deliveries (stage, stage_at)")
    connection.execute("CREATE INDEX deliveries_by_agent ON deliveries (agent, accepted_at)")
    connection.execute("""
        CREATE TABLE delivery_moves (
            delivery_id TEXT NOT NULL REFERENCES deliveries (delivery_id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            stage TEXT NOT NULL,
            at TEXT NOT NULL,
            reason TEXT NOT NULL,
            evidence TEXT NOT NULL,
            PRIMARY KEY (delivery_id, number)
        ) STRICT, WITHOUT ROWID
    """)


def create_approvals(connection: sqlite3.Connection) -> None:
    """Add what agents asked people, and what was answered; a choice of NULL is none yet."""
    connection.execute("""
        CREATE TABLE approvals (
            approval_id TEXT PRIMARY KEY,
            agent TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            asks TEXT NOT NULL,
            tool TEXT NOT NULL,
            input TEXT NOT NULL,
            text TEXT NOT NULL,
            options TEXT NOT NULL,
            dialog TEXT NOT NULL,
            exact INTEGER NOT NULL,
            asked_at TEXT NOT NULL,
            choice TEXT,
            answered_by TEXT,
            channel TEXT,
            message TEXT,
            answered_at TEXT
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX approvals_by_answer ON approvals (answered_at)")
