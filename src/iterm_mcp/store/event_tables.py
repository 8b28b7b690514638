"""The tables beside the events: how far files were read, and what people noted.

Steps of the migrations, which never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def create_read_positions(connection: sqlite3.Connection) -> None:
    """Make room for how far files of others were read."""
    connection.execute("""
        CREATE TABLE read_positions (
            path TEXT PRIMARY KEY,
            inode INTEGER NOT NULL,
            offset INTEGER NOT NULL
        ) STRICT
    """)


def create_annotations(connection: sqlite3.Connection) -> None:
    """Add what is said of events and conversations, with its full-text index."""
    connection.execute("""
        CREATE TABLE annotations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation TEXT NOT NULL,
            first INTEGER,
            last INTEGER,
            text TEXT NOT NULL,
            tags TEXT NOT NULL,
            bookmark INTEGER NOT NULL,
            author TEXT NOT NULL,
            made_at TEXT NOT NULL
        ) STRICT
    """)
    connection.execute(
        "CREATE INDEX annotations_of_conversations ON annotations (conversation, id)"
    )
    connection.execute("""
        CREATE VIRTUAL TABLE annotations_text
        USING fts5 (text, tags, author, content = 'annotations', content_rowid = 'id')
    """)
    connection.execute("""
        CREATE TRIGGER annotations_added AFTER INSERT ON annotations BEGIN
            INSERT INTO annotations_text (rowid, text, tags, author)
            VALUES (new.id, new.text, new.tags, new.author);
        END
    """)
    connection.execute("""
        CREATE TRIGGER annotations_removed AFTER DELETE ON annotations BEGIN
            INSERT INTO annotations_text (annotations_text, rowid, text, tags, author)
            VALUES ('delete', old.id, old.text, old.tags, old.author);
        END
    """)
