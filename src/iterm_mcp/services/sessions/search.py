"""Which session somebody means: by id, or by what it is called, tagged, running and where it is."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, NotFoundError, shown
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.session_details import ListedSession, SessionFacts
from iterm_mcp.services.sessions.tags import read_tags
from iterm_mcp.services.shared_answers import SharedAnswer
from iterm_mcp.services.untrusted import sanitise
from iterm_mcp.terminal.quoting import NAME_VARIABLE, TAGS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.sessions import SessionInfo
    from iterm_mcp.terminal.protocol import Terminal

    Owners = Callable[[], Awaitable[Mapping[SessionId, AgentName]]]

ACTIVE = "active"
LEAST_PREFIX = 4
"""Characters of an id that are enough, if no other session's begins with them."""

CANDIDATES = 8
"""Sessions that an error names when several are meant."""

FACTS_SECONDS = 2.0
"""How long sessions may take to say where they are and what runs; a list does without later."""

AT_ONCE = 32
"""Sessions that are asked at the same time."""

EXACTLY, ROUGHLY = 2, 1
"""How well a selector means a session: a name or a directory, or only a part of it."""

_FACTS = ("autoName", "path", "jobName", TAGS_VARIABLE, NAME_VARIABLE)
_POSITION_PREFIX = re.compile(r"w\d+t\d+p\d+[:.]")
_WHOLE_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PREFIX = re.compile(rf"[0-9A-Fa-f][0-9A-Fa-f-]{{{LEAST_PREFIX - 1},35}}")

HINT = (
    "Call list_sessions to see which there are. A session is named by its id or four or more "
    "characters of its beginning, by 'active', or by name:, tag:, agent:, dir: or job:."
)


class SessionSearch:
    """Finds sessions.

    Args:
        owners: Tells which agent each session belongs to.
        facts_seconds: How long sessions may take to tell of themselves.
    """

    def __init__(
        self,
        terminal: Terminal,
        owners: Owners | None = None,
        *,
        facts_seconds: float = FACTS_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._owners = owners
        self._facts_seconds = facts_seconds
        self._shared = SharedAnswer(self._ask_all)

    async def find(self, wanted: str) -> SessionId:
        """Return the one session that is meant; a whole id is taken at its word.

        Raises:
            NotFoundError: None is.
            InvalidRequestError: Several are; the hint names them.
        """
        plain = _POSITION_PREFIX.sub("", wanted, count=1)
        if _WHOLE_ID.fullmatch(plain):
            return SessionId(plain.upper())
        if wanted == ACTIVE:
            return await self._active()
        if _is_selector(wanted):
            found = [one.info for one in await self._matching(wanted)]
        else:
            beginning = plain.upper() if _PREFIX.fullmatch(plain) else None
            found = [
                one
                for one in await self._terminal.list_sessions()
                if one.session_id == plain
                or (beginning is not None and one.session_id.upper().startswith(beginning))
            ]
        if not found:
            raise NotFoundError("session", wanted, hint=HINT)
        if len(found) > 1:
            raise _ambiguous(wanted, found)
        return found[0].session_id

    async def select(self, selectors: Iterable[str] = ()) -> tuple[ListedSession, ...]:
        """Return the sessions that all selectors mean, in the order of windows, tabs and panes.

        Raises:
            InvalidRequestError: One is no selector.
        """
        wanted = list(selectors)
        for one in wanted:
            if not _is_selector(one):
                raise InvalidRequestError(
                    f"{shown(one)!r} says nothing of a session",
                    hint="Begin it with name:, tag:, agent:, dir: or job:.",
                )
        return tuple(
            session for session in await self._listed() if all(_fit(one, session) for one in wanted)
        )

    async def describe(self, session_id: SessionId) -> ListedSession:
        """Return one session as a list shows it.

        Raises:
            NotFoundError: It does not stand in a window.
        """
        sessions = await self._terminal.list_sessions()
        found = [one for one in sessions if one.session_id == session_id]
        if not found:
            raise NotFoundError("session", session_id, hint=HINT)
        return (await self._with_facts(found))[0]

    async def _active(self) -> SessionId:
        for session in await self._terminal.list_sessions():
            if session.active:
                return session.session_id
        raise NotFoundError(
            "session", ACTIVE, hint="No session is active; open one, or name one by its id."
        )

    async def _matching(self, selector: str) -> list[ListedSession]:
        """Return those that a selector means: exactly if there are such, else roughly."""
        listed = await self._listed()
        best = max((_fit(selector, one) for one in listed), default=0)
        return [one for one in listed if best and _fit(selector, one) == best]

    async def _listed(self) -> Sequence[ListedSession]:
        return await self._shared.get()

    async def _ask_all(self) -> list[ListedSession]:
        return await self._with_facts(await self._terminal.list_sessions())

    async def _with_facts(self, sessions: Sequence[SessionInfo]) -> list[ListedSession]:
        owners = await self._owners() if self._owners is not None else {}
        facts: dict[SessionId, SessionFacts] = {}
        left = iter(sessions)

        async def ask() -> None:
            for one in left:
                with suppress(ItermMcpError):  # it has ended, or the terminal is going away
                    values = await self._terminal.read_variables(one.session_id, _FACTS)
                    facts[one.session_id] = _facts(values)

        with anyio.move_on_after(self._facts_seconds):
            async with anyio.create_task_group() as group:
                for _ in range(min(AT_ONCE, len(sessions))):
                    group.start_soon(ask)
        return [
            ListedSession(one, facts.get(one.session_id), owners.get(one.session_id))
            for one in sessions
        ]


def _facts(values: Mapping[str, object]) -> SessionFacts:
    name, path, job = (str(values[key] or "") for key in _FACTS[:3])
    known_as = values[NAME_VARIABLE] or name
    return SessionFacts(str(known_as), path, job, read_tags(values[TAGS_VARIABLE]))


def _is_selector(wanted: str) -> bool:
    kind, colon, value = wanted.partition(":")
    return bool(colon and value) and kind in _FITS


def _fit(selector: str, one: ListedSession) -> int:
    """Return how well a selector means a session: `EXACTLY`, `ROUGHLY`, or 0 for not at all."""
    kind, _, value = selector.partition(":")
    return _FITS[kind](value, one)


def _name_fits(value: str, one: ListedSession) -> int:
    wanted = value.casefold()
    title = one.info.title.casefold()
    name = title if one.facts is None else one.facts.name.casefold()
    if name == wanted:
        return EXACTLY
    return ROUGHLY if wanted in name or wanted in title else 0


def _tag_fits(value: str, one: ListedSession) -> int:
    return EXACTLY if one.facts is not None and value in one.facts.tags else 0


def _agent_fits(value: str, one: ListedSession) -> int:
    return EXACTLY if one.agent == value else 0


def _job_fits(value: str, one: ListedSession) -> int:
    return EXACTLY if one.facts is not None and one.facts.job.lstrip("-") == value else 0


def _directory_fits(value: str, one: ListedSession) -> int:
    if one.facts is None or not one.facts.directory:
        return 0
    wanted = os.path.normpath(os.path.expanduser(value))  # noqa: PTH111 - may be of no user
    directory = os.path.normpath(one.facts.directory)
    if directory == wanted:
        return EXACTLY
    return ROUGHLY if directory.startswith(wanted.rstrip("/") + "/") else 0


_FITS: dict[str, Callable[[str, ListedSession], int]] = {
    "name": _name_fits,
    "tag": _tag_fits,
    "agent": _agent_fits,
    "dir": _directory_fits,
    "job": _job_fits,
}


def _ambiguous(wanted: str, found: Sequence[SessionInfo]) -> InvalidRequestError:
    named = ", ".join(
        f"{one.session_id} ({sanitise(one.title)[:40]})" for one in found[:CANDIDATES]
    )
    more = f" and {len(found) - CANDIDATES} more" if len(found) > CANDIDATES else ""
    return InvalidRequestError(
        f"{shown(wanted)!r} means {len(found)} sessions",
        hint=f"Name one by its id: {named}{more}.",
        code="session_ambiguous",
    )
