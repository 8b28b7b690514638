"""One emulated terminal: the library's objects, kept apart from its pointers.

Nothing here is thread-safe; a terminal belongs to one thread at a time. Rows are counted from
the oldest one that the emulator still keeps, which is row 0.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from iterm_mcp.host import emulator_copies
from iterm_mcp.host.emulator_copies import MAX_PENDING_BYTES
from iterm_mcp.host.ghostty import (
    CALLBACKS,
    CELL_PIXELS,
    EmulatorError,
    Reading,
    Sink,
    check,
    check_layout,
    check_size,
    ffi,
    grid_ref,
    lib,
    make,
    scroll,
    sized,
    terminal_get,
    terminal_write,
    track,
    track_point,
    track_set,
)
from iterm_mcp.host.render_state import RenderState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.ghostty import CData
    from iterm_mcp.host.render_state import CursorLook, Flags

_FOREGROUND = {"r": 0xC7, "g": 0xC7, "b": 0xC7}
_BACKGROUND = {"r": 0, "g": 0, "b": 0}
_UNLIMITED_LINES = 1 << 40  # a limit in lines makes pruning many times slower than one in bytes
_CANCEL = b"\x18"
_ACTIVE: int = lib.GHOSTTY_POINT_TAG_ACTIVE
_SCREEN: int = lib.GHOSTTY_POINT_TAG_SCREEN


class Rows(NamedTuple):
    """Neighbouring rows as the emulator stores them.

    Attributes:
        first: The number of the first.
        cells: All their cells, run together; see `cells.BITS`.
        flags: One for each row.
    """

    first: int
    cells: bytes
    flags: list[Flags]


class Tracked:
    """A cell that is followed while the terminal scrolls and reflows. Free it with `free`."""

    __slots__ = ("_at", "_point", "_ref", "_terminal")

    def __init__(self, terminal: CData, column: int, row: int) -> None:
        self._terminal = terminal
        self._ref = make("GhosttyTrackedGridRef*")
        self._at = make("GhosttyPointCoordinate*")
        self._point = make("GhosttyPointS*")
        self._point.tag = _SCREEN
        self._point.value.x, self._point.value.y = column, row
        check(track(terminal, self._point[0], self._ref), "follow a cell")

    def position(self) -> tuple[int, int] | None:
        """Return its column and row on its own screen, or None when it is gone for ever."""
        if track_point(self._ref[0], _SCREEN, self._at):
            return None
        return self._at.x, self._at.y

    def row(self) -> int:
        """Return its row, or -1 when it is gone."""
        return -1 if track_point(self._ref[0], _SCREEN, self._at) else self._at.y

    def move_to_top(self) -> None:
        """Follow the first cell of the visible screen from now on."""
        self._point.tag = _ACTIVE
        self._point.value.x = self._point.value.y = 0
        check(track_set(self._ref[0], self._terminal, self._point[0]), "follow the screen")

    def free(self) -> None:
        """Let go of it; it must not be used again."""
        lib.ghostty_tracked_grid_ref_free(self._ref[0])


class Terminal:
    """One native terminal.

    Args:
        columns, rows: Its size, each 1 to 65535.
        history_bytes: What its scrollback may take before the oldest rows are pruned.
        name: What it answers to a program that asks for its name and version.
    """

    def __init__(self, columns: int, rows: int, *, history_bytes: int, name: str) -> None:
        check_layout()
        created = make("GhosttyTerminal*")
        check(lib.ghostty_terminal_new(ffi.NULL, created, columns, rows), "make a terminal")
        self._terminal = created[0]
        self._sink = Sink(name.encode(), columns, rows)
        self._handle = ffi.new_handle(self._sink)
        self._cursor_x = Reading("CURSOR_X")
        self._cursor_y = Reading("CURSOR_Y")
        self._wrap_pending = Reading("CURSOR_PENDING_WRAP")
        self._history = Reading("SCROLLBACK_ROWS")
        self._columns = Reading("COLS")
        self._screen = Reading("ACTIVE_SCREEN")
        self._mode = make("GhosttyTerminalModeConfig*")
        self._render: RenderState | None = None
        self._changed = True
        self.set_history_bytes(history_bytes)
        self._set_up()

    def write(self, data: bytes) -> None:
        """Let the terminal take in any bytes whatever. Its size is not the program's to change."""
        terminal_write(self._terminal, data, len(data))
        if self._columns.of(self._terminal) != self._sink.columns:  # by DECCOLM
            self.resize(self._sink.columns, self._sink.rows, pull=False)

    def copy(self) -> bytes:
        """Return all that the terminal holds, for `take_over`.

        A sequence of which megabytes have been received is given up.
        """
        try:
            return emulator_copies.encode(self._terminal)
        except EmulatorError:
            self.write(_CANCEL)
            return emulator_copies.encode(self._terminal)

    def take_over(self, copy: bytes, *, bells: int) -> None:
        """Become like the terminal of a copy, which had the same size.

        Raises:
            EmulatorError: It is no copy, or one by another version of the library.
        """
        terminal = emulator_copies.decode(copy)
        self._drop_render()
        lib.ghostty_terminal_free(self._terminal)
        self._terminal = terminal
        self._sink.bells = bells
        self._changed = True
        self._set_up()

    @property
    def pending(self) -> bytes:
        """The beginning of the sequence or character that is half received."""
        return emulator_copies.pending(self._terminal)

    @property
    def history_rows(self) -> int:
        """How many rows stand above the active screen; 0 on the alternate one."""
        return self._history.of(self._terminal)

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return self._screen.of(self._terminal) != 0

    @property
    def at_ground(self) -> bool:
        """Whether no escape sequence and no character is half received."""
        return bool(Reading("VT_GROUND").of(self._terminal))

    @property
    def tracks_mouse(self) -> bool:
        """Whether the program wants any mouse events."""
        return bool(Reading("MOUSE_TRACKING").of(self._terminal))

    def cursor(self) -> tuple[int, int, bool]:
        """Return its column, its row on the visible screen, and whether a wrap is pending."""
        terminal = self._terminal
        return (
            self._cursor_x.of(terminal),
            self._cursor_y.of(terminal),
            bool(self._wrap_pending.of(terminal)),
        )

    def cursor_look(self) -> CursorLook | None:
        """Return how the cursor looks, or None when it is hidden."""
        self._notice_changes()
        return self._rendered().cursor()

    def colors(self) -> dict[str | int, int]:
        """Return the colours in use: by name, and those of the palette by number."""
        self._notice_changes()
        return self._rendered().colors()

    def mode(self, number: int) -> bool:
        """Tell whether a DEC private mode is set."""
        self._mode.mode = number
        check(
            terminal_get(self._terminal, lib.GHOSTTY_TERMINAL_DATA_MODE, self._mode), "read a mode"
        )
        return bool(self._mode.value)

    def set_mode(self, number: int, *, on: bool) -> None:
        """Set the flag of a DEC private mode, without what switching it would do."""
        self._mode.mode, self._mode.value = number, on
        self._set("MODE", self._mode)

    def set_history_bytes(self, count: int) -> None:
        """Change what the scrollback may take."""
        self._set("SCROLLBACK_MAX_BYTES", make("size_t*", count))

    def resize(self, columns: int, rows: int, *, pull: bool) -> None:
        """Resize both screens; long lines of the primary one are wrapped anew.

        Args:
            pull: A taller screen takes rows back from the history, as far as there are any.
        """
        self._sink.columns, self._sink.rows = columns, rows
        self._set("RESIZE_PULL_SCROLLBACK", make("bool*", pull))
        result = lib.ghostty_terminal_resize(self._terminal, columns, rows, *CELL_PIXELS)
        check(result, "resize the terminal")

    def track(self, column: int, row: int) -> Tracked:
        """Follow a cell of the active screen or its history."""
        return Tracked(self._terminal, column, row)

    def take_replies(self) -> bytes:
        """Return what the terminal answers to the program, and forget it."""
        if not self._sink.replies:
            return b""
        replies = bytes(self._sink.replies)
        self._sink.replies.clear()
        return replies

    @property
    def bells(self) -> int:
        """How often the bell has rung."""
        return self._sink.bells

    def take_changed(self) -> bool:
        """Tell whether the visible screen or its cursor has changed since last asked."""
        self._notice_changes()
        changed, self._changed = self._changed, False
        return changed

    def rows(self, first: int, count: int) -> Iterator[Rows]:
        """Yield rows of the active screen and its history, some at a time; all must exist.

        The terminal must not be touched before the last of them have been taken, or the
        iterator closed.
        """
        self._notice_changes()
        history = self.history_rows
        if first >= history:
            yield self._shown(history, first, first + max(0, count))
            return
        render = self._rendered()
        end = first + count
        with self.unnoticed():
            try:
                while first < end:
                    top = min(first, history)
                    scroll(self._terminal, _viewport(lib.GHOSTTY_SCROLL_VIEWPORT_ROW, top))
                    render.update(self._terminal)
                    shown = min(end, top + self._sink.rows)
                    yield self._shown(top, first, shown)
                    first = shown
            finally:
                scroll(self._terminal, _viewport(lib.GHOSTTY_SCROLL_VIEWPORT_BOTTOM, 0))

    @contextmanager
    def unnoticed(self) -> Iterator[None]:
        """Let what is shown meanwhile, and taken back, not count as a change of the screen."""
        self._notice_changes()
        changed = self._changed
        try:
            yield
        finally:
            render = self._rendered()
            render.update(self._terminal)
            render.clean()
            self._changed = changed

    def cluster(self, column: int, row: int) -> str:
        """Return all code points of one cell."""
        ref, size = self._ref(column, row), make("size_t*")
        read = lib.ghostty_grid_ref_graphemes
        check_size(read(ref, ffi.NULL, 0, size), "measure a cell")
        points = make("uint32_t[]", max(1, size[0]))
        check(read(ref, points, len(points), size), "read a cell")
        return "".join(map(chr, points[0 : size[0]]))

    def style_record(self, column: int, row: int) -> bytes:
        """Return the ``GhosttyStyle`` of one cell; see `styles.decode_style`."""
        style = sized("GhosttyStyle")
        check(lib.ghostty_grid_ref_style(self._ref(column, row), style), "read a style")
        return bytes(ffi.buffer(style))

    def link(self, column: int, row: int) -> str | None:
        """Return the address that one cell links to (OSC 8)."""
        ref, size = self._ref(column, row), make("size_t*")
        read = lib.ghostty_grid_ref_hyperlink_uri
        check_size(read(ref, ffi.NULL, 0, size), "measure a link")
        text = make("uint8_t[]", max(1, size[0]))
        check(read(ref, text, len(text), size), "read a link")
        return bytes(ffi.buffer(text, size[0])).decode("utf-8", "replace") or None

    def compress(self) -> bool:
        """Compress a little more of the scrollback, in ~0.2 ms; tell whether it is done.

        What is compressed stays readable, at ~0.5 ms for the first rows of a read.
        """
        self._notice_changes()
        self._drop_render()
        result = make("GhosttyTerminalCompressionResult*")
        mode = lib.GHOSTTY_TERMINAL_COMPRESSION_MODE_INCREMENTAL
        check(lib.ghostty_terminal_compress(self._terminal, mode, result), "compress")
        return bool(result[0] != lib.GHOSTTY_TERMINAL_COMPRESSION_RESULT_PENDING)

    def close(self) -> None:
        """Free everything. The terminal must not be used again."""
        self._drop_render()
        lib.ghostty_terminal_free(self._terminal)
        self._terminal = None  # cffi refuses None where a terminal belongs

    def _set_up(self) -> None:
        """Set what is ours to set."""
        self._set("SCROLLBACK_MAX_LINES", make("size_t*", _UNLIMITED_LINES))
        self._set("KITTY_IMAGE_STORAGE_LIMIT", make("uint64_t*", 0))
        self._set("COLOR_FOREGROUND", make("GhosttyColorRgb*", _FOREGROUND))
        self._set("COLOR_BACKGROUND", make("GhosttyColorRgb*", _BACKGROUND))
        self._set("USERDATA", self._handle)
        for option, callback in CALLBACKS.items():
            self._set(option, callback)
        self._set("CONTINUATION_MAX_BYTES", make("size_t*", MAX_PENDING_BYTES))

    def _set(self, option: str, value: CData) -> None:
        key = getattr(lib, f"GHOSTTY_TERMINAL_OPT_{option}")
        check(lib.ghostty_terminal_set(self._terminal, key, value), f"set {option}")

    def _ref(self, column: int, row: int) -> CData:
        point, ref = make("GhosttyPointS*"), sized("GhosttyGridRef")
        point.tag = _SCREEN
        point.value.x, point.value.y = column, row
        check(grid_ref(self._terminal, point[0], ref), "find a cell")
        return ref

    def _shown(self, top: int, first: int, end: int) -> Rows:
        """Return rows of a view that begins at row `top`."""
        return Rows(first, *self._rendered().rows(first - top, end - top))

    def _rendered(self) -> RenderState:
        if self._render is None:
            self._render = RenderState()
            self._render.update(self._terminal)
        return self._render

    def _notice_changes(self) -> None:
        """Ask what has changed and keep it: whoever asks the library makes it forget."""
        render = self._rendered()
        render.update(self._terminal)
        if render.dirty():
            self._changed = True
            render.clean()

    def _drop_render(self) -> None:
        if self._render is not None:
            self._render.free()
            self._render = None


def _viewport(tag: int, row: int) -> CData:
    viewport = make("ItermMcpScroll*")
    viewport.tag, viewport.row = tag, row
    return viewport[0]
