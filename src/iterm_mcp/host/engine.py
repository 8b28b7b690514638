"""A terminal's inside: bytes in, lines and events out.

Line numbers are absolute and follow iTerm2's arithmetic: of all lines that ever scrolled off
the screen, `Engine.overflow` have been dropped and `Engine.history` are kept, so row `r` of the
screen is line ``overflow + history + r``. The number of a line that is still there never
changes, except when a change of width wraps the text anew. Lines that a program clears
(``CSI 3 J``, ``ESC c``) count as dropped, so that numbers never run backwards.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from iterm_mcp.host.closed_terminal import ClosedTerminal, EngineClosedError
from iterm_mcp.host.emulator import Terminal
from iterm_mcp.host.engine_state import EngineState
from iterm_mcp.host.osc import OscEvent, OscScanner, parse_osc, stay_in_row
from iterm_mcp.host.primary_screen import PrimaryScreen
from iterm_mcp.host.row_source import lines_of, read_rows
from iterm_mcp.host.screen_switches import begins_switch, may_switch, switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from iterm_mcp.host.emulator import Tracked
    from iterm_mcp.host.lines import Line
    from iterm_mcp.host.render_state import CursorLook
    from iterm_mcp.host.row_source import Make, T

    OnOsc = Callable[[OscEvent], Iterable[bytes] | None]

__all__ = ["Engine", "EngineClosedError"]

TERMINAL_NAME = "iterm-mcp"

_MIN_SLICE = 1024
_MAX_SLICE = 1 << 16
_PAGE_BYTES = 1 << 19  # about what the emulator prunes at a time
_MAX_HEAVIER = 3.0
_BELL, _TERMINATOR = b"\x07", b"\x1b\\"
_DELETE = 0x7F
_HYPERLINK_CODE = 8  # links stay in the cells; their OSCs are many and nobody's business

_MOUSE_MODES = ((1003, 3), (1002, 2), (1000, 0), (9, 0))


class Engine:
    """One terminal: a primary screen with scrollback, and an alternate screen.

    It belongs to one thread. Any bytes are accepted; nothing that a program sends raises.

    Args:
        columns, rows: The size, each 1 to 65535.
        scrollback: How many lines above the screen are kept, at most; 0 for none. Lines that
            change colour in every word take more room, and somewhat fewer of them may be kept.
        on_osc: Called for each complete OSC but OSC 8 (links), while `feed` runs, just after
            the emulator has seen it. It may read the engine, not feed or close it. What it
            returns is taken in before what follows the OSC.

    Attributes:
        changes: While it stays the same, so do every line, the cursor and what can be read.
        upheavals: While it stays the same, so do those lines of the history that are kept.
    """

    def __init__(self, columns: int, rows: int, *, scrollback: int, on_osc: OnOsc) -> None:
        self.columns = columns
        self.rows = rows
        self._scrollback = scrollback
        self._on_osc = on_osc
        self._scanner = OscScanner()
        # The emulator must keep more rows than one slice of input can bring, or the row that
        # lines are counted from would be lost. What it keeps beyond `scrollback` is hidden.
        self._slice = max(_MIN_SLICE, min(scrollback, _MAX_SLICE))
        self._heavier = 1.0
        self._seams: tuple[int, ...] = ()  # lines where the emulator's pages end half empty
        self._terminal = Terminal(
            columns, rows, history_bytes=self._history_bytes(), name=TERMINAL_NAME
        )
        self._primary = PrimaryScreen(self._terminal)
        self._anchor = self._terminal.track(0, 0)  # the screen's first row when last counted
        self._base = 0  # the absolute line of the screen's first row
        self._kept = 0  # rows that the emulator keeps above it
        self._asked = -1  # `changes` when `take_changed` was last asked
        self.changes = 0
        self.upheavals = 0
        self.overflow = 0

    @property
    def history(self) -> int:
        """How many lines are kept above the screen; on the alternate screen, above the other."""
        return self._base - self.overflow

    def feed(self, data: bytes) -> None:
        """Take in what the program has written, cut anywhere."""
        self.changes += 1
        if self._scanner.passes(data):
            self._write(data)
            return
        start = 0
        for end, content in self._scanner.split(data):
            parsed = parse_osc(content)
            if parsed is None or parsed[0] == _HYPERLINK_CODE:
                continue
            self._write(stay_in_row(data[start:end], content))
            start = end
            ending = _BELL if data[end - 1 : end] == _BELL else _TERMINATOR
            for own in self._on_osc(OscEvent(*parsed, *self.cursor, ending)) or ():
                self._write(own)
        self._write(data[start:])

    def take_replies(self) -> bytes:
        """Return what the terminal answers to the program's questions, to be written to it.

        Questions for colours are not answered: `on_osc` hears them.
        At most 64 KiB are kept; answers that do not fit are lost, as on a real terminal whose
        program does not read.
        """
        return self._terminal.take_replies()

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's column and absolute line; the column is the width when a wrap pends."""
        column, row, wrap_pending = self._terminal.cursor()
        return column + wrap_pending, self._base + row

    @property
    def cursor_look(self) -> CursorLook | None:
        """The cursor's shape, or None while the program hides it."""
        return self._terminal.cursor_look()

    def colors(self) -> dict[str | int, int]:
        """Return the emulator's colours, 0xRRGGBB: ``foreground``, ``background`` and 0 to 255.

        ``cursor`` is there when a program has set it. In reverse video the first two have
        changed places. It knows of no profile.
        """
        return self._terminal.colors()

    def lines(self, first: int, count: int, *, styles: bool, erased: bool = False) -> list[Line]:
        """Return up to `count` lines from absolute line `first`, as far as they are kept.

        While the alternate screen is shown, its rows stand where the primary screen's were, and
        the history is that of the primary screen. It cannot be reached while a program is in
        the middle of an escape sequence; then only the screen's lines are returned. For
        `styles` and `erased` see `build_line`.
        """
        return self.read(first, count, partial(lines_of, styles=styles, erased=erased))

    def read(self, first: int, count: int, make: Make[T]) -> list[T]:
        """Return what `make` makes of the lines that `lines` would return, page by page."""
        end = min(first + count, self._base + self.rows)
        first = max(first, self.overflow)
        if end <= first:
            return []
        if first >= self._base or not self.alternate_screen:
            return self._read(first, end, make)
        above: list[T] = []
        with self._primary.shown() as reached:
            if reached:
                above = self._read(first, min(end, self._base), make)
        return above + self._read(self._base, end, make)

    def take_changed(self) -> bool:
        """Tell whether the visible screen or its cursor has changed since last asked.

        True at first. Costs ~2 µs after a `feed` or `resize`, nothing otherwise.
        """
        if self._asked == self.changes:
            return False
        self._asked = self.changes
        return self._terminal.take_changed()

    @property
    def alternate_screen(self) -> bool:
        """Whether the alternate screen is shown."""
        return self._terminal.alternate

    @property
    def mouse_mode(self) -> int:
        """What mouse events the program wants, in iTerm2's numbers.

        -1 none; 0 clicks (mode 1000, or 9); 2 drags too (1002); 3 all motion (1003).
        """
        if not self._terminal.tracks_mouse:
            return -1
        return next((value for mode, value in _MOUSE_MODES if self._terminal.mode(mode)), -1)

    @property
    def application_keypad(self) -> bool:
        """Whether the keypad sends application codes (DECKPAM)."""
        return self._terminal.mode(66)

    @property
    def application_cursor(self) -> bool:
        """Whether the cursor keys send application codes (DECCKM)."""
        return self._terminal.mode(1)

    @property
    def bracketed_paste(self) -> bool:
        """Whether pasted text must be marked as such."""
        return self._terminal.mode(2004)

    @property
    def reverse_video(self) -> bool:
        """Whether foreground and background have changed places (DECSCNM)."""
        return self._terminal.mode(5)

    @property
    def bell_count(self) -> int:
        """How often the bell has rung."""
        return self._terminal.bells

    def resize(
        self, columns: int, rows: int, *, follow: Sequence[tuple[int, int]] = ()
    ) -> list[tuple[int, int] | None]:
        """Change the size of both screens.

        A change of height moves lines between screen and history; they keep their numbers. A
        change of width wraps lines anew: the oldest line keeps its number, others may not.

        Args:
            follow: Columns and absolute lines of the primary screen and its history.

        Returns:
            Where each of `follow` stands now, or None where it is gone or was never there.
        """
        self.changes += 1
        self.upheavals += 1
        with self._primary.at_ground(), self._primary.active():
            return self._resize(columns, rows, follow)

    def compress(self) -> bool:
        """Compress a little more of an idle terminal's history; tell whether that is all.

        One call takes ~0.2 ms at most. Together they bring 10 000 lines from 6 MB to 1 MB.
        """
        return self._terminal.compress()

    def state(self) -> EngineState:
        """Return all that it holds, for `take_over`."""
        return EngineState(
            self._terminal.copy(),
            self._scanner.state(),
            self._terminal.bells,
            self._base,
            self._kept,
            self.overflow,
            self._heavier,
            self._primary.left,
            tuple(line for line in self._seams if line > self.overflow),
        )

    def take_over(self, state: EngineState) -> None:
        """Go on where another engine of this size and scrollback has stopped.

        Raises:
            EmulatorError: The other one had another version of the emulator.
        """
        self._anchor.free()
        try:
            self._terminal.take_over(state.terminal, bells=state.bells)
        finally:
            self._anchor = self._terminal.track(0, 0)
        self._scanner.take_over(state.scanner)
        self._base, self._kept, self.overflow = state.base, state.kept, state.overflow
        self._heavier, self._seams = state.heavier, (*state.seams, state.base)
        self._terminal.set_history_bytes(self._history_bytes())
        self._primary.left = state.left
        self.changes += 1
        self.upheavals += 1
        with self._primary.at_ground(), self._primary.shown():
            self._anchor.free()
            self._anchor = self._terminal.track(0, self._terminal.history_rows)

    def close(self) -> None:
        """Free the native memory. Any later use raises `EngineClosedError`; closing does not."""
        if isinstance(self._terminal, ClosedTerminal):
            return
        self.changes += 1
        self._anchor.free()
        self._terminal.close()
        self._terminal = cast("Terminal", ClosedTerminal())

    def _resize(
        self, columns: int, rows: int, follow: Sequence[tuple[int, int]]
    ) -> list[tuple[int, int] | None]:
        rewrapped = columns != self.columns
        with self._primary.shown() as reached:
            if reached:
                self._count()
            oldest = self._track(0, self.overflow) if reached and rewrapped else None
            marks = [self._mark(*place) if reached else None for place in follow]
        pull = self.history >= rows - self.rows  # hidden rows must not come back
        self.columns, self.rows = columns, rows
        self._terminal.set_history_bytes(self._history_bytes())
        self._terminal.resize(columns, rows, pull=pull)
        with self._primary.shown() as reached:
            if reached and oldest is not None:
                self._kept = self._terminal.history_rows
                self._renumber(self.overflow + self._kept - max(0, oldest.row()))
            elif reached:
                self._count()
            places = [mark and self._place(*mark) for mark in marks]
        for tracked in (oldest, *(mark[0] for mark in marks if mark)):
            if tracked is not None:
                tracked.free()
        return places

    def _write(self, data: bytes) -> None:
        """Write without OSC events; slices are small enough for lines to be counted exactly."""
        if _DELETE in data:
            data = data.replace(b"\x7f", b"")  # the emulator would show it
        if len(data) <= self._slice and not may_switch(data):
            self._terminal.write(data)
            self._count()
            if begins_switch(data):
                self._primary.note_cursor()
            return
        start = 0
        for cut in (*switches(data), len(data)):
            while start < cut:
                end = min(cut, start + self._slice)
                self._terminal.write(data[start:end])
                self._count()
                start = end
            self._primary.note_cursor()

    def _count(self) -> None:
        """Work out the line numbers from where the screen's former first row is now."""
        terminal = self._terminal
        if terminal.alternate:
            return  # the primary screen stands still meanwhile
        kept = terminal.history_rows
        row = self._anchor.row()
        if row >= 0 and kept == row and kept == self._kept:
            return  # nothing has scrolled
        lost = self._base - self._kept
        if row >= 0:
            base = self._base + kept - row
        else:  # the row was pruned or cleared, and with it everything above
            base = self._base + kept + (self.rows if kept else 0)
        if base - kept > lost and kept < self._scrollback and row >= 0:
            self._allow_heavier_lines()
        self._kept = kept
        self._renumber(base)

    def _renumber(self, base: int) -> None:
        """Set the screen's first line; what exceeds the limit above it is dropped."""
        base = max(base, self.overflow)
        self.upheavals += base < self._base
        self._base = base
        self.overflow = max(self.overflow, base - min(self._kept, self._scrollback))
        self._anchor.move_to_top()

    def _allow_heavier_lines(self) -> None:
        """Give the history more memory: its lines take more than plain ones."""
        if self._heavier < _MAX_HEAVIER:
            self._heavier *= 1.5
            self._terminal.set_history_bytes(self._history_bytes())

    def _history_bytes(self) -> int:
        """Return a budget in which `scrollback` plain lines fit, pruned page by page."""
        lines, pages = max(self._scrollback, self._slice + self.rows), 1 + len(self._seams)
        return int(self._heavier * lines * (self.columns * 8 + 64) * 1.1) + pages * _PAGE_BYTES

    def _track(self, column: int, line: int) -> Tracked:
        return self._terminal.track(column, line - self._base + self._kept)

    def _mark(self, column: int, line: int) -> tuple[Tracked, int] | None:
        """Follow a place: the last written cell up to it, and how far beyond that it lies."""
        if column < 0 or not self.overflow <= line < self._base + self.rows:
            return None
        width = self._read(line, line + 1, partial(lines_of, styles=False, erased=False))[0].width
        written = min(column, max(0, width - 1))
        return self._track(written, line), column - written

    def _place(self, tracked: Tracked, beyond: int) -> tuple[int, int] | None:
        """Return where a place that is followed is now."""
        position = tracked.position()
        if position is None:
            return None
        column, row = position
        line = row - self._kept + self._base
        return (min(column + beyond, self.columns), line) if line >= self.overflow else None

    def _read(self, first: int, end: int, make: Make[T]) -> list[T]:
        """Read lines of the active screen and its history."""
        above = self._terminal.history_rows
        return read_rows(self._terminal, first - self._base + above, end - first, make)
