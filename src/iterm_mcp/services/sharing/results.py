"""What agents publish for each other: texts, JSON and files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from stat import S_ISREG
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.results import FileState, Form, Result
from iterm_mcp.services.agents.team_tree import at_or_above, members, teams_of
from iterm_mcp.services.names import not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Registry
    from iterm_mcp.models.callers import Caller
    from iterm_mcp.models.ids import TeamName
    from iterm_mcp.store import Store

CONTENT_LIMIT_BYTES = 256_000
NAME_LIMIT = 100


class ResultService:
    """Publishes results, and shows to each agent those that are for it.

    A result is never changed: a newer one of the same name stands beside it.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._results = store.results
        self._agents = store.agents
        self._clock = clock
        self._listener: Callable[[Caller, Result], None] | None = None

    def tell(self, listener: Callable[[Caller, Result], None]) -> None:
        """Have a listener called with each result that somebody reads; it must not wait."""
        self._listener = listener

    async def share(
        self,
        caller: Caller,
        name: str,
        content: object,
        *,
        form: Form = Form.TEXT,
        team: TeamName | None = None,
    ) -> Result:
        """Publish a text, something that JSON can hold, or the path of a file.

        Args:
            name: What it is, in 1 to 100 printable characters; need not be new.
            content: At most 256 kB in UTF-8. Of a file its absolute path; it must be there.
            team: Only for the agents of this team and of those below it.

        Raises:
            InvalidRequestError: The name or the content cannot be.
            NotFoundError: There is no such team.
            RefusedError: The agent does not stand in that team.
        """
        if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
            raise InvalidRequestError(
                f"a result's name has 1 to {NAME_LIMIT} printable characters",
                hint="Say in a few words what it is.",
            )
        if team is not None:
            self._check_team(await self._agents.load(), caller, team)
        now = self._clock.now()
        if form is Form.FILE:
            path = anyio.Path(str(content))
            size, modified_at = await _look_at(path)
            result = Result(0, caller.name, name, form, str(path), team, size, now, modified_at)
        else:
            text = str(content) if form is Form.TEXT else _to_json(content)
            size = len(text.encode(errors="replace"))
            if size > CONTENT_LIMIT_BYTES:
                raise InvalidRequestError(
                    f"{size} bytes are more than the {CONTENT_LIMIT_BYTES} of a result",
                    hint="Write it to a file, and share its path.",
                    code="result_too_long",
                )
            result = Result(0, caller.name, name, form, text, team, size, now)
        return await self._results.add(result)

    async def get(self, caller: Caller, number: int) -> Result:
        """Return a result.

        Raises:
            NotFoundError: There is none that the caller may see.
        """
        result = await self._results.get(number)
        if result is None or not _may_see(await self._agents.load(), caller, result):
            raise NotFoundError("result", str(number), hint="Read without it to see which are.")
        if self._listener is not None:
            self._listener(caller, result)
        return result

    async def list(
        self,
        caller: Caller,
        *,
        author: str | None = None,
        team: TeamName | None = None,
        name: str | None = None,
        after: int = 0,
        limit: int = 20,
    ) -> list[Result]:
        """Return the results that the caller may see, the newest first.

        Args:
            author: Only what this agent or client published.
            team: Only what the agents of this team, and of those below it, published.
            after: Only what is newer than the result of this number.

        Raises:
            NotFoundError: There is no such team.
        """
        registry = await self._agents.load()
        authors = None
        if team is not None:
            known = {one.name for one in registry.teams}
            if team not in known:
                raise not_found("team", team, known)
            authors = {str(agent.name) for agent in members(registry, [team])}
        return [
            one
            for one in await self._results.list(after=after, name=name)
            if _may_see(registry, caller, one)
            and author in {None, one.author}
            and (authors is None or one.author in authors)
        ][:limit]

    async def file_state(self, result: Result) -> FileState | None:
        """Tell whether a result's file is as it was; None for a result that is no file."""
        if result.form is not Form.FILE:
            return None
        try:
            found = await _look_at(anyio.Path(result.content))
        except InvalidRequestError:
            return FileState.GONE
        return FileState.SAME if found == (result.size, result.modified_at) else FileState.CHANGED

    def _check_team(self, registry: Registry, caller: Caller, team: TeamName) -> None:
        known = {one.name for one in registry.teams}
        if team not in known:
            raise not_found("team", team, known)
        if caller.agent is not None and team not in at_or_above(
            registry, teams_of(registry, caller.agent)
        ):
            raise RefusedError(
                f"agent {caller.agent!r} does not stand in team {team!r}",
                hint="Share it with everybody, or with a team of its own.",
                code="not_in_team",
            )


def _may_see(registry: Registry, caller: Caller, result: Result) -> bool:
    if result.team is None or caller.agent is None or result.author == caller.agent:
        return True
    return result.team in at_or_above(registry, teams_of(registry, caller.agent))


def _to_json(content: object) -> str:
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"the content is no JSON: {error}", hint="Share it as text."
        ) from None


async def _look_at(path: anyio.Path) -> tuple[int, datetime]:
    """Return the size of a file, and when it was changed.

    Raises:
        InvalidRequestError: There is none at this path that can be looked at.
    """
    if not path.is_absolute():
        raise InvalidRequestError(
            "the path of a result is absolute", hint="Begin it with a slash: others are elsewhere."
        )
    try:
        found = await path.stat()
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            f"there is no file {str(path)[:200]!r}: {error.__class__.__name__}",
            hint="Write the file first, and give its path as it is on this machine.",
            code="file_not_found",
        ) from None
    if not S_ISREG(found.st_mode):
        raise InvalidRequestError(f"{str(path)[:200]!r} is no file", hint="Share a file.")
    return found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)
