"""Reading a stretch of a session's output as text, exactly and within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.commands import Excerpt
from iterm_mcp.services.output.pages import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.output import OutputLines, Span
    from iterm_mcp.terminal.protocol import Terminal


async def read_excerpt(
    terminal: Terminal,
    session_id: SessionId,
    span: Span,
    *,
    max_lines: int,
    held: OutputLines | None = None,
) -> Excerpt:
    """Return the end of a stretch of output, at most so many rows of it.

    Args:
        span: From a cell up to, but not including, another one.
        max_lines: Rows to return, 1 or more; those before them count as left out.
        held: Rows that were just read.
    """
    start, end = span.start, span.end
    last = end.line + (1 if end.column else 0)  # one more than the last row with a cell in it
    wanted = max(start.line, last - max_lines)
    read = await read_rows(terminal, session_id, wanted, last, held=held)
    rows, first = read.lines, read.first
    lost, left_out = 0, wanted - start.line
    if first > wanted or (left_out and not rows):
        lost, left_out = first - start.line, 0
    elif left_out:
        kept = (await terminal.line_range(session_id)).first
        lost = max(0, kept - start.line)
        left_out -= min(lost, left_out)
    texts = [row.text for row in rows]
    if texts and end.column and read.end == last:
        texts[-1] = texts[-1][: rows[-1].offset(end.column)]
    if texts and start.column and first == start.line:
        texts[0] = texts[0][rows[0].offset(start.column) :]
    wrapped = [row.wrapped for row in rows]
    return Excerpt(
        join(zip(texts, wrapped, strict=True)),
        first,
        read.end,
        lost,
        left_out,
        last_width=rows[-1].width if rows else 0,
        last_wrapped=bool(rows) and rows[-1].wrapped,
    )


def join(rows: Iterable[tuple[str, bool]]) -> str:
    """Return rows as text: one that is wrapped goes on in the next without a newline."""
    pieces: list[str] = []
    open_line = True
    for text, wrapped in rows:
        if not open_line:
            pieces.append("\n")
        pieces.append(text)
        open_line = wrapped
    return "".join(pieces)
