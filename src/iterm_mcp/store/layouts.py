"""Layouts kept under a name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import ConflictError, NotFoundError, StoreError
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.layouts import Pane, PaneAgent, SavedLayout, SavedTeam, Splitter
from iterm_mcp.models.sessions import Program
from iterm_mcp.store.agent_lives import read_order, write_order
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3

    from iterm_mcp.models.layouts import Node
    from iterm_mcp.store.database import Database

# Every layout, by name.
SELECT_LAYOUTS = "SELECT name, content, saved_at FROM layouts ORDER BY name"
# One layout.
SELECT_LAYOUT = "SELECT name, content, saved_at FROM layouts WHERE name = ?"
# How many layouts there are, the one of this name left out.
COUNT_OTHERS = "SELECT count(*) FROM layouts WHERE name <> ?"
# A new layout, or a new version of it.
UPSERT_LAYOUT = """
    INSERT INTO layouts (name, content, saved_at) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET content = excluded.content, saved_at = excluded.saved_at
"""
# A layout goes.
DELETE_LAYOUT = "DELETE FROM layouts WHERE name = ?"

MOST_LAYOUTS = 200
NAMES_IN_HINT = 20


class LayoutStore:
    """The saved layouts. Names are compared exactly, case included."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, layout: SavedLayout, *, replace: bool) -> None:
        """Keep a layout under its name.

        Raises:
            ConflictError: The name is taken and `replace` is not set, or there are too many.
        """

        def work(connection: sqlite3.Connection) -> None:
            if not replace and connection.execute(SELECT_LAYOUT, (layout.name,)).fetchone():
                raise ConflictError(
                    f"there is a layout {layout.name!r} already",
                    hint="Choose another name, or set replace.",
                )
            if connection.execute(COUNT_OTHERS, (layout.name,)).fetchone()[0] >= MOST_LAYOUTS:
                raise ConflictError(
                    f"{MOST_LAYOUTS} layouts are saved already", hint="Forget some of them."
                )
            values = (layout.name, _to_json(layout), to_text(layout.saved_at))
            connection.execute(UPSERT_LAYOUT, values)

        await self._database.write(work)

    async def find(self, name: str) -> SavedLayout:
        """Return a layout.

        Raises:
            NotFoundError: There is none of this name; the hint tells which there are.
            StoreError: It cannot be read.
        """

        def work(connection: sqlite3.Connection) -> SavedLayout:
            row = connection.execute(SELECT_LAYOUT, (name,)).fetchone()
            if row is None:
                raise _not_found(connection, name)
            return _from_row(*row)

        return await self._database.read(work)

    async def list(self) -> tuple[SavedLayout, ...]:
        """Return all layouts that can be read, sorted by name."""

        def work(connection: sqlite3.Connection) -> tuple[SavedLayout, ...]:
            found: list[SavedLayout] = []
            for row in connection.execute(SELECT_LAYOUTS):
                with suppress(StoreError):
                    found.append(_from_row(*row))
            return tuple(found)

        return await self._database.read(work)

    async def remove(self, name: str) -> None:
        """Forget a layout.

        Raises:
            NotFoundError: There is none of this name; the hint tells which there are.
        """

        def work(connection: sqlite3.Connection) -> None:
            if not connection.execute(DELETE_LAYOUT, (name,)).rowcount:
                raise _not_found(connection, name)

        await self._database.write(work)


def _not_found(connection: sqlite3.Connection, name: str) -> NotFoundError:
    names = [row[0] for row in connection.execute(SELECT_LAYOUTS)]
    more = ", …" if len(names) > NAMES_IN_HINT else ""
    known = ", ".join(names[:NAMES_IN_HINT]) + more
    hint = f"There are: {known}." if names else "None is saved: export_layout saves one."
    return NotFoundError("layout", name, hint=hint)


def _to_json(layout: SavedLayout) -> str:
    return json.dumps({
        "windows": [[_node(root) for root in window] for window in layout.windows],
        "teams": [[one.name, one.parent, one.description] for one in layout.teams],
    })  # fmt: skip


def _from_row(name: str, content: str, saved_at: str) -> SavedLayout:
    try:
        stored = json.loads(content)
        return SavedLayout(
            name=name,
            windows=tuple(tuple(_read(root) for root in one) for one in stored["windows"]),
            teams=tuple(
                SavedTeam(TeamName(team), None if parent is None else TeamName(parent), description)
                for team, parent, description in stored["teams"]
            ),
            saved_at=from_text(saved_at),
        )
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(
            f"the saved layout {name!r} cannot be read: {error}",
            hint="Forget it, and save it anew.",
        ) from None


def _node(node: Node) -> dict[str, Any]:
    if isinstance(node, Splitter):
        children = [_node(child) for child in node.children]
        return {"vertical": node.vertical, "children": children, "weight": node.weight}
    program, agent = node.program, node.agent
    return {
        "command": program.command,
        "directory": program.directory,
        "profile": program.profile,
        "name": program.name,
        "tags": program.tags,
        "weight": node.weight,
        "agent": None if agent is None else _agent(agent),
    }


def _agent(agent: PaneAgent) -> dict[str, Any]:
    return {
        "name": agent.name,
        "kind": agent.kind,
        "role": agent.role,
        "teams": agent.teams,
        "prompt": agent.prompt,
        "order": None if agent.order is None else write_order(agent.order),
        "conversation": agent.conversation,
        "transcript": agent.transcript,
    }


def _read_agent(stored: dict[str, Any] | list[Any] | None) -> PaneAgent | None:
    """Return a pane's agent; a list is what older versions kept of one."""
    if stored is None:
        return None
    if isinstance(stored, list):
        stored = dict(zip(("name", "kind", "role", "teams"), stored, strict=True))
    rest = dict(stored)
    order = rest.pop("order", None)
    return PaneAgent(
        AgentName(rest.pop("name")),
        teams=tuple(TeamName(team) for team in rest.pop("teams")),
        order=None if order is None else read_order(order),
        **rest,
    )


def _read(stored: dict[str, Any]) -> Node:
    if "children" in stored:
        children = tuple(_read(child) for child in stored["children"])
        return Splitter(stored["vertical"], children, stored["weight"])
    program = Program(
        command=stored["command"],
        directory=stored["directory"],
        profile=stored["profile"],
        name=stored["name"],
        tags=tuple(stored["tags"]),
    )
    return Pane(program, stored["weight"], agent=_read_agent(stored["agent"]))
