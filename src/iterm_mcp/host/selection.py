"""What is selected in a session. Pure, but for reading the text.

Nobody drags a mouse here: a selection is what a client has set, until it sets another or its
lines are lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.host.lines import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterm_mcp.host.engine import Engine
    from iterm_mcp.host.lines import Line

MAX_LINES = 10_000
"""Of a longer selection, all parts together, only the beginning is read as text."""

MAX_PARTS = 1000
"""A selection has no more parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of cells.

    Attributes:
        start, end: Column and absolute line; the end is not included.
        columns: Location and length of the columns that it is limited to; no length, no limit.
        mode: How it was selected, in the wire's numbers.
        connected: It follows the part before it without a break.
    """

    start: tuple[int, int]
    end: tuple[int, int]
    columns: tuple[int, int] = (0, 0)
    mode: int = 0
    connected: bool = False

    def fits(self, width: int) -> bool:
        """Tell whether it can lie on a screen so wide."""
        location, length = self.columns
        if min(*self.start, *self.end, location, length) < 0:
            return False
        return max(self.start[0], self.end[0], location + length) <= width


def remaining(parts: Sequence[Part], overflow: int) -> list[Part]:
    """Return the parts of which some line is not lost yet."""
    return [one for one in parts if one.end[1] >= overflow]


def text(engine: Engine, parts: Sequence[Part]) -> str:
    """Return what is selected, as it would be copied: wrapped rows are one line."""
    shown: list[str] = []
    left = MAX_LINES
    for index, part in enumerate(parts):
        if index and not part.connected:
            shown.append("\n")
        first = max(part.start[1], engine.overflow)
        last = part.end[1] if part.end[0] else part.end[1] - 1
        lines = engine.lines(first, min(last - first + 1, left), styles=False)
        left -= len(lines)
        shown += _text_of(lines, first, last, part)
    return "".join(shown)


def _text_of(lines: Sequence[Line], first: int, last: int, part: Part) -> Iterator[str]:
    """Yield the lines of one part that were read; its last row is `last`."""
    whole = ""
    for number, line in enumerate(lines, first):
        piece = _piece(line, number, part)
        whole += piece.text.replace("\0", " ")
        if number != last and not (piece.soft_wrapped and not part.columns[1]):
            yield whole.rstrip(" ") + "\n"
            whole = ""
    yield whole


def _piece(line: Line, number: int, part: Part) -> Line:
    location, length = part.columns
    left = part.start[0] if number == part.start[1] else 0
    right = part.end[0] if number == part.end[1] else None
    if length:
        left = max(left, location)
        right = location + length if right is None else min(right, location + length)
    return cut(line, left, right)
