"""Colours as profiles and presets have them. Pure."""

from __future__ import annotations

import math
from typing import Any

SPACES = ("Calibrated", "sRGB", "P3")
"""The spaces that clients know; a colour that names none is of the first, as in the app."""

_COMPONENTS = ("Red Component", "Green Component", "Blue Component")
_NAMES = (
    "Foreground", "Background", "Bold", "Link", "Selection", "Selected Text", "Cursor",
    "Cursor Text", "Cursor Guide", "Badge", "Underline", "Tab", "Match Background",
    *(f"Ansi {n}" for n in range(16)),
)  # fmt: skip

KEYS = frozenset(f"{name} Color{mode}" for name in _NAMES for mode in ("", " (Light)", " (Dark)"))
"""The keys of a profile whose values are colours."""


def read_color(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return a colour with all of its parts, each within its bounds.

    Raises:
        ValueError: It is no colour.
    """
    if not isinstance(value, dict):
        raise ValueError("not a colour")  # noqa: TRY004 - the value is wrong, not the caller
    space = value.get("Color Space", SPACES[0])
    if space not in SPACES:
        raise ValueError("not a known colour space")
    parts = {key: _component(value.get(key)) for key in _COMPONENTS}
    return parts | {
        "Alpha Component": _component(value.get("Alpha Component", 1)),
        "Color Space": space,
    }


def from_hex(text: str) -> dict[str, Any]:
    """Return the sRGB colour that is written as ``#rrggbb``.

    Raises:
        ValueError: It is not written so.
    """
    raw = bytes.fromhex(text.removeprefix("#"))
    if len(raw) != len(_COMPONENTS) or not text.startswith("#"):
        raise ValueError("not a colour")
    parts = {key: byte / 255 for key, byte in zip(_COMPONENTS, raw, strict=True)}
    return read_color(parts | {"Color Space": "sRGB"})


def _component(value: Any) -> float:  # noqa: ANN401 - any JSON
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a colour's component")  # noqa: TRY004 - as above
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("not a number")
    return float(min(max(value, 0), 1))
