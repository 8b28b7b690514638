"""The tables of how work went and of repositories' backlogs; steps that never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_outcomes_and_backlogs(connection: sqlite3.Connection) -> None:
    """Make room for how attempts went, for marks that have tasks, and for tests that were run."""
    connection.execute("""
        CREATE TABLE outcomes (
            task_id TEXT NOT NULL,
            number INTEGER NOT NULL,
            task TEXT NOT NULL,
            kind TEXT NOT NULL,
            model TEXT NOT NULL,
            effort TEXT NOT NULL,
            strategy TEXT NOT NULL,
            arm TEXT NOT NULL,
            outcome TEXT NOT NULL,
            judged INTEGER NOT NULL,
            succeeded INTEGER NOT NULL,
            ended_at TEXT NOT NULL,
            seconds REAL NOT NULL,
            cost_usd REAL,
            tokens INTEGER,
            why TEXT NOT NULL,
            PRIMARY KEY (task_id, number)
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX outcomes_of_arms ON outcomes (task, arm, ended_at)")
    connection.execute("""
        CREATE TABLE backlog_marks (
            repository TEXT NOT NULL,
            mark_id TEXT NOT NULL,
            content TEXT NOT NULL,
            place TEXT NOT NULL,
            path TEXT NOT NULL,
            tag TEXT NOT NULL,
            text TEXT NOT NULL,
            key TEXT NOT NULL,
            commit_id TEXT NOT NULL,
            noted_at TEXT NOT NULL,
            task_id TEXT NOT NULL,
            PRIMARY KEY (repository, mark_id)
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX backlog_marks_of_tasks ON backlog_marks (repository, key)")
    connection.execute("""
        CREATE TABLE backlog_baselines (
            repository TEXT NOT NULL,
            commit_id TEXT NOT NULL,
            commands TEXT NOT NULL,
            problem TEXT NOT NULL,
            seconds REAL NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (repository, commit_id, commands)
        ) STRICT, WITHOUT ROWID
    """)
