"""What a row of the terminal looks like, as plain values.

A row is cells. `Line.text` is their text run together; `Line.cells` says how many code points
each cell contributed, so that a column can be found in the text; `Line.styles` says what they
look like. Lines and their runs are made by the thousand, and so are tuples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class Color:
    """A colour as the program chose it, not as a theme shows it.

    Attributes:
        kind: ``default`` (the session's own), ``palette`` or ``rgb``.
        value: The palette index 0-255, or 0xRRGGBB; 0 for ``default``.
    """

    kind: Literal["default", "palette", "rgb"]
    value: int = 0


DEFAULT_COLOR = Color("default")


UnderlineShape = Literal["single", "double", "curly", "dotted", "dashed"]


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell looks. `underline_shape` says which line it is when `underline` is set."""

    foreground: Color = DEFAULT_COLOR
    background: Color = DEFAULT_COLOR
    bold: bool = False
    faint: bool = False
    italic: bool = False
    blink: bool = False
    underline: bool = False
    underline_shape: UnderlineShape = "single"
    strikethrough: bool = False
    overline: bool = False
    invisible: bool = False
    inverse: bool = False
    underline_color: Color | None = None
    url: str | None = None


PLAIN = Style()


class StyleRun(NamedTuple):
    """So many neighbouring cells with one style; `cells` is at least 1."""

    style: Style
    cells: int


class Line(NamedTuple):
    """One row.

    Attributes:
        text: The cells' text. Cells that were never written, or were erased, are dropped at the
            end of the row and stand as U+0000 inside it; spaces that were written are kept.
        cells: Runs of (code points per cell, how many cells). A wide character is its own cell
            and then one of 0 code points.
        styles: Covers the same cells as `cells`; empty unless it was asked for.
        soft_wrapped: The text goes on in the next row.
    """

    text: str
    cells: tuple[tuple[int, int], ...] = ()
    styles: tuple[StyleRun, ...] = ()
    soft_wrapped: bool = False

    @property
    def width(self) -> int:
        """How many cells `text` covers."""
        return sum(repeats for _, repeats in self.cells)


def cut(line: Line, left: int, right: int | None, *, spaces: bool = True) -> Line:
    """Return the cells of a row from `left` up to, but not including, `right`.

    A part that ends at `right`, and not because nothing more was written, goes on in the row
    itself: it is soft-wrapped.

    Args:
        spaces: Whether spaces at the end are text; else they are left out like empty cells.
    """
    widths = [points for points, repeats in line.cells for _ in range(repeats)]
    stop = len(widths) if right is None else min(max(right, left), len(widths))
    soft_wrapped = line.soft_wrapped or (right is not None and max(right, left) <= len(widths))
    left = min(left, stop)
    text = line.text[sum(widths[:left]) : sum(widths[:stop])]
    if not spaces and (shown := text.rstrip(" \0")) != text:
        stop -= len(text) - len(shown)
        text, soft_wrapped = shown, line.soft_wrapped
    runs = [StyleRun(run.style, 1) for run in line.styles for _ in range(run.cells)][left:stop]
    cells = tuple((points, 1) for points in widths[left:stop])
    return Line(text, cells, tuple(runs), soft_wrapped)
