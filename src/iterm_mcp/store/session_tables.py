"""The tables of what is kept for sessions: locks, layouts, triggers.

Steps of the migrations, which never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_locks(connection: sqlite3.Connection) -> None:
    """Add the locks of sessions, and those that were broken for as long as that matters."""
    connection.execute("""
        CREATE TABLE locks (
            session_id TEXT NOT NULL,
            lock_id TEXT NOT NULL,
            owner TEXT NOT NULL,
            note TEXT NOT NULL,
            lifetime_seconds REAL NOT NULL,
            expires_at TEXT NOT NULL,
            broken_by TEXT,
            broken_reason TEXT,
            broken_at TEXT,
            PRIMARY KEY (session_id, lock_id)
        ) STRICT, WITHOUT ROWID
    """)


def create_layouts(connection: sqlite3.Connection) -> None:
    """Add saved layouts; what they hold is JSON."""
    connection.execute("""
        CREATE TABLE layouts (
            name TEXT PRIMARY KEY,
            content TEXT NOT NULL,
            saved_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)


def create_triggers(connection: sqlite3.Connection) -> None:
    """Add triggers, and the sessions whose output is logged."""
    connection.execute("""
        CREATE TABLE triggers (
            trigger_id TEXT PRIMARY KEY,
            session_id TEXT NOT NULL,
            pattern TEXT NOT NULL,
            act TEXT NOT NULL,
            target TEXT NOT NULL,
            text TEXT NOT NULL,
            enter INTEGER NOT NULL,
            ignore_case INTEGER NOT NULL,
            per_minute INTEGER NOT NULL,
            stopped TEXT NOT NULL
        ) STRICT
    """)
    connection.execute("""
        CREATE TABLE output_logs (
            session_id TEXT PRIMARY KEY,
            cursor TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)


def give_triggers_locks(connection: sqlite3.Connection) -> None:
    """Let a trigger show a lock."""
    connection.execute("ALTER TABLE triggers ADD COLUMN lock_id TEXT")
