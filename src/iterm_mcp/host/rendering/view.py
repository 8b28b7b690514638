"""What there is to be drawn, as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Literal

from iterm_mcp.host.lines import PLAIN
from iterm_mcp.host.rendering.palette import DARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterm_mcp.host.lines import Line, Style
    from iterm_mcp.host.rendering.palette import Colors

CursorShape = Literal["block", "bar", "underline"]

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
"""Controls, what turns the direction of text, and what XML does not allow."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the cursor stands: `row` counts from the view's first line."""

    column: int
    row: int
    shape: CursorShape = "block"


@dataclass(frozen=True, slots=True)
class View:
    """Lines of one session, with their styles, at one moment.

    Attributes:
        columns: How wide the screen is; a line is as wide or narrower.
        cursor: None when the program hides it.
    """

    lines: Sequence[Line]
    columns: int
    cursor: Cursor | None = None
    colors: Colors = field(default=DARK)


@dataclass(frozen=True, slots=True)
class Glyph:
    """What one cell shows, or two when it is wide.

    `text` is a space when there is nothing to see; it holds no control characters.
    """

    column: int
    text: str
    width: int
    style: Style


def glyphs(line: Line, columns: int) -> Iterator[Glyph]:
    """Yield what a line shows, from the left, up to its last written cell.

    Cells beyond `columns` are left out, and a wide character that would stand half beyond
    them is a space.
    """
    sizes = [points for points, repeats in line.cells for _ in range(repeats)]
    looks: list[Style] = []
    for run in line.styles:
        looks.extend(repeat(run.style, run.cells))
    looks.extend(repeat(PLAIN, len(sizes) - len(looks)))
    at = column = 0
    while column < min(len(sizes), columns):
        size = sizes[column]
        wide = column + 1 < len(sizes) and size > 0 and sizes[column + 1] == 0
        text = seen(line.text[at : at + size])
        width = 2 if wide and column + 1 < columns else 1
        if wide and width == 1:
            text = " "
        yield Glyph(column, text or " ", width, looks[column])
        at += size
        column += 1 + wide


def seen(text: str) -> str:
    """Return text without the characters that must not appear in a picture."""
    return _UNSEEN.sub("", text)
