"""The emulator's record of a style, decoded. Pure: bytes in, values out.

The layout is the C structure ``GhosttyStyle``; `FIELDS` names the offsets that are relied on,
and `ghostty.check_layout` holds them against the library's own description.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from iterm_mcp.host.lines import DEFAULT_COLOR, Color, Style, UnderlineShape

STYLE_BYTES = 72
FIELDS = {
    "fg_color": 8,
    "bg_color": 24,
    "underline_color": 40,
    "bold": 56,
    "italic": 57,
    "faint": 58,
    "blink": 59,
    "inverse": 60,
    "invisible": 61,
    "strikethrough": 62,
    "overline": 63,
    "underline": 64,
}

# Three colours (a tag, padding, eight bytes of value), eight flags, the kind of underline.
_LAYOUT = struct.Struct("=8x" + "I4x4B4x" * 3 + "8?" + "i4x")
_NONE, _PALETTE, _RGB = 0, 1, 2
_UNDERLINES: tuple[UnderlineShape, ...] = (
    "single", "single", "double", "curly", "dotted", "dashed"
)  # fmt: skip
"""The shape of each kind of underline; the first kind is none."""


@lru_cache(maxsize=4096)
def decode_style(record: bytes, url: str | None = None) -> Style:
    """Decode one ``GhosttyStyle``; equal records give the same object while it is cached."""
    fields = _LAYOUT.unpack(record)
    bold, italic, faint, blink, inverse, invisible, struck, overline, underline = fields[15:]
    return Style(
        foreground=_color(*fields[0:4]),
        background=_color(*fields[5:9]),
        bold=bold,
        faint=faint,
        italic=italic,
        blink=blink,
        underline=underline != 0,
        underline_shape=_UNDERLINES[underline],
        strikethrough=struck,
        overline=overline,
        invisible=invisible,
        inverse=inverse,
        underline_color=None if fields[10] == _NONE else _color(*fields[10:14]),
        url=url,
    )


@lru_cache(maxsize=512)
def background_style(color: Color) -> Style:
    """Return the style of a cell that was erased with a background colour."""
    return Style(background=color)


def _color(tag: int, first: int, second: int, third: int) -> Color:
    if tag == _PALETTE:
        return Color("palette", first)
    if tag == _RGB:
        return Color("rgb", first << 16 | second << 8 | third)
    return DEFAULT_COLOR
