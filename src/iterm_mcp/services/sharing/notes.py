"""Notes that agents and people share, and who may see which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, RefusedError
from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.notes import Note
from iterm_mcp.services.agents.team_tree import at_or_above, teams_of
from iterm_mcp.services.names import NAME, not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Registry
    from iterm_mcp.models.callers import Caller
    from iterm_mcp.models.notes import FoundNote
    from iterm_mcp.store import Store

SHARED = "shared"
"""The namespace that is meant when none is named."""

TEAM = "team:"
"""How the namespace of a team begins."""

KEY_LIMIT = 200
VALUE_LIMIT_BYTES = 64 * 1024
WORDS_LIMIT = 20
_WORD = re.compile(r"\w+")


class NoteService:
    """Keeps notes. A person's client sees all of them, an agent those of its own teams.

    A namespace is a plain name, open to everybody, or ``team:NAME``, for the agents of that
    team and of the teams below it. What has no note is no namespace.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._notes = store.notes
        self._agents = store.agents
        self._clock = clock
        self._listener: Callable[[Caller, Note], None] | None = None

    def tell(self, listener: Callable[[Caller, Note], None]) -> None:
        """Have a listener called with each note that somebody reads; it must not wait."""
        self._listener = listener

    async def set(
        self,
        caller: Caller,
        namespace: str,
        key: str,
        value: str,
        *,
        expected_version: int | None = None,
    ) -> Note:
        """Write a note.

        Args:
            key: 1 to 200 printable characters.
            value: At most 64 KiB in UTF-8.
            expected_version: Write only if the note has this version now; 0 if there is none.

        Raises:
            InvalidRequestError: The namespace, the key or the value cannot be.
            NotFoundError: There is no such team.
            RefusedError: The namespace is of a team that the agent does not stand in.
            ConflictError: The note has another version, or the namespace is full.
        """
        await self._enter(caller, namespace)
        _check_key(key)
        if len(value.encode(errors="replace")) > VALUE_LIMIT_BYTES:
            raise InvalidRequestError(
                f"the value is longer than {VALUE_LIMIT_BYTES} bytes",
                hint="Write it to a file and note the path, or share it as a result.",
                code="note_too_long",
            )
        note = Note(namespace, key, value, 0, caller.name, self._clock.now())
        return await self._notes.put(note, expected_version)

    async def get(self, caller: Caller, namespace: str, key: str) -> Note:
        """Return a note.

        Raises:
            NotFoundError: There is none; the hint holds keys like it.
            RefusedError: As in `set`.
        """
        await self._enter(caller, namespace)
        note = await self._notes.get(namespace, key)
        if note is None:
            others = await self._notes.entries(namespace)
            found = not_found("note", key, [one.key for one in others])
            if found.hint.startswith("Call"):
                found.hint = f"List the namespace {namespace!r} to see its keys."
            raise found
        if self._listener is not None:
            self._listener(caller, note)
        return note

    async def entries(
        self, caller: Caller, namespace: str, *, prefix: str = "", limit: int = 100
    ) -> list[Note]:
        """Return the notes of a namespace whose keys begin so, sorted by key.

        Raises:
            RefusedError: As in `set`.
        """
        await self._enter(caller, namespace)
        return await self._notes.entries(namespace, prefix, limit)

    async def namespaces(self, caller: Caller) -> dict[str, int]:
        """Return how many notes each namespace has that the caller may see."""
        registry = await self._agents.load()
        return {
            name: count
            for name, count in (await self._notes.namespaces()).items()
            if may_see(registry, caller, name)
        }

    async def search(
        self, caller: Caller, query: str, *, namespace: str | None = None, limit: int = 20
    ) -> list[FoundNote]:
        """Return the notes that hold all words of the query, the best first.

        A word also stands for those that begin with it; capitals and accents do not count.

        Args:
            namespace: Look only there; otherwise wherever the caller may.

        Raises:
            InvalidRequestError: There is no word in it, or there are more than 20.
            RefusedError: As in `set`.
        """
        words = _WORD.findall(query)
        if not 0 < len(words) <= WORDS_LIMIT:
            raise InvalidRequestError(
                f"a search has 1 to {WORDS_LIMIT} words, not {len(words)}",
                hint="Give words that stand in the note or its key.",
            )
        if namespace is not None:
            await self._enter(caller, namespace)
            return await self._notes.search(words, [namespace], limit)
        return await self._notes.search(words, [*await self.namespaces(caller)], limit)

    async def remove(
        self, caller: Caller, namespace: str, key: str, *, expected_version: int | None = None
    ) -> None:
        """Remove a note.

        Raises:
            NotFoundError: There is none.
            ConflictError: It has another version than expected.
            RefusedError: As in `set`.
        """
        await self._enter(caller, namespace)
        await self._notes.remove(namespace, key, expected_version)

    async def _enter(self, caller: Caller, namespace: str) -> None:
        """Let a caller into a namespace."""
        team = namespace.removeprefix(TEAM)
        if not NAME.fullmatch(team):
            raise InvalidRequestError(
                f"{namespace[:80]!r} cannot be a namespace",
                hint="Use 1 to 64 letters, digits, dots, underscores and hyphens, or team:NAME.",
            )
        registry = await self._agents.load()
        if namespace.startswith(TEAM):
            known = {one.name for one in registry.teams}
            if team not in known:
                raise not_found("team", team, known)
        if not may_see(registry, caller, namespace):
            raise RefusedError(
                f"the notes of team {team!r} are for its agents and those of the teams below it",
                hint=f"Agent {caller.agent!r} is not among them: use {SHARED!r} or its own team's.",
                code="not_in_team",
            )


def may_see(registry: Registry, caller: Caller, namespace: str) -> bool:
    """Tell whether a caller may read and write a namespace."""
    if caller.agent is None or not namespace.startswith(TEAM):
        return True
    own = at_or_above(registry, teams_of(registry, caller.agent))
    return TeamName(namespace.removeprefix(TEAM)) in own


def _check_key(key: str) -> None:
    if not 0 < len(key) <= KEY_LIMIT or not key.isprintable():
        raise InvalidRequestError(
            f"a key has 1 to {KEY_LIMIT} printable characters",
            hint="Choose a short name, such as build/status.",
        )
