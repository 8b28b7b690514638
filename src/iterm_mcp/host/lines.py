"""What a row of the terminal looks like, as plain values.

A row is cells. `Line.text` is their text run together; `Line.cells` says how many code points
each cell contributed, so that a column can be found in the text; `Line.styles` says what they
look like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell looks. Every kind of underline (double, curly ...) counts as `underline`."""

    foreground: Color = DEFAULT_COLOR
    background: Color = DEFAULT_COLOR
    bold: bool = False
    faint: bool = False
    italic: bool = False
    blink: bool = False
    underline: bool = False
    strikethrough: bool = False
    invisible: bool = False
    inverse: bool = False
    underline_color: Color | None = None
    url: str | None = None


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class StyleRun:
    """So many neighbouring cells with one style; `cells` is at least 1."""

    style: Style
    cells: int


@dataclass(frozen=True, slots=True)
class Line:
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
