"""The library's copy of the visible rows, with the cursor and the colours they are shown in."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from iterm_mcp.host.ghostty import EmulatorError, check, ffi, lib, make, rows_get, sized
from iterm_mcp.host.plain_cells import CELL_BYTES

if TYPE_CHECKING:
    from iterm_mcp.host.ghostty import CData

CursorLook = Literal["block", "bar", "underline"]

_OF_A_ROW = make(
    "GhosttyRenderStateRowData[]",
    [lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW, lib.GHOSTTY_RENDER_STATE_ROW_DATA_RAW],
)
_ROW_ITERATOR: int = lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR
_DIRTY: int = lib.GHOSTTY_RENDER_STATE_DATA_DIRTY
_CURSOR: int = lib.GHOSTTY_RENDER_STATE_DATA_CURSOR
_COLORS: int = lib.GHOSTTY_RENDER_STATE_DATA_COLORS
_CURSOR_LOOKS: dict[int, CursorLook] = {
    lib.GHOSTTY_RENDER_STATE_CURSOR_VISUAL_STYLE_BAR: "bar",
    lib.GHOSTTY_RENDER_STATE_CURSOR_VISUAL_STYLE_UNDERLINE: "underline",
}


class Flags(NamedTuple):
    """What the library notes of a row."""

    soft_wrapped: bool
    clusters: bool


class RenderState:
    """A copy of the visible rows that the library keeps up to date cheaply."""

    __slots__ = ("_cells", "_dirty", "_iterator", "_outs", "_raws", "_state")

    def __init__(self) -> None:
        self._state = make("GhosttyRenderState*")
        self._iterator = make("GhosttyRenderStateRowIterator*")
        check(lib.ghostty_render_state_new(ffi.NULL, self._state), "make a view")
        result = lib.ghostty_render_state_row_iterator_new(ffi.NULL, self._iterator)
        check(result, "make an iterator")
        self._dirty = make("GhosttyRenderStateDirty*")
        self._make_room(0)

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

    def rows(self, first: int, end: int) -> tuple[bytes, list[Flags]]:
        """Return visible rows from `first` up to `end`: their cells run together, their flags."""
        if end > len(self._outs):
            self._make_room(end)
        state, at = self._state[0], self._iterator
        check(lib.ghostty_render_state_get(state, _ROW_ITERATOR, at), "read the view")
        step, rows, count, null = lib.ghostty_render_state_row_iterator_next, at[0], end, ffi.NULL
        for out in self._outs[:count]:
            if not step(rows):
                raise EmulatorError("the view has fewer rows than the terminal")
            if rows_get(rows, 2, _OF_A_ROW, out, null):
                raise EmulatorError("the emulator could not read a row")
        buffer = ffi.buffer
        cells = b"".join([buffer(row.ptr, row.len * CELL_BYTES) for row in self._cells[first:end]])
        return cells, [_flags(row) for row in self._raws[first:end]]

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

    def _make_room(self, rows: int) -> None:
        """Have the library's answers for so many rows stand beside each other."""
        self._cells = make("GhosttyCellsView[]", rows)
        self._raws = make("GhosttyRow[]", rows)
        self._outs = [
            make("void*[]", [ffi.addressof(self._cells, row), ffi.addressof(self._raws, row)])
            for row in range(rows)
        ]


@lru_cache(maxsize=1 << 14)
def _flags(row: int) -> Flags:
    """Decode a row's value; rows that differ in their place alone are few."""
    flag = make("bool*")
    found = []
    for key in (lib.GHOSTTY_ROW_DATA_WRAP, lib.GHOSTTY_ROW_DATA_GRAPHEME):
        check(lib.ghostty_row_get(row, key, flag), "read a row's flag")
        found.append(bool(flag[0]))
    return Flags(*found)


def _rgb(color: CData) -> int:
    red, green, blue = color.r, color.g, color.b
    return int(red << 16 | green << 8 | blue)
