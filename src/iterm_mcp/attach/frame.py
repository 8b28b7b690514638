"""What a terminal shows, as cells, and the bytes that turn one such picture into another. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Cell = tuple[str, str]
"""A cell's text, and its style as SGR parameters; the second half of a wide one has no text."""

BLANK: Cell = (" ", "")


@dataclass(slots=True)
class Frame:
    """A picture of so many columns and rows.

    Attributes:
        cursor: Column and row from 0, or None when it is hidden.
    """

    columns: int
    rows: int
    cursor: tuple[int, int] | None = None
    cells: list[list[Cell]] = field(init=False)

    def __post_init__(self) -> None:
        self.cells = [[BLANK] * self.columns for _ in range(self.rows)]

    def put(self, x: int, y: int, cells: Sequence[Cell], width: int) -> None:
        """Write cells from a place on, no further than `width` columns or the edge."""
        room = min(width, self.columns - x)
        if room <= 0 or not 0 <= y < self.rows:
            return
        part = list(cells[:room])
        if len(cells) > room and not cells[room][0]:
            part[-1] = (" ", part[-1][1])  # a wide one that would be cut in two
        self.cells[y][x : x + len(part)] = part

    def text(self) -> list[str]:
        """Return the rows without their styles."""
        return ["".join(text for text, _ in row).rstrip() for row in self.cells]


def cells_of(text: str, style: str = "") -> list[Cell]:
    """Return plain text as cells; what cannot be printed is left out."""
    found: list[Cell] = []
    for one in text:
        if one.isprintable():
            found.append((one, style))
            if east_asian_width(one) in "WF":
                found.append(("", style))
    return found


def changes(old: Frame | None, new: Frame) -> bytes:
    """Return what a terminal that shows `old` must be sent to show `new`; empty when nothing.

    Without an old frame of the same size everything is drawn. The terminal shows all of it at
    once, where it knows synchronized output.
    """
    if old is not None and (old.columns, old.rows) != (new.columns, new.rows):
        old = None
    pieces: list[str] = [] if old else ["\x1b[0m\x1b[2J"]
    style = ""
    for y, row in enumerate(new.cells):
        before = old.cells[y] if old else [BLANK] * new.columns
        if row == before:
            continue
        at = -1
        for x in _differing(before, row):
            text, wanted = row[x]
            if x != at:
                pieces.append(f"\x1b[{y + 1};{x + 1}H")
            if wanted != style:
                pieces.append(f"\x1b[0;{wanted}m" if wanted else "\x1b[0m")
                style = wanted
            pieces.append(text)
            # Terminals differ in how wide they think some characters are: do not rely on it.
            at = x + 1 if text.isascii() else -1
    if not pieces and old is not None and old.cursor == new.cursor:
        return b""
    if style:
        pieces.append("\x1b[0m")
    if new.cursor is None:
        pieces.append("\x1b[?25l")
    else:
        x, y = new.cursor
        pieces.append(f"\x1b[{y + 1};{x + 1}H\x1b[?25h")
    return ("\x1b[?2026h\x1b[?25l" + "".join(pieces) + "\x1b[?2026l").encode()


def _differing(before: Sequence[Cell], row: Sequence[Cell]) -> Iterator[int]:
    """Yield the columns to write; halves of wide characters go with their first half."""
    for x, (old, new) in enumerate(zip(before, row, strict=True)):
        tail_differs = x + 1 < len(row) and not row[x + 1][0] and before[x + 1] != row[x + 1]
        if new[0] and (old != new or tail_differs):
            yield x
