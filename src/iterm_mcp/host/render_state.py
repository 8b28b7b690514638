"""The library's copy of the visible rows, with the cursor and the colours they are shown in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from iterm_mcp.host.ghostty import EmulatorError, check, ffi, lib, row_get, sized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.ghostty import CData

CursorLook = Literal["block", "bar", "underline"]

_CELLS_RAW: int = lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW
_ROW_RAW: int = lib.GHOSTTY_RENDER_STATE_ROW_DATA_RAW
_ROW_ITERATOR: int = lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR
_DIRTY: int = lib.GHOSTTY_RENDER_STATE_DATA_DIRTY
_CURSOR: int = lib.GHOSTTY_RENDER_STATE_DATA_CURSOR
_COLORS: int = lib.GHOSTTY_RENDER_STATE_DATA_COLORS
_CURSOR_LOOKS: dict[int, CursorLook] = {
    lib.GHOSTTY_RENDER_STATE_CURSOR_VISUAL_STYLE_BAR: "bar",
    lib.GHOSTTY_RENDER_STATE_CURSOR_VISUAL_STYLE_UNDERLINE: "underline",
}


class RenderState:
    """A copy of the visible rows that the library keeps up to date cheaply."""

    __slots__ = ("_cells", "_dirty", "_flag", "_iterator", "_row", "_state")

    def __init__(self) -> None:
        self._state = ffi.new("GhosttyRenderState*")
        self._iterator = ffi.new("GhosttyRenderStateRowIterator*")
        check(lib.ghostty_render_state_new(ffi.NULL, self._state), "make a view")
        result = lib.ghostty_render_state_row_iterator_new(ffi.NULL, self._iterator)
        check(result, "make an iterator")
        self._dirty = ffi.new("GhosttyRenderStateDirty*")
        self._cells = ffi.new("GhosttyCellsView*")
        self._row = ffi.new("GhosttyRow*")
        self._flag = ffi.new("bool*")

    def update(self, terminal: CData) -> None:
        """Take over what has changed."""
        check(lib.ghostty_render_state_update(self._state[0], terminal), "update the view")

    def dirty(self) -> bool:
        """Tell whether anything has changed since it was last cleaned."""
        check(lib.ghostty_render_state_get(self._state[0], _DIRTY, self._dirty), "ask the view")
        return bool(self._dirty[0] != lib.GHOSTTY_RENDER_STATE_DIRTY_FALSE)

    def clean(self) -> None:
        """Take what is there as known."""
        check(lib.ghostty_render_state_clean(self._state[0]), "clean the view")

    def rows(self, count: int) -> Iterator[tuple[list[int], bool, bool]]:
        """Yield the first `count` rows: cells, whether it wraps, whether it has clusters."""
        state, iterator = self._state[0], self._iterator
        check(lib.ghostty_render_state_get(state, _ROW_ITERATOR, iterator), "read the view")
        for _ in range(count):
            if not lib.ghostty_render_state_row_iterator_next(iterator[0]):
                raise EmulatorError("the view has fewer rows than the terminal")
            check(row_get(iterator[0], _CELLS_RAW, self._cells), "read a row")
            check(row_get(iterator[0], _ROW_RAW, self._row), "read a row")
            cells = memoryview(ffi.buffer(self._cells.ptr, self._cells.len * 8))
            yield (
                cells.cast("Q").tolist(),
                self._row_flag(lib.GHOSTTY_ROW_DATA_WRAP),
                self._row_flag(lib.GHOSTTY_ROW_DATA_GRAPHEME),
            )

    def cursor(self) -> CursorLook | None:
        """Return how the cursor looks, or None when it is hidden."""
        cursor = sized("GhosttyRenderStateCursor")
        check(lib.ghostty_render_state_get(self._state[0], _CURSOR, cursor), "read the cursor")
        return _CURSOR_LOOKS.get(cursor.visual_style, "block") if cursor.visible else None

    def colors(self) -> dict[str | int, int]:
        """Return the colours as 0xRRGGBB; ``cursor`` only when it has a colour of its own."""
        read = sized("GhosttyRenderStateColors")
        check(lib.ghostty_render_state_get(self._state[0], _COLORS, read), "read the colours")
        found: dict[str | int, int] = {
            "foreground": _rgb(read.foreground),
            "background": _rgb(read.background),
        }
        if read.cursor_has_value:
            found["cursor"] = _rgb(read.cursor)
        return found | {number: _rgb(color) for number, color in enumerate(read.palette)}

    def free(self) -> None:
        """Free it; it must not be used again."""
        lib.ghostty_render_state_row_iterator_free(self._iterator[0])
        lib.ghostty_render_state_free(self._state[0])

    def _row_flag(self, key: int) -> bool:
        check(lib.ghostty_row_get(self._row[0], key, self._flag), "read a row's flag")
        return bool(self._flag[0])


def _rgb(color: CData) -> int:
    red, green, blue = color.r, color.g, color.b
    return int(red << 16 | green << 8 | blue)
