"""The emulator's C interface (libghostty-vt); the only module that imports it.

The library writes its answers through untyped pointers, and a wrong type would corrupt the
heap: so each key that is read stands once, in `READINGS`, bound to its type, and the check at
the first start holds every layout that is relied on against the library's own description.
`emulator.Terminal` is what the rest of the package uses.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.metadata import version
from typing import Any, TypeAlias

from iterm_mcp.host.cells import BITS
from iterm_mcp.host.styles import FIELDS, STYLE_BYTES

try:
    import pyghostty._ffi as _pyghostty
except (ImportError, OSError) as error:
    raise ImportError(
        "the terminal emulator (pyghostty) could not be loaded; it is built for Linux with"
        f" glibc 2.28 or later and for macOS 13 or later, on x86_64 and arm64: {error}"
    ) from error

CData: TypeAlias = Any
"""An object of the library's; cffi knows its C type, Python's type checkers do not."""

ffi: CData = _pyghostty.ffi
lib: CData = _pyghostty.lib
terminal_write: CData = lib.ghostty_terminal_vt_write
terminal_get: CData = lib.ghostty_terminal_get
rows_get: CData = lib.ghostty_render_state_row_get_multi

# Unions cannot be passed by value through cffi; structures of the same size and alignment can.
ffi.cdef(
    "typedef struct { GhosttyTerminalScrollViewportTag tag; uint64_t row; uint64_t _pad; }"
    " ItermMcpScroll;"
)
_MADE = (
    "bool*", "char[]", "size_t*", "uint8_t[]", "uint16_t*", "uint32_t[]", "uint64_t*", "void*[]",
    "GhosttyCellsView[]", "GhosttyColorRgb*", "GhosttyGridRef*", "GhosttyPointCoordinate*",
    "GhosttyPointS*", "GhosttyRenderState*", "GhosttyRenderStateColors*",
    "GhosttyRenderStateCursor*", "GhosttyRenderStateDirty*", "GhosttyRenderStateRowData[]",
    "GhosttyRenderStateRowIterator*", "GhosttyRow[]", "GhosttyString*", "GhosttyStyle*",
    "GhosttyTerminal*", "GhosttyTerminalCompressionResult*", "GhosttyTerminalModeConfig*",
    "GhosttyTerminalScreen*", "GhosttyTrackedGridRef*", "ItermMcpScroll*",
)  # fmt: skip
"""What `make` makes. cffi takes 10 ms to read a type, however many it is given."""

ffi.cdef(
    "typedef struct { "
    + " ".join(
        f"{kind.removesuffix('[]')} (*of{number})[];"
        if kind.endswith("[]")
        else f"{kind} of{number};"
        for number, kind in enumerate(_MADE)
    )
    + " } ItermMcpMade;"
)
_TYPES: dict[str, CData] = {
    kind: field.type.item if kind.endswith("[]") else field.type
    for kind, (_, field) in zip(_MADE, ffi.typeof("ItermMcpMade").fields, strict=True)
}

grid_ref: CData = _pyghostty.union_fn(
    "ghostty_terminal_grid_ref",
    "GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, GhosttyGridRef*)",
)
track: CData = _pyghostty.union_fn(
    "ghostty_terminal_grid_ref_track",
    "GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, GhosttyTrackedGridRef*)",
)
track_set: CData = _pyghostty.union_fn(
    "ghostty_tracked_grid_ref_set",
    "GhosttyResult(*)(GhosttyTrackedGridRef, GhosttyTerminal, GhosttyPointS)",
)
track_point: CData = lib.ghostty_tracked_grid_ref_point
scroll: CData = _pyghostty.union_fn(
    "ghostty_terminal_scroll_viewport", "void(*)(GhosttyTerminal, ItermMcpScroll)"
)

READINGS = {
    "ACTIVE_SCREEN": "GhosttyTerminalScreen",
    "COLS": "uint16_t",
    "CURSOR_PENDING_WRAP": "bool",
    "CURSOR_X": "uint16_t",
    "CURSOR_Y": "uint16_t",
    "MOUSE_TRACKING": "bool",
    "SCROLLBACK_ROWS": "size_t",
    "VT_GROUND": "bool",
}
"""What is read from a terminal (``GHOSTTY_TERMINAL_DATA_*``), and its C type."""

MAX_REPLY_BYTES = 1 << 16
"""Replies that nobody has taken are kept up to here; what comes after them is dropped."""

CELL_PIXELS = (8, 16)  # as large as a cell claims to be, for programs that ask


class EmulatorError(RuntimeError):
    """The library refused a call: a bug here, or memory has run out."""


class Reading:
    """One key of `READINGS`, with room for its value."""

    __slots__ = ("_key", "_out")

    def __init__(self, name: str) -> None:
        self._key: int = getattr(lib, f"GHOSTTY_TERMINAL_DATA_{name}")
        self._out = make(f"{READINGS[name]}*")

    def of(self, terminal: CData) -> int:
        """Read it from a terminal; booleans come as 0 or 1."""
        check(terminal_get(terminal, self._key, self._out), "read the terminal")
        return int(self._out[0])


class Sink:
    """What the library calls back with, until somebody takes it."""

    __slots__ = ("bells", "columns", "name", "replies", "rows")

    def __init__(self, name: bytes, columns: int, rows: int) -> None:
        self.bells = 0
        self.replies = bytearray()
        self.columns = columns
        self.rows = rows
        self.name = make("char[]", name)


_COLOR_ANSWER = re.compile(rb"\x1b\](?:4|1[0-9]);")
"""Colours are the profile's, of which the emulator knows nothing."""


@ffi.callback("GhosttyTerminalWritePtyFn")  # type: ignore[untyped-decorator]
def _on_reply(_terminal: CData, sink: CData, data: CData, size: int) -> None:
    replies = ffi.from_handle(sink).replies
    answer = ffi.buffer(data, size)
    if len(replies) + size <= MAX_REPLY_BYTES and not _COLOR_ANSWER.match(answer):
        replies += answer


@ffi.callback("GhosttyTerminalBellFn")  # type: ignore[untyped-decorator]
def _on_bell(_terminal: CData, sink: CData) -> None:
    ffi.from_handle(sink).bells += 1


@ffi.callback("GhosttyTerminalXtversionFn")  # type: ignore[untyped-decorator]
def _on_name(_terminal: CData, sink: CData) -> CData:
    name = ffi.from_handle(sink).name
    answer = make("GhosttyString*")
    answer.ptr, answer.len = ffi.cast("uint8_t*", name), len(name) - 1
    return answer[0]


@ffi.callback("GhosttyTerminalSizeFn")  # type: ignore[untyped-decorator]
def _on_size(_terminal: CData, sink: CData, out: CData) -> bool:
    owner = ffi.from_handle(sink)
    out.rows, out.columns = owner.rows, owner.columns
    out.cell_width, out.cell_height = CELL_PIXELS
    return True


CALLBACKS = {
    "WRITE_PTY": _on_reply,
    "BELL": _on_bell,
    "XTVERSION": _on_name,
    "SIZE": _on_size,
}


@cache
def emulator_build() -> str:
    """Return the library's name and version."""
    return f"pyghostty {version('pyghostty')}"


@cache
def check_layout() -> None:
    """Hold the library against what this package takes for granted; once a process.

    Raises:
        EmulatorError: It is laid out differently; the message names every difference.
    """
    description = json.loads(ffi.string(lib.ghostty_type_json()))
    if faults := find_layout_faults(description["types"]):
        raise EmulatorError(f"this build of libghostty-vt does not fit: {'; '.join(faults)}")


def find_layout_faults(types: dict[str, Any]) -> list[str]:
    """Compare the library's description of its types with ours; return the differences."""
    faults = []
    bits = types["GhosttyCell"]["bits"]
    for name, (lowest, width) in BITS.items():
        found = bits[name]["lsb"], bits[name]["width"]
        if found != (lowest, width):
            faults.append(f"cell bits {name} at {found}")
    style = types["GhosttyStyle"]
    if style["size"] != STYLE_BYTES:
        faults.append(f"a style has {style['size']} bytes")
    for name, offset in FIELDS.items():
        if style["fields"][name]["offset"] != offset:
            faults.append(f"style field {name} at {style['fields'][name]['offset']}")
    keys = types["GhosttyTerminalData"]["values"]
    faults.extend(
        f"reading {name} is {keys.get(name)}"
        for name in READINGS
        if keys.get(name) != getattr(lib, f"GHOSTTY_TERMINAL_DATA_{name}")
    )
    return faults


def make(kind: str, *initial: object) -> CData:
    """Make a value of one of the C types in `_MADE`; it lives as long as something refers to it."""
    return ffi.new(_TYPES[kind], *initial)


def sized(kind: str) -> CData:
    """Make a structure that begins with its own size, as the library wants some of them."""
    value = make(f"{kind}*")
    value.size = ffi.sizeof(value[0])
    return value


def check(result: int, what: str) -> None:
    """Raise `EmulatorError` unless a call succeeded."""
    if result:
        raise EmulatorError(f"the emulator could not {what} (result {result})")


def check_size(result: int, what: str) -> None:
    """Accept that a buffer of no size is too small: that was the question."""
    if result != lib.GHOSTTY_OUT_OF_SPACE:
        check(result, what)
