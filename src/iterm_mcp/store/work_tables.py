"""The tables of what agents share and do together; steps of the migrations that never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_notes_and_results(connection: sqlite3.Connection) -> None:
    """Add notes with their full-text index, and what agents publish.

    A note's version is its row's number, which SQLite never uses again. A new version is a new
    row, so the index follows with two triggers.
    """
    connection.execute("""
        CREATE TABLE notes (
            version INTEGER PRIMARY KEY AUTOINCREMENT,
            namespace TEXT NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            author TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            UNIQUE (namespace, key)
        ) STRICT
    """)
    connection.execute("""
        CREATE VIRTUAL TABLE notes_text
        USING fts5 (key, value, content = 'notes', content_rowid = 'version')
    """)
    connection.execute("""
        CREATE TRIGGER notes_added AFTER INSERT ON notes BEGIN
            INSERT INTO notes_text (rowid, key, value) VALUES (new.version, new.key, new.value);
        END
    """)
    connection.execute("""
        CREATE TRIGGER notes_removed AFTER DELETE ON notes BEGIN
            INSERT INTO notes_text (notes_text, rowid, key, value)
            VALUES ('delete', old.version, old.key, old.value);
        END
    """)
    connection.execute("""
        CREATE TABLE results (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            author TEXT NOT NULL,
            name TEXT NOT NULL,
            form TEXT NOT NULL,
            content TEXT NOT NULL,
            team TEXT,
            size INTEGER NOT NULL,
            created_at TEXT NOT NULL,
            modified_at TEXT
        ) STRICT
    """)
    connection.execute("CREATE INDEX results_by_author ON results (author, number)")


def create_playbook_runs(connection: sqlite3.Connection) -> None:
    """Add runs of playbooks and the journal of their steps; details are JSON."""
    connection.execute("""
        CREATE TABLE playbook_runs (
            run_id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            document TEXT NOT NULL,
            variables TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            started_by TEXT NOT NULL,
            known TEXT NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE playbook_steps (
            run_id TEXT NOT NULL REFERENCES playbook_runs (run_id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            state TEXT NOT NULL,
            detail TEXT NOT NULL,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            PRIMARY KEY (run_id, number)
        ) STRICT, WITHOUT ROWID
    """)
