"""Views made of what a program prints."""

from __future__ import annotations

from tests.unit.host.screens import opened

from iterm_mcp.host.rendering.view import Cursor, View


def view_of(printed: str, *, columns: int = 40, rows: int = 4, cursor: bool = False) -> View:
    """Return what a terminal shows after a program has printed this; ``\\n`` starts a line."""
    with opened(columns, rows, scrollback=0) as screen:
        screen.feed(printed.replace("\n", "\r\n").encode())
        column, line = screen.cursor
        lines = screen.lines(screen.top, rows, styles=True, erased=True)
        return View(lines, columns, Cursor(column, line - screen.top) if cursor else None)
