"""Reading many rows of a session, so many at a time that no answer is huge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.output import OutputLine, OutputLines

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.terminal.protocol import Terminal

PAGE_LINES = 2000
"""Rows asked for at a time."""


async def read_rows(
    terminal: Terminal,
    session_id: SessionId,
    first: int,
    end: int,
    *,
    styles: bool = False,
    held: OutputLines | None = None,
) -> OutputLines:
    """Return the rows from `first` up to, but not including, `end`, as far as they are there.

    Rows that are lost, also while others are read, are left out with all before them, so that
    what is returned has no gap.

    Args:
        held: Rows that were just read, and are not asked for again.
    """
    held = held or OutputLines(end, ())
    rows: list[OutputLine] = []
    start = at = first
    while at < end:
        if held.first <= at < held.end:
            page = held.part(at, end)
        else:
            stop = held.first if at < held.first else end
            count = min(PAGE_LINES, stop - at, end - at)
            page = await terminal.read_lines(session_id, at, count, styles=styles)
        if not page.lines:
            kept = (await terminal.line_range(session_id)).first
            if kept <= at:
                break
            rows, start, at = [], kept, kept  # all of these are lost
            continue
        if page.first > at:
            rows, start = [], page.first
        rows.extend(page.lines)
        at = page.end
    return OutputLines(start, tuple(rows))
