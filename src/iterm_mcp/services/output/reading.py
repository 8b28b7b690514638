"""Reading what sessions have printed: from a cursor, by line numbers, from either end."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.cursors import Cursor
from iterm_mcp.models.output import OutputLine, OutputLines
from iterm_mcp.services.output.pages import PAGE_LINES, read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import OutputView
    from iterm_mcp.services.output.patterns import Patterns
    from iterm_mcp.terminal.protocol import Terminal

MAX_LINES = 5000
"""Rows that one reading returns at most."""

GLANCE_LINES = 250
"""Rows behind a cursor that are read before it is known how many there are."""

_NO_ANCHOR = "0000"
_TAIL = 8  # characters of a session's id in a cursor


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of output.

    Attributes:
        lines: The rows, in order.
        cursor: Where the output ends now: give it back to read what comes after.
        around: The same rows whole, and the one before them if it is kept.
        lost: Rows that should have come before these, but left the scrollback unread.
        cleared: The screen was cleared, or drawn anew, since the cursor: what is returned is
            all that stands on it.
        more_before, more_after: Rows that exist on either side and were not asked for, or did
            not fit.
        full_screen: A full-screen program shows its own screen, which leaves no scrollback.
    """

    session_id: SessionId
    lines: OutputLines
    cursor: Cursor
    around: OutputLines
    lost: int = 0
    cleared: bool = False
    more_before: int = 0
    more_after: int = 0
    full_screen: bool = False

    def cursor_at(self, line: int, column: int) -> Cursor:
        """Return the cursor at a cell of these rows."""
        return cursor_at(self.session_id, line, column, self.around.at(line - 1))


class Reader:
    """Reads one session after the other; keeps nothing."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def since(
        self, session_id: SessionId, cursor: Cursor, *, max_lines: int, styles: bool = False
    ) -> Reading:
        """Return what was printed after a cursor; the newest lines if it is too much.

        Raises:
            InvalidRequestError: The cursor is another session's.
        """
        own_cursor(session_id, [cursor])
        view = await self._terminal.view_output(
            session_id, _above(cursor.line), min(max_lines, GLANCE_LINES) + 1, styles=styles
        )
        span, end = view.span, view.cursor.line
        start, column = cursor.line, cursor.column
        cleared = _is_cleared(cursor, view)
        if cleared:
            start, column = max(span.first, span.screen), 0
        lost = max(0, span.first - start)
        start = max(start, span.first)
        first = max(start, end + 1 - max_lines)
        rows = await self._around(session_id, view, first, end + 1, styles=styles)
        lines = rows.part(first, end + 1)
        if first == cursor.line == lines.first and lines.lines and column:
            lines = _without_read(lines, column)
        return Reading(
            session_id,
            lines,
            _end_cursor(session_id, view, rows),
            rows,
            lost=lost,
            cleared=cleared,
            more_before=first - start,
            full_screen=view.full_screen,
        )

    async def tail(self, session_id: SessionId, *, max_lines: int, styles: bool = False) -> Reading:
        """Return the last rows of a session's output."""
        view = await self._terminal.view_output(session_id, None, max_lines + 1, styles=styles)
        end = view.cursor.line + 1
        first = max(view.span.first, end - max_lines)
        rows = await self._around(session_id, view, first, end, styles=styles)
        lines = rows.part(first, end)
        return Reading(
            session_id,
            lines,
            _end_cursor(session_id, view, rows),
            rows,
            more_before=max(0, lines.first - view.span.first),
            full_screen=view.full_screen,
        )

    async def lines(
        self, session_id: SessionId, first: int | None, *, max_lines: int, styles: bool = False
    ) -> Reading:
        """Return rows by absolute number, or from the oldest that is kept on."""
        view = await self._terminal.view_output(session_id, first or 0, max_lines, styles=styles)
        span, last = view.span, view.cursor.line
        start = span.first if first is None else max(first, span.first)
        end = max(start, min(last + 1, start + max_lines))
        lines = await read_rows(
            self._terminal, session_id, start, end, styles=styles, held=view.lines
        )
        cursor = (
            _end_cursor(session_id, view, lines)
            if lines.at(last - 1) is not None
            else await self.cursor_at(session_id, last, view.cursor.column)
        )
        return Reading(
            session_id,
            lines,
            cursor,
            lines,
            lost=0 if first is None else max(0, span.first - first),
            more_before=start - span.first,
            more_after=max(0, last + 1 - lines.end),
            full_screen=view.full_screen,
        )

    async def cursor(self, session_id: SessionId) -> Cursor:
        """Return the place where a session's output ends now."""
        screen = await self._terminal.read_screen(session_id)
        line, row = screen.first_line + screen.cursor_row, screen.cursor_row
        if row:
            before = OutputLine(screen.lines[row - 1])
            return cursor_at(session_id, line, screen.cursor_column, before)
        return await self.cursor_at(session_id, line, screen.cursor_column)

    async def cursor_at(self, session_id: SessionId, line: int, column: int) -> Cursor:
        """Return a cell as a cursor."""
        page = await self._terminal.read_lines(session_id, line - 1, 1) if line else None
        return cursor_at(session_id, line, column, page.at(line - 1) if page else None)

    async def search(
        self, session_id: SessionId, patterns: Patterns, *, context: int, max_matches: int
    ) -> tuple[list[OutputLines], int]:
        """Return the newest rows that match, each with rows around it, and how many there are.

        A wrapped line is searched row by row.
        """
        span = await self._terminal.line_range(session_id)
        found: list[int] = []
        rows: dict[int, OutputLine] = {}
        at = span.first
        while at < span.end:
            page = await self._terminal.read_lines(session_id, at, min(PAGE_LINES, span.end - at))
            if not page.lines:
                break
            for number, row in enumerate(page.lines, page.first):
                rows[number] = row
                if patterns.first(row.text) is not None:
                    found.append(number)
            at = page.end
        groups: list[OutputLines] = []
        for number in found[-max_matches:]:
            first = max(min(rows), number - context)
            around = [rows[one] for one in range(first, number + context + 1) if one in rows]
            if groups and first <= groups[-1].end:
                fresh = around[groups[-1].end - first :]
                groups[-1] = OutputLines(groups[-1].first, (*groups[-1].lines, *fresh))
            else:
                groups.append(OutputLines(first, tuple(around)))
        return groups, len(found)

    async def _around(
        self, session_id: SessionId, view: OutputView, first: int, end: int, *, styles: bool
    ) -> OutputLines:
        """Return the rows up to `end`, from the one before `first` on if it is kept."""
        start = max(_above(first), view.span.first)
        return await read_rows(
            self._terminal, session_id, start, end, styles=styles, held=view.lines
        )


def own_cursor(session_id: SessionId, cursors: Sequence[Cursor]) -> Cursor:
    """Return a session's own among the cursors of several.

    Raises:
        InvalidRequestError: None is.
    """
    for cursor in cursors:
        if cursor.session == _tail(session_id):
            return cursor
    raise InvalidRequestError(
        f"no cursor belongs to session {session_id}",
        hint="Use each session's own cursor; read without since to get one.",
        code="bad_cursor",
    )


def cursor_at(session_id: SessionId, line: int, column: int, before: OutputLine | None) -> Cursor:
    """Return the cursor at a cell, given the whole row before its row if there is one."""
    return Cursor(_tail(session_id), line, column, anchor_of(before))


def anchor_of(row: OutputLine | None) -> str:
    """Return the check sum of a row; zeros when there is none."""
    if row is None:
        return _NO_ANCHOR
    return f"{zlib.crc32(row.text.rstrip().encode()) & 0xFFFF:04x}"


def _above(line: int) -> int:
    return max(0, line - 1)


def _end_cursor(session_id: SessionId, view: OutputView, rows: OutputLines) -> Cursor:
    """Return where the output ends, given the row above it if there is one."""
    line, column = view.cursor.line, view.cursor.column
    return cursor_at(session_id, line, column, rows.at(line - 1))


def _is_cleared(cursor: Cursor, view: OutputView) -> bool:
    """Tell whether what stood before a cursor is not there any more, though not lost."""
    if cursor.line > view.cursor.line:
        return True
    if cursor.line - 1 < view.span.first:
        return False
    return anchor_of(view.lines.at(cursor.line - 1)) != cursor.anchor


def _tail(session_id: SessionId) -> str:
    return session_id[-_TAIL:].lower()


def _without_read(lines: OutputLines, column: int) -> OutputLines:
    """Leave out what stands left of a column in the first row."""
    row = lines.lines[0]
    rest = OutputLine(row.text[row.offset(column) :], row.wrapped)
    return OutputLines(lines.first, (rest, *lines.lines[1:]))
