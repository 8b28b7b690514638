"""Notes and their full-text index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.notes import FoundNote, Note
from iterm_mcp.store.known_notes import MOST_CHARACTERS, KnownNotes
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from iterm_mcp.store.database import Database

COLUMNS = "namespace, key, value, version, author, updated_at"

# One note.
SELECT_NOTE = f"SELECT {COLUMNS} FROM notes WHERE namespace = ? AND key = ?"  # noqa: S608
# The notes of a namespace whose keys begin so, by key.
SELECT_NOTES = f"""
    SELECT {COLUMNS} FROM notes WHERE namespace = ?1 AND substr(key, 1, length(?2)) = ?2
    ORDER BY key LIMIT ?3
"""  # noqa: S608
# How many notes each namespace has.
COUNT_NOTES = "SELECT namespace, count(*) FROM notes GROUP BY namespace ORDER BY namespace"
# How many notes one namespace has.
COUNT_OF_NAMESPACE = "SELECT count(*) FROM notes WHERE namespace = ?"
# A new version of a note; the old one was removed before, so that the version is a new one.
INSERT_NOTE = """
    INSERT INTO notes (namespace, key, value, author, updated_at) VALUES (?, ?, ?, ?, ?)
"""
# A note goes.
DELETE_NOTE = "DELETE FROM notes WHERE namespace = ? AND key = ?"
# Notes that hold all the words, the best first; the marks are for cutting out what matches.
SEARCH_NOTES = """
    SELECT notes.namespace, notes.key, notes.value, notes.version, notes.author,
        notes.updated_at, snippet(notes_text, -1, '', '', ' … ', 24)
    FROM notes_text JOIN notes ON notes.version = notes_text.rowid
    WHERE notes_text MATCH ? ORDER BY rank
"""

MOST_NOTES = 2000
"""Notes of one namespace."""


class NoteStore:
    """Notes by namespace and key, compared exactly, case included.

    The namespaces that are listed are kept in memory.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = KnownNotes()

    async def put(self, note: Note, expected: int | None) -> Note:
        """Write a note and return it with its version; the one given counts for nothing.

        Args:
            expected: The version that it must have now, 0 for none at all; None for any.

        Raises:
            ConflictError: It has another version, or the namespace is full.
        """

        def work(connection: sqlite3.Connection) -> Note:
            _check_version(connection, note.namespace, note.key, expected)
            if not connection.execute(DELETE_NOTE, (note.namespace, note.key)).rowcount:
                (count,) = connection.execute(COUNT_OF_NAMESPACE, (note.namespace,)).fetchone()
                if count >= MOST_NOTES:
                    raise ConflictError(
                        f"the namespace {note.namespace!r} holds {MOST_NOTES} notes already",
                        hint="Remove some, or use another namespace.",
                        code="namespace_full",
                    )
            values = (note.namespace, note.key, note.value, note.author, to_text(note.updated_at))
            connection.execute(INSERT_NOTE, values)
            return _note(connection.execute(SELECT_NOTE, (note.namespace, note.key)).fetchone())

        with self._known.changing(note.namespace) as written:
            written.append(await self._database.write(work))
            return written[0]

    async def get(self, namespace: str, key: str) -> Note | None:
        """Return a note; None when there is none."""

        def work(connection: sqlite3.Connection) -> Note | None:
            row = connection.execute(SELECT_NOTE, (namespace, key)).fetchone()
            return None if row is None else _note(row)

        return await self._database.read(work)

    async def entries(
        self, namespace: str, prefix: str = "", limit: int = MOST_NOTES
    ) -> list[Note]:
        """Return the notes of a namespace whose keys begin so, sorted by key."""
        known = self._known.find(namespace)
        if known is not None:
            return known.beginning(prefix, limit)
        changes = self._known.changes
        large = self._known.is_too_large(namespace)

        def work(connection: sqlite3.Connection) -> tuple[list[Note], list[Note] | None]:
            rows = connection.execute(SELECT_NOTES, (namespace, prefix, limit))
            return [_note(row) for row in rows], None if large else _all(connection, namespace)

        found, whole = await self._database.read(work)
        if whole is not None:
            self._known.keep(namespace, whole, changes)
        return found

    async def remove(self, namespace: str, key: str, expected: int | None) -> None:
        """Remove a note.

        Raises:
            NotFoundError: There is none.
            ConflictError: It has another version than expected.
        """

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(SELECT_NOTE, (namespace, key)).fetchone() is None:
                raise NotFoundError(
                    "note", f"{namespace}/{key}", hint="List the namespace to see its keys."
                )
            _check_version(connection, namespace, key, expected)
            connection.execute(DELETE_NOTE, (namespace, key))

        with self._known.changing(namespace):
            await self._database.write(work)

    async def namespaces(self) -> dict[str, int]:
        """Return how many notes each namespace has, sorted by name."""

        def work(connection: sqlite3.Connection) -> dict[str, int]:
            return dict(connection.execute(COUNT_NOTES).fetchall())

        return await self._database.read(work)

    async def search(
        self, words: Collection[str], namespaces: Collection[str], limit: int
    ) -> list[FoundNote]:
        """Return the notes of these namespaces that hold all the words, the best first.

        Args:
            words: Beginnings of words; at least one.
        """
        asked = " ".join(f'"{word}"*' for word in (word.replace('"', '""') for word in words))

        def work(connection: sqlite3.Connection) -> list[FoundNote]:
            found: list[FoundNote] = []
            for *row, excerpt in connection.execute(SEARCH_NOTES, (asked,)):
                if row[0] in namespaces:
                    found.append(FoundNote(_note(row), excerpt))
                    if len(found) == limit:
                        break
            return found

        return await self._database.read(work)


def _all(connection: sqlite3.Connection, namespace: str) -> list[Note]:
    """Return the notes of a namespace, and no more of them than show that it is too large."""
    found: list[Note] = []
    characters = 0
    for row in connection.execute(SELECT_NOTES, (namespace, "", MOST_NOTES)):
        found.append(_note(row))
        characters += len(found[-1].value)
        if characters > MOST_CHARACTERS:
            break
    return found


def _check_version(
    connection: sqlite3.Connection, namespace: str, key: str, expected: int | None
) -> None:
    if expected is None:
        return
    row = connection.execute(SELECT_NOTE, (namespace, key)).fetchone()
    version = 0 if row is None else _note(row).version
    if version != expected:
        has = f"has version {version}" if version else "does not exist"
        raise ConflictError(
            f"the note {key!r} {has}, and version {expected} was expected",
            hint="Read it again, and decide anew.",
            code="version_conflict",
        )


def _note(row: tuple[str, str, str, int, str, str] | list[str | int]) -> Note:
    namespace, key, value, version, author, updated_at = row
    return Note(
        str(namespace), str(key), str(value), int(version), str(author), from_text(str(updated_at))
    )
