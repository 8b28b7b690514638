"""What the built-in profile says of looks. Scripts read it, and compute with what they read."""

from __future__ import annotations

from typing import Any

from iterm_mcp.host import colors
from iterm_mcp.host.rendering.palette import DARK

_COLORS = {
    "Foreground": DARK.foreground,
    "Background": DARK.background,
    "Bold": 0xFFFFFF,
    "Link": 0x4F87D7,
    "Selection": DARK.selection,
    "Selected Text": DARK.selected_text,
    "Cursor": DARK.cursor,
    "Cursor Text": DARK.cursor_text,
    **{f"Ansi {number}": DARK.palette[number] for number in range(16)},
}

LOOKS: dict[str, Any] = {
    "Normal Font": "Monaco 12",
    "Non Ascii Font": "Monaco 12",
    "Use Non-ASCII Font": False,
    "Horizontal Spacing": 1.0,
    "Vertical Spacing": 1.0,
    "Transparency": 0.0,
    "Blend": 0.5,
    "Blur": False,
    "Blur Radius": 2.0,
    "Cursor Type": 2,
    "Blinking Cursor": False,
    "Use Tab Color": False,
    **{f"{name} Color": colors.from_hex(f"#{color:06x}") for name, color in _COLORS.items()},
}
"""Fonts and the like have no effect here; the colours are those that screenshots show anyway."""
