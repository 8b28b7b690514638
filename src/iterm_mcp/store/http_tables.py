"""The tables of the HTTP interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_http_side(connection: sqlite3.Connection) -> None:
    """Tokens of the HTTP interface, its answers that may be asked for again, saved queries."""
    connection.execute("""
        CREATE TABLE http_tokens (
            name TEXT PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,
            scope TEXT NOT NULL,
            begins TEXT NOT NULL,
            created_at TEXT NOT NULL,
            expires_at TEXT
        ) STRICT
    """)
    connection.execute("""
        CREATE TABLE http_answers (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            owner TEXT NOT NULL,
            key TEXT NOT NULL,
            request TEXT NOT NULL,
            status INTEGER NOT NULL,
            headers TEXT NOT NULL,
            body BLOB NOT NULL,
            expires_at TEXT NOT NULL,
            UNIQUE (owner, key)
        ) STRICT
    """)
    connection.execute("CREATE INDEX http_answers_by_end ON http_answers (expires_at)")
    connection.execute("""
        CREATE TABLE saved_filters (
            name TEXT PRIMARY KEY,
            query TEXT NOT NULL,
            changed_at TEXT NOT NULL
        ) STRICT
    """)
