"""Waiting for something to happen in a session: told by the terminal, never by asking again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.models.happenings import ScreenChanged, SessionEnded
from iterm_mcp.services.commands.ready_shells import ReadyShells
from iterm_mcp.services.output.excerpts import join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.cursors import Cursor
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.services.output.patterns import Match, Patterns
    from iterm_mcp.services.output.reading import Reader, Reading
    from iterm_mcp.terminal.protocol import Terminal, Watch

WINDOW_LINES = 2000
"""How many of the newest rows are searched each time something is printed."""

OVERLAP_LINES = 100
"""Rows that are searched again, for a match that began in them."""


class Condition(StrEnum):
    """What may be waited for besides patterns."""

    PROMPT = "prompt"
    """A shell prompt is shown and nothing runs."""
    IDLE = "idle"
    """Nothing has been printed for some time."""
    CHANGE = "change"
    """Something is printed, or the screen changes."""
    EXIT = "exit"
    """The session's program ends."""


@dataclass(frozen=True, slots=True)
class Waited:
    """How a wait ended.

    Attributes:
        condition: What came true; None for a pattern, and when nothing did.
        match: The pattern that was found first.
        line: The absolute number of the row where the match begins.
        reading: The end of the output, only of what is new where the caller has said what it
            has read; and the cursor to go on from: behind the match if there is one, so that
            what follows it is not missed.
        ended: The session has ended; nothing can be waited for any more.
        seconds: How long it took.
        left_out: How many rows came after what the caller has read, before those returned.
    """

    condition: Condition | None
    match: Match | None
    line: int | None
    reading: Reading | None
    ended: bool
    seconds: float
    left_out: int = 0


class WaitService:
    """Waits; every wait is bounded by the caller's time."""

    def __init__(self, terminal: Terminal, reader: Reader, clock: Clock) -> None:
        self._terminal = terminal
        self._reader = reader
        self._shells = ReadyShells(terminal)
        self._clock = clock

    async def wait(
        self,
        session_id: SessionId,
        *,
        patterns: Patterns | None = None,
        condition: Condition | None = None,
        idle_seconds: float = 1.0,
        since: Cursor | None = None,
        timeout_seconds: float,
        tail_lines: int = 20,
    ) -> Waited:
        """Wait until a pattern is printed or a condition comes true, whichever is first.

        Args:
            since: Only what comes after it matches, and is returned; None for what comes from now
                on, and then the end of all output is returned.
            tail_lines: How many rows are returned at most.
        """
        began = self._clock.monotonic()
        outcome: _Outcome | None = None
        async with self._terminal.watch(session_id) as watch:
            cursor = since or await self._reader.cursor(session_id)
            search = _Search(self._reader, session_id, cursor, patterns)
            with anyio.move_on_after(timeout_seconds):
                if since is not None and condition is Condition.CHANGE:
                    outcome = await self._changed_since(session_id, since)
                outcome = outcome or await self._until(
                    session_id, watch, search, condition, idle_seconds
                )
        outcome = outcome or _Outcome()
        reading, left_out = None, 0
        if not outcome.ended:
            if since is None:
                reading = await self._reader.tail(session_id, max_lines=tail_lines)
            else:
                reading = await self._reader.since(session_id, since, max_lines=tail_lines)
                left_out = reading.lost + reading.more_before
            if outcome.cursor is not None:
                reading = replace(reading, cursor=outcome.cursor)
        return Waited(
            outcome.condition,
            outcome.match,
            outcome.line,
            reading,
            outcome.ended,
            self._clock.monotonic() - began,
            left_out,
        )

    async def _until(
        self,
        session_id: SessionId,
        watch: Watch,
        search: _Search,
        condition: Condition | None,
        idle_seconds: float,
    ) -> _Outcome:
        while True:
            if found := await search.look():
                return found
            if condition is Condition.PROMPT and await self._shells.is_waiting(session_id):
                return _Outcome(condition)
            happening: Happening | None = None
            with anyio.move_on_after(idle_seconds if condition is Condition.IDLE else None):
                happening = await watch.next()
            match happening:
                case None:
                    return _Outcome(condition)
                case SessionEnded():
                    met = condition if condition is Condition.EXIT else None
                    return _Outcome(met, ended=True)
                case ScreenChanged() if condition is Condition.CHANGE:
                    return _Outcome(condition)
                case _:
                    pass

    async def _changed_since(self, session_id: SessionId, since: Cursor) -> _Outcome | None:
        reading = await self._reader.since(session_id, since, max_lines=1)
        if reading.cleared or any(row.text.strip() for row in reading.lines.lines):
            return _Outcome(Condition.CHANGE)
        return None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came true; nothing, when the time was up."""

    condition: Condition | None = None
    match: Match | None = None
    line: int | None = None
    cursor: Cursor | None = None
    ended: bool = False


class _Search:
    """Looks for patterns in what was printed since a cursor, again and again."""

    def __init__(
        self, reader: Reader, session_id: SessionId, cursor: Cursor, patterns: Patterns | None
    ) -> None:
        self._reader = reader
        self._session_id = session_id
        self._cursor = cursor
        self._patterns = patterns

    async def look(self) -> _Outcome | None:
        """Return the first match, with the row in which it begins and the cursor behind it."""
        if self._patterns is None:
            return None
        reading = await self._reader.since(self._session_id, self._cursor, max_lines=WINDOW_LINES)
        rows = reading.lines.lines
        found = self._patterns.first(join((row.text, row.wrapped) for row in rows))
        if found is None:
            self._move_on(reading)
            return None
        first, _ = _locate(found.start, rows)
        last, offset = _locate(found.end, rows)
        start = self._cursor.column if self._same_row(reading, last) else 0
        cursor = reading.cursor_at(reading.lines.first + last, start + rows[last].column(offset))
        return _Outcome(match=found, line=reading.lines.first + first, cursor=cursor)

    def _same_row(self, reading: Reading, row: int) -> bool:
        """Tell whether a row is the cursor's own, of which the beginning was left out."""
        return row == 0 and not reading.cleared and reading.lines.first == self._cursor.line

    def _move_on(self, reading: Reading) -> None:
        """Leave rows behind that need not be searched again."""
        rows = reading.lines.lines
        keep = len(rows) - OVERLAP_LINES
        if keep > 0:
            self._cursor = reading.cursor_at(reading.lines.first + keep, 0)


def _locate(offset: int, rows: Sequence[OutputLine]) -> tuple[int, int]:
    """Return the row, and the character in it, at an offset of the joined text."""
    for number, row in enumerate(rows):
        if offset <= len(row.text) and (offset < len(row.text) or not row.wrapped):
            return number, offset
        offset -= len(row.text) + (0 if row.wrapped else 1)
    return max(0, len(rows) - 1), len(rows[-1].text) if rows else 0
