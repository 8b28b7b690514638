"""Roles that were registered by a tool."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.roles import Reach, Role
from iterm_mcp.store.times import to_text

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from iterm_mcp.store.database import Database

# Every role, by name.
SELECT_ROLES = "SELECT name, content FROM roles ORDER BY name"
# A new role, or a new version of it.
UPSERT_ROLE = """
    INSERT INTO roles (name, content, updated_at) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at
"""
# A role goes.
DELETE_ROLE = "DELETE FROM roles WHERE name = ?"


class RoleStore:
    """Roles by name. What was read is kept: this is the only process that writes to the file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Role] | None = None

    async def load(self) -> dict[str, Role]:
        """Return all roles by name.

        Raises:
            StoreError: One cannot be read: who would be limited by it must not go unlimited.
        """
        if self._known is None:
            self._known = await self._database.read(_load)
        return self._known

    async def save(self, role: Role, at: datetime) -> None:
        """Keep a role, instead of an older one of its name."""
        content = json.dumps(asdict(role))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(UPSERT_ROLE, (role.name, content, to_text(at)))

        self._known = None
        await self._database.write(work)
        self._known = None

    async def remove(self, name: str) -> None:
        """Forget a role.

        Raises:
            NotFoundError: There is none of this name.
        """

        def work(connection: sqlite3.Connection) -> None:
            if not connection.execute(DELETE_ROLE, (name,)).rowcount:
                raise NotFoundError("role", name, hint="List them to see which there are.")

        self._known = None
        await self._database.write(work)
        self._known = None


def _load(connection: sqlite3.Connection) -> dict[str, Role]:
    return {name: _role(name, content) for name, content in connection.execute(SELECT_ROLES)}


def _role(name: str, content: str) -> Role:
    try:
        stored = json.loads(content)
        lists = {key: tuple(stored.pop(key)) for key in ("tools", "denied", "paths", "grants")}
        return Role(**stored | lists | {"reach": Reach(stored["reach"])})
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(
            f"the role {name!r} cannot be read: {error}", hint="Set it anew with manage_roles."
        ) from None
