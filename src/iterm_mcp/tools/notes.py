"""The tool for notes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.sharing.notes import SHARED
from iterm_mcp.services.untrusted import sanitise
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.callers import caller_of
from iterm_mcp.tools.tiers import MUTATE
from iterm_mcp.tools.tool import ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.notes import Note
    from iterm_mcp.services.sharing.notes import NoteService

CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
"""Writes over what stands, and removes it; of notes, which are there for that."""


class NoteTools:
    """The tool over `NoteService`."""

    def __init__(self, notes: NoteService) -> None:
        self._notes = notes

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.manage_notes,
                "Manage notes",
                CHANGES,
                "memory key value remember shared agents search",
                tier=MUTATE,
            )
        ]

    async def manage_notes(
        self,
        action: Annotated[
            Literal["set", "get", "list", "search", "remove"], Field(description="What to do.")
        ],
        namespace: Annotated[
            str | None, Field(description="Or team:NAME, for that team only.")
        ] = None,
        key: Annotated[str, Field(description="For list: how keys begin.")] = "",
        value: Annotated[str, Field(description="For set: the text.")] = "",
        expected_version: Annotated[
            int | None,
            Field(description="Change only this version; 0: only if new.", ge=0),
        ] = None,
        query: Annotated[str, Field(description="For search: words.")] = "",
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Keep small texts under keys, shared by agents and lasting; larger ones: share_result.

        Without a namespace "shared" is meant; list then names all, and search looks in all.
        """
        caller, notes = caller_of(context), self._notes
        where = SHARED if namespace is None else namespace
        match action:
            case "set":
                note = await notes.set(caller, where, key, value, expected_version=expected_version)
                return note_answer(note, value=False)
            case "get":
                return note_answer(await notes.get(caller, where, key))
            case "list":
                if namespace is None and not key:
                    return {"namespaces": await notes.namespaces(caller)}
                listed = await notes.entries(caller, where, prefix=key, limit=LISTED)
                return {
                    "untrusted": ["notes"],
                    "notes": [
                        _listed(one) if len(one.value) <= SMALL else _short(one, one.value)
                        for one in listed
                    ],
                }
            case "search":
                if not query:
                    raise InvalidRequestError("a search needs a query", hint="Give some words.")
                found = await notes.search(caller, query, namespace=namespace, limit=FOUND)
                return {
                    "untrusted": ["notes"],
                    "notes": [_short(one.note, one.excerpt) for one in found],
                }
            case "remove":
                await notes.remove(caller, where, key, expected_version=expected_version)
                return {"removed": sanitise(key)}


EXCERPT_CHARACTERS = 200
MOST_KNOWN, SMALL = 1000, 1000
"""So many notes' answers are kept, of those with so few characters."""
LISTED, FOUND = 500, 50


def note_answer(note: Note, *, value: bool = True) -> Json:
    """Return a note; what others wrote into it is data."""
    answer: Json = {
        "namespace": note.namespace,
        "key": sanitise(note.key),
        "version": note.version,
        "author": sanitise(note.author),
        "updated_at": note.updated_at.isoformat(),
    }
    if value:
        answer = {"untrusted": ["value"]} | answer | {"value": sanitise(note.value)}
    return answer


@lru_cache(maxsize=MOST_KNOWN)
def _listed(note: Note) -> Json:
    """Return a note as lists show it: many are asked for again and again, and few change."""
    return _short(note, note.value)


def _short(note: Note, text: str) -> Json:
    shown = text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"
    return note_answer(note, value=False) | {"excerpt": sanitise(shown)}
