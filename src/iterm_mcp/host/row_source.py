"""What the cells of a row only point to, asked of the terminal that holds the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host.styles import decode_style

if TYPE_CHECKING:
    from iterm_mcp.host.emulator import Terminal
    from iterm_mcp.host.lines import Style


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
