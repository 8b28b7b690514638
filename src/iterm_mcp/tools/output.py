"""Tools that read what sessions have printed, and wait for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.server.mcpserver import Context
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError, ItermMcpError
from iterm_mcp.models.cursors import Cursor
from iterm_mcp.services import untrusted
from iterm_mcp.services.output.patterns import Patterns
from iterm_mcp.services.output.reading import own_cursor
from iterm_mcp.services.output.waiting import Condition
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.output_answers import shown_reading, wait_answer
from iterm_mcp.tools.progress import progress
from iterm_mcp.tools.sessions import SessionArgument
from iterm_mcp.tools.tool import READS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.output.reading import Reader
    from iterm_mcp.services.output.waiting import WaitService
    from iterm_mcp.services.sessions.service import SessionService

MAX_SESSIONS = 100
_DEFAULT = "active"

CursorArgument = Annotated[
    str | None, Field(description="A cursor from an earlier answer: only what came after it.")
]

IgnoreCaseArgument = Annotated[bool, Field(description="Capitals match small letters.")]


class OutputTools:
    """The tools over `Reader` and `WaitService`."""

    def __init__(self, sessions: SessionService, reader: Reader, waits: WaitService) -> None:
        self._sessions = sessions
        self._reader = reader
        self._waits = waits

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.wait_for,
                "Wait for",
                READS,
                "expect pattern until prompt idle exit output",
                always_load=True,
            ),
            ToolRow(
                self.read_output, "Read output", READS, "scrollback history since tail lines grep"
            ),
            ToolRow(self.search_output, "Search output", READS, "grep find in all terminals"),
        ]

    async def wait_for(
        self,
        session_id: SessionArgument,
        patterns: Annotated[
            list[str],
            Field(description="Regular expressions (RE2), or texts if literal.", max_length=20),
        ] = [],
        condition: Annotated[
            Condition | None,
            Field(description="Or wait for a shell prompt, idleness, any change, or the end."),
        ] = None,
        since: CursorArgument = None,
        timeout_seconds: Annotated[
            float, Field(description="How long to wait at most.", ge=0, le=3600)
        ] = 30,
        idle_seconds: Annotated[
            float, Field(description="For idle: how long nothing is printed.", gt=0, le=600)
        ] = 1,
        literal: Annotated[bool, Field(description="Patterns are plain texts.")] = False,
        ignore_case: IgnoreCaseArgument = False,
        context: Context[Any, Any] | None = None,
    ) -> Json:
        """Wait until a session prints one of several patterns, or a condition comes true.

        Only what is printed after since, or from now on, matches; whichever comes first wins.
        Give since when the text may have come already. Returns matched, the pattern's index,
        text and groups, and a cursor for what follows; without a match tail shows the end of
        the output, of what came after since if given. When the time is up matched is false.
        """
        if not patterns and condition is None:
            raise InvalidRequestError(
                "there is nothing to wait for", hint="Give patterns, or a condition."
            )
        target = await self._sessions.find(session_id)
        wanted = Patterns(patterns, literal=literal, ignore_case=ignore_case) if patterns else None
        async with progress(context, "waiting"):
            waited = await self._waits.wait(
                target,
                patterns=wanted,
                condition=condition,
                idle_seconds=idle_seconds,
                since=None if since is None else Cursor.parse(since),
                timeout_seconds=timeout_seconds,
            )
        return wait_answer(target, waited)

    async def read_output(
        self,
        session_id: SessionArgument = _DEFAULT,
        session_ids: Annotated[
            list[str], Field(description="Read several at once.", max_length=MAX_SESSIONS)
        ] = [],
        since: Annotated[
            str | None,
            Field(description="Only what came after this cursor; of several sessions, several."),
        ] = None,
        first_line: Annotated[
            int | None, Field(description="Read on from this absolute line.", ge=0)
        ] = None,
        head: Annotated[bool, Field(description="The oldest lines, not the newest.")] = False,
        max_lines: Annotated[int, Field(description="Rows at most.", ge=1, le=5000)] = 200,
        pattern: Annotated[
            str | None, Field(description="Only lines that match this regular expression (RE2).")
        ] = None,
        context: Annotated[int, Field(description="Lines around each match.", ge=0, le=50)] = 0,
        styles: Annotated[bool, Field(description="Mark bold, colours and links.")] = False,
    ) -> str:
        """Read what a session has printed, scrollback included; the newest lines by default.

        Ends with a cursor: give it as since to get only what is new, also after restarts. It
        says when lines were lost or the screen was cleared. For a full-screen program use
        read_screen.
        """
        if since is not None and (head or first_line is not None):
            raise InvalidRequestError(
                "since goes with neither head nor first_line", hint="Give one of them."
            )
        if session_ids and session_id != _DEFAULT:
            raise InvalidRequestError(
                "session_id and session_ids are both given", hint="Give one of them."
            )
        cursors = [] if since is None else [Cursor.parse(one) for one in since.split()]
        keep = None if pattern is None else Patterns([pattern])

        async def read(one: str) -> str:
            target = await self._sessions.find(one)
            if cursors:
                reading = await self._reader.since(
                    target, own_cursor(target, cursors), max_lines=max_lines, styles=styles
                )
            elif head or first_line is not None:
                reading = await self._reader.lines(
                    target, first_line, max_lines=max_lines, styles=styles
                )
            else:
                reading = await self._reader.tail(target, max_lines=max_lines, styles=styles)
            return shown_reading(reading, keep, context)

        if not session_ids:
            return await read(session_id)
        return "\n".join(await _each(session_ids, read))

    async def search_output(
        self,
        pattern: Annotated[str, Field(description="A regular expression (RE2).")],
        session_ids: Annotated[
            list[str], Field(description="Where; every session if left out.")
        ] = [],
        context: Annotated[int, Field(description="Lines around each match.", ge=0, le=50)] = 1,
        max_matches: Annotated[int, Field(description="Per session.", ge=1, le=1000)] = 20,
        ignore_case: IgnoreCaseArgument = True,
    ) -> str:
        """Search the screen and scrollback of sessions; the newest matches of each."""
        patterns = Patterns([pattern], ignore_case=ignore_case)
        if not session_ids:
            session_ids = [one.session_id for one in await self._sessions.list_sessions()]

        async def search(one: str) -> str:
            target = await self._sessions.find(one)
            groups, count = await self._reader.search(
                target, patterns, context=context, max_matches=max_matches
            )
            if not count:
                return ""
            body = "\n--\n".join(
                "\n".join(
                    f"{number}: {row.text.rstrip()}"
                    for number, row in enumerate(group.lines, group.first)
                )
                for group in groups
            )
            shown = f", the newest {max_matches}" if count > max_matches else ""
            return untrusted.mark(body, f"session {target}, {count} matching lines{shown}")

        found = [one for one in await _each(session_ids, search) if one]
        return "\n".join(found) or f"No line matches in {len(session_ids)} sessions."


async def _each(session_ids: list[str], read: Any) -> list[str]:  # noqa: ANN401 - a local function
    """Do the same with several sessions at once; one that fails says so in its place."""
    answers: dict[int, str] = {}

    async def one(number: int, session_id: str) -> None:
        try:
            answers[number] = await read(session_id)
        except ItermMcpError as error:
            answers[number] = f"[session {untrusted.sanitise(session_id)[:60]}: {error}]"

    async with anyio.create_task_group() as group:
        for number, session_id in enumerate(dict.fromkeys(session_ids)):
            group.start_soon(one, number, session_id)
    return [answers[number] for number in sorted(answers)]
