"""Queries of events that are kept under a name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.models.saved_filters import SavedFilter
from iterm_mcp.store.remembered import Remembered
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3

    from iterm_mcp.store.database import Database

MOST_FILTERS = 500

# A filter, new or changed.
UPSERT_FILTER = """
    INSERT INTO saved_filters (name, query, changed_at) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET query = excluded.query, changed_at = excluded.changed_at
"""
# Whether there is room for one of that name.
COUNT_OTHERS = "SELECT count(*) FROM saved_filters WHERE name <> ?"
# All filters.
SELECT_FILTERS = "SELECT name, query, changed_at FROM saved_filters ORDER BY name"
# One filter is gone.
DELETE_FILTER = "DELETE FROM saved_filters WHERE name = ?"


class SavedFilterStore:
    """Filters by name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Remembered[tuple[SavedFilter, ...]] = Remembered()

    async def put(self, one: SavedFilter) -> bool:
        """Keep a filter in place of one of that name; False if there are too many already."""

        def work(connection: sqlite3.Connection) -> bool:
            (others,) = connection.execute(COUNT_OTHERS, (one.name,)).fetchone()
            if others >= MOST_FILTERS:
                return False
            query = json.dumps(dict(one.query), ensure_ascii=False)
            connection.execute(UPSERT_FILTER, (one.name, query, to_text(one.changed_at)))
            return True

        with self._known.changing():
            return await self._database.write(work)

    async def all(self) -> tuple[SavedFilter, ...]:
        """Return the filters by their names."""

        def work(connection: sqlite3.Connection) -> tuple[SavedFilter, ...]:
            return tuple(
                SavedFilter(name, json.loads(query), from_text(changed_at))
                for name, query, changed_at in connection.execute(SELECT_FILTERS)
            )

        return await self._known.get(lambda: self._database.read(work))

    async def remove(self, name: str) -> bool:
        """Forget a filter; False if there is none of that name."""

        def work(connection: sqlite3.Connection) -> bool:
            return bool(connection.execute(DELETE_FILTER, (name,)).rowcount)

        with self._known.changing():
            return await self._database.write(work)
