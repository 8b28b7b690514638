"""What the cells of a row only point to, asked of the terminal that holds the row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from iterm_mcp.host.cells import build_lines
from iterm_mcp.host.styles import decode_style

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from iterm_mcp.host.emulator import Rows, Terminal
    from iterm_mcp.host.lines import Line, Style

    T = TypeVar("T")
    Source = Callable[[int], "RowSource"]
    Make = Callable[[Rows, Source], list[T]]
    """Makes one thing of each row of a page; the source is asked by the row's place in it."""


class RowSource:
    """One row of a terminal, for `cells.build_line`."""

    __slots__ = ("_row", "_terminal")

    def __init__(self, terminal: Terminal, row: int) -> None:
        self._terminal = terminal
        self._row = row

    def cluster(self, column: int) -> str:
        """Return all code points of a cell."""
        return self._terminal.cluster(column, self._row)

    def style(self, column: int) -> Style:
        """Return a cell's style, without its link."""
        return decode_style(self._terminal.style_record(column, self._row))

    def linked_style(self, column: int) -> Style:
        """Return a cell's style, with its link."""
        record = self._terminal.style_record(column, self._row)
        return decode_style(record, self._terminal.link(column, self._row))


def read_rows(terminal: Terminal, first: int, count: int, make: Make[T]) -> list[T]:
    """Return what is made of rows of the active screen and its history; all must exist."""
    found: list[T] = []
    for rows in terminal.rows(first, count):
        found += make(rows, partial(_source, terminal, rows.first))
    return found


def lines_of(rows: Rows, source: Source, *, styles: bool, erased: bool) -> list[Line]:
    """Return a page's rows as lines; see `build_line`."""
    return build_lines(rows.cells, rows.flags, source, styles=styles, erased=erased)


def _source(terminal: Terminal, first: int, row: int) -> RowSource:
    return RowSource(terminal, first + row)
