"""Following what a session prints, line by line, for as long as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import NotFoundError, TerminalError
from iterm_mcp.models.happenings import SessionEnded, TerminalLost, TextTyped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.models.cursors import Cursor
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.services.output.reading import Reader, Reading
    from iterm_mcp.terminal.protocol import Terminal, Watch

PAUSE_SECONDS = 0.1
"""A session is looked at no more often; what it prints meanwhile is read at once."""

RETRY_SECONDS = 2.0
WINDOW_LINES = 5000
"""Rows read at a time; of a session that prints more than this between two looks, the newest."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a session has printed since it was last looked at.

    Attributes:
        lines: Lines that are finished, wrapped rows joined; nothing more is added to them.
        partial: The line in which the cursor stands, all of it.
        lost: Rows that left the scrollback, or were too many, before they were read.
        cleared: The screen was cleared or drawn anew: the lines may have been here before.
        full_screen: A full-screen program shows its own screen.
        typed: What was typed through us since the last look.
        cursor: Where the partial line begins: whoever goes on from here misses nothing.
    """

    lines: tuple[str, ...]
    partial: str
    lost: int
    cleared: bool
    full_screen: bool
    typed: tuple[str, ...]
    cursor: Cursor


class Follower:
    """Follows one session.

    Args:
        see: Called with each stretch, one after the other.
        cursor: Where to begin; with None, at what is printed from now on.
    """

    def __init__(
        self,
        terminal: Terminal,
        reader: Reader,
        session_id: SessionId,
        see: Callable[[Stretch], Awaitable[None]],
        cursor: Cursor | None = None,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._reader = reader
        self._session_id = session_id
        self._see = see
        self._cursor = cursor
        self._pause_seconds = pause_seconds
        self._retry_seconds = retry_seconds
        self._typed: list[str] = []
        self._seen = False
        self.ready = anyio.Event()

    async def run(self) -> bool:
        """Follow the session until it is no more, through losses of the terminal.

        `ready` is set once nothing is missed any more. True when it was seen to end, False when
        it was not there.
        """
        while True:
            try:
                async with self._terminal.watch(self._session_id, typing=True) as watch:
                    await self._begin()
                    await self._until_ended(watch)
                    return True
            except NotFoundError:
                return self._seen
            except TerminalError:
                await anyio.sleep(self._retry_seconds)

    async def _begin(self) -> None:
        self._seen = True
        if self._cursor is None:
            self._cursor = await self._reader.cursor(self._session_id)
            self.ready.set()
        else:
            self.ready.set()
            await self.look()

    async def _until_ended(self, watch: Watch) -> None:
        """Look whenever something happens."""
        while True:
            while True:
                happening = await watch.next()
                match happening:
                    case SessionEnded():
                        return
                    case TextTyped():
                        self._typed.append(happening.text)
                    case _:
                        pass
                if not watch.waiting():
                    break
            if not isinstance(happening, TerminalLost | TextTyped):
                await self.look()
                await anyio.sleep(self._pause_seconds)

    async def look(self) -> None:
        """Look once at what was printed since the last look, after `run` was cancelled too.

        Raises:
            NotFoundError, TerminalError: The session, or the terminal, is not there.
        """
        if self._cursor is None:
            return  # nothing was followed yet
        reading = await self._reader.since(self._session_id, self._cursor, max_lines=WINDOW_LINES)
        rows = reading.lines.lines
        lines, start = _joined(rows)
        typed, self._typed = tuple(self._typed), []
        self._cursor = self._line_start(reading, start)
        await self._see(
            Stretch(
                tuple(lines[:-1]),
                lines[-1] if lines else "",
                reading.lost + reading.more_before,
                reading.cleared,
                reading.full_screen,
                typed,
                self._cursor,
            )
        )

    def _line_start(self, reading: Reading, start: int) -> Cursor:
        """Return where the line begins whose first row is the one of this index."""
        cursor = self._cursor
        if not reading.lines.lines:
            return reading.cursor
        line = reading.lines.first + start
        if not start and cursor is not None and cursor.line == line and not reading.cleared:
            return cursor  # which may stand amid the row
        return reading.cursor_at(line, 0)


def _joined(rows: tuple[OutputLine, ...]) -> tuple[list[str], int]:
    """Return the lines that rows make up, and the index of the last line's first row."""
    lines: list[str] = []
    start, goes_on = 0, False
    for number, row in enumerate(rows):
        if goes_on:
            lines[-1] += row.text
        else:
            lines.append(row.text)
            start = number
        goes_on = row.wrapped
    return lines, start
