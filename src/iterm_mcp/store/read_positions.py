"""How far files that others write have been read, so that the next daemon goes on there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.store.database import Database

# Every file with how far it was read.
SELECT_POSITIONS = "SELECT path, inode, offset FROM read_positions"
# How far a file has been read by now.
UPSERT_POSITION = "INSERT OR REPLACE INTO read_positions (path, inode, offset) VALUES (?, ?, ?)"
# A file that nobody need remember.
DELETE_POSITION = "DELETE FROM read_positions WHERE path = ?"


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """How far one file was read.

    Attributes:
        inode: Of the file that was read; another in its place is read from its beginning.
        offset: What stands before it is done with.
    """

    inode: int
    offset: int


class ReadPositions:
    """Keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[str, ReadPosition]:
        """Return all of them by path."""
        return await self._database.read(
            lambda connection: {
                path: ReadPosition(inode, offset)
                for path, inode, offset in connection.execute(SELECT_POSITIONS)
            }
        )

    async def keep(self, positions: Mapping[str, ReadPosition]) -> None:
        """Keep positions, in place of what was kept of these files."""
        rows = [(path, one.inode, one.offset) for path, one in positions.items()]
        await self._database.write(lambda connection: _many(connection, UPSERT_POSITION, rows))

    async def forget(self, paths: Iterable[str]) -> None:
        """Forget files; those that are not kept are no matter."""
        rows = [(path,) for path in paths]
        await self._database.write(lambda connection: _many(connection, DELETE_POSITION, rows))


def _many(
    connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]
) -> None:
    connection.executemany(statement, rows)
