"""The primary screen, reached while the alternate one is shown.

The emulator lets only the shown screen be read. Mode 47 switches without touching the contents,
but it is a sequence, which must not fall into the middle of another, and it takes the cursor
along. So where the primary screen's cursor was left is kept here: which lines a lower screen
gives up depends on it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.emulator import Terminal

_CANCEL = b"\x18"
_ORIGIN_MODE = 6
_SHOW, _SHOW_OTHER = b"\x1b[?47l", b"\x1b[?47h"


class PrimaryScreen:
    """The primary screen of one terminal.

    Attributes:
        left: Where its cursor was left, as column and row.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.left = (0, 0)

    def note_cursor(self) -> None:
        """Keep where the cursor is now: the program may be about to leave this screen."""
        if not self._terminal.alternate:
            self.left = self._terminal.cursor()[:2]

    @contextmanager
    def at_ground(self) -> Iterator[None]:
        """Let the terminal forget for a moment what is half received, if that is in the way.

        Half a character in the alternate screen is not forgotten, but shown as one that is wrong.
        """
        terminal = self._terminal
        pending = terminal.pending if terminal.alternate else b""
        if pending:
            terminal.write(_CANCEL)
        yield
        if pending:
            terminal.write(pending)

    @contextmanager
    def shown(self) -> Iterator[bool]:
        """Show it for a moment; yield whether it could be reached."""
        terminal = self._terminal
        if not terminal.alternate:
            yield True
            return
        if not terminal.at_ground:
            yield False
            return
        was_set = terminal.mode(47)
        with terminal.unnoticed():
            terminal.write(_SHOW)
            try:
                yield True
            finally:
                terminal.write(_SHOW_OTHER)
                terminal.set_mode(47, on=was_set)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Show it with its own cursor, as far as it can be reached, while the size changes.

        Afterwards the alternate screen's cursor is where the change of size has moved it; that
        the next character wraps is forgotten.
        """
        terminal = self._terminal
        if not (terminal.alternate and terminal.at_ground):
            yield
            return
        was_set = terminal.mode(47)
        column, row, _ = terminal.cursor()
        other = terminal.track(column, row)
        terminal.write(_SHOW)
        self._place(*self.left)
        try:
            yield
        finally:
            self.left = terminal.cursor()[:2]
            terminal.write(_SHOW_OTHER)
            terminal.set_mode(47, on=was_set)
            self._place(*(other.position() or (column, row)))
            other.free()

    def _place(self, column: int, row: int) -> None:
        """Put the cursor there, whatever margins there are."""
        terminal = self._terminal
        relative = terminal.mode(_ORIGIN_MODE)
        terminal.set_mode(_ORIGIN_MODE, on=False)
        terminal.write(b"\x1b[%d;%dH" % (row + 1, column + 1))
        terminal.set_mode(_ORIGIN_MODE, on=relative)
