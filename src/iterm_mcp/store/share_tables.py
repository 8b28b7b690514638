"""The table of shares. A step of the migrations, which never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_shares(connection: sqlite3.Connection) -> None:
    """Make room for links to files; of what opens them, only digests."""
    connection.execute("""
        CREATE TABLE shares (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            digest TEXT NOT NULL UNIQUE,
            what TEXT NOT NULL,
            format TEXT NOT NULL,
            name TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            redacted INTEGER NOT NULL,
            made_by TEXT NOT NULL,
            made_at TEXT NOT NULL,
            expires_at TEXT NOT NULL,
            views INTEGER NOT NULL,
            seen_at TEXT NOT NULL
        ) STRICT
    """)
