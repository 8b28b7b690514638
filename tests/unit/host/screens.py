"""An engine that is easily looked at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from iterm_mcp.host.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.osc import OscEvent


class Screen(Engine):
    """An engine that keeps its events and is read in a word."""

    def __init__(self, columns: int = 20, rows: int = 4, *, scrollback: int = 100) -> None:
        self.events: list[OscEvent] = []
        super().__init__(columns, rows, scrollback=scrollback, on_osc=self.events.append)

    @property
    def top(self) -> int:
        """The absolute line of the screen's first row."""
        return self.overflow + self.history

    def texts(self) -> list[str]:
        """All lines that are kept."""
        return [line.text for line in self.lines(0, 1 << 30, styles=False)]

    def screen(self) -> list[str]:
        return [line.text for line in self.lines(self.top, self.rows, styles=False)]


@contextmanager
def opened(columns: int = 20, rows: int = 4, *, scrollback: int = 100) -> Iterator[Screen]:
    screen = Screen(columns, rows, scrollback=scrollback)
    try:
        yield screen
    finally:
        screen.close()
