"""What a screen shows, as output that shows it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.host.rendering.text import render_ansi
from iterm_mcp.host.rendering.view import View

if TYPE_CHECKING:
    from iterm_mcp.host.engine import Engine

_BEGINNINGS = {
    alternate: f"\x1b[m\x1b[?1049{'h' if alternate else 'l'}\x1b[?6l\x1b[r\x1b[H\x1b[2J"
    for alternate in (False, True)
}
"""No style, the right screen, no margins, and nothing on it."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen at one moment. It may be drawn in another thread.

    Attributes:
        column, row: Where the cursor stands, counted from 0.
        alternate: Whether it is the alternate screen.
    """

    view: View
    columns: int
    rows: int
    column: int
    row: int
    alternate: bool
    cursor_shown: bool

    @classmethod
    def of(cls, engine: Engine) -> Screen:
        """Return what an emulator shows."""
        top = engine.overflow + engine.history
        column, line = engine.cursor
        return cls(
            View(engine.lines(top, engine.rows, styles=True, erased=True), engine.columns),
            engine.columns,
            engine.rows,
            min(column, engine.columns - 1),
            max(0, line - top),
            engine.alternate_screen,
            engine.cursor_look is not None,
        )

    def draw(self) -> str:
        """Return the output. Modes and styles that a program has set are not part of it."""
        lines = render_ansi(self.view).rstrip("\n").replace("\n", "\r\n")
        place = f"\x1b[{self.row + 1};{self.column + 1}H"
        shown = "\x1b[?25h" if self.cursor_shown else "\x1b[?25l"
        return f"{_BEGINNINGS[self.alternate]}{lines}{place}{shown}"


def is_drawn(output: str) -> bool:
    """Tell whether output is such a screen."""
    return output.startswith(tuple(_BEGINNINGS.values()))
