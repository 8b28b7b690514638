"""What was typed at a prompt, read from the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host.lines import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.host.engine import Engine
    from iterm_mcp.host.lines import Line
    from iterm_mcp.host.prompts import Span

MAX_LINES = 1000
"""Of a longer command only the beginning is read."""


def text_between(engine: Engine, span: Span, without: Sequence[Span] = ()) -> str:
    """Return the text from one place up to another, without the spans that lie inside.

    Wrapped rows are one line. Blanks at the end of a line, and empty lines at the end, are left
    out: on a screen they cannot be told from nothing.
    """
    first = max(span.start.line, engine.overflow)
    count = min(span.end.line - first + 1, MAX_LINES)
    text = ""
    for number, line in enumerate(engine.lines(first, count, styles=False), first):
        shown = "".join(_pieces(line, number, span, without)).replace("\0", " ")
        whole = number != span.end.line
        text += shown if line.soft_wrapped and whole else shown.rstrip(" ") + "\n"
    return text.rstrip("\n")


def _pieces(line: Line, number: int, span: Span, without: Sequence[Span]) -> list[str]:
    """Return the parts of a row that lie in the span, but in none of the others."""
    left = span.start.column if number == span.start.line else 0
    right = span.end.column if number == span.end.line else line.width
    pieces = []
    for hole in sorted(without):
        if hole.start.line <= number <= hole.end.line:
            begin = hole.start.column if hole.start.line == number else 0
            end = hole.end.column if hole.end.line == number else line.width
            pieces.append(cut(line, left, max(left, min(begin, right))).text)
            left = max(left, end)
    return [*pieces, cut(line, left, max(left, right)).text]
