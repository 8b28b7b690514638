"""Annotations of events and conversations, with their full-text index."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.annotations import Annotation, AnnotationId
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from iterm_mcp.store.database import Database

MOST_ANNOTATIONS = 50_000

COLUMNS = "id, conversation, first, last, text, tags, bookmark, author, made_at"

# An annotation, new.
INSERT_ANNOTATION = """
    INSERT INTO annotations (conversation, first, last, text, tags, bookmark, author, made_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
# Whether there is room for one more.
COUNT_ANNOTATIONS = "SELECT count(*) FROM annotations"
# One annotation.
SELECT_ANNOTATION = f"SELECT {COLUMNS} FROM annotations WHERE id = ?"  # noqa: S608
# Those of a conversation or of an event, with a tag, or marked; the newest first.
SELECT_ANNOTATIONS = f"""
    SELECT {COLUMNS} FROM annotations
    WHERE (:conversation = '' OR conversation = :conversation)
        AND (:event IS NULL OR :event BETWEEN first AND last)
        AND (:tag = '' OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag))
        AND (:bookmark IS NULL OR bookmark = :bookmark)
        AND (:words = '' OR id IN (
            SELECT rowid FROM annotations_text WHERE annotations_text MATCH :words
        ))
    ORDER BY id DESC LIMIT :most
"""  # noqa: S608
# An annotation goes.
DELETE_ANNOTATION = "DELETE FROM annotations WHERE id = ?"


class AnnotationStore:
    """Annotations by their ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, one: Annotation) -> Annotation | None:
        """Keep an annotation and return it with its id; None if there are too many already."""

        def work(connection: sqlite3.Connection) -> Annotation | None:
            (count,) = connection.execute(COUNT_ANNOTATIONS).fetchone()
            if count >= MOST_ANNOTATIONS:
                return None
            tags = json.dumps(one.tags, ensure_ascii=False)
            made = connection.execute(
                INSERT_ANNOTATION,
                (one.conversation, one.first, one.last, one.text, tags, one.bookmark, one.author,
                 to_text(one.made_at)),
            )  # fmt: skip
            return replace(one, annotation_id=AnnotationId(made.lastrowid or 0))

        return await self._database.write(work)

    async def get(self, annotation_id: AnnotationId) -> Annotation | None:
        """Return an annotation, if it is there."""

        def work(connection: sqlite3.Connection) -> Annotation | None:
            row = connection.execute(SELECT_ANNOTATION, (annotation_id,)).fetchone()
            return None if row is None else _annotation(row)

        return await self._database.read(work)

    async def find(
        self,
        *,
        conversation: str = "",
        event: int | None = None,
        tag: str = "",
        bookmark: bool | None = None,
        words: Collection[str] = (),
        most: int = 100,
    ) -> tuple[Annotation, ...]:
        """Return the annotations for which all of this holds, the newest first.

        Args:
            event: A number that they are of, alone or within a range.
            words: Beginnings of words in text, tags or author.
        """
        asked = " ".join(f'"{word}"*' for word in (word.replace('"', '""') for word in words))
        values = {
            "conversation": conversation, "event": event, "tag": tag, "bookmark": bookmark,
            "words": asked, "most": most,
        }  # fmt: skip

        def work(connection: sqlite3.Connection) -> tuple[Annotation, ...]:
            return tuple(_annotation(row) for row in connection.execute(SELECT_ANNOTATIONS, values))

        return await self._database.read(work)

    async def remove(self, annotation_id: AnnotationId) -> bool:
        """Forget an annotation; False if there is none."""

        def work(connection: sqlite3.Connection) -> bool:
            return bool(connection.execute(DELETE_ANNOTATION, (annotation_id,)).rowcount)

        return await self._database.write(work)


def _annotation(row: tuple[Any, ...]) -> Annotation:
    number, conversation, first, last, text, tags, bookmark, author, made_at = row
    return Annotation(
        AnnotationId(number), conversation, first, last, text, tuple(json.loads(tags)),
        bool(bookmark), author, from_text(made_at),
    )  # fmt: skip
