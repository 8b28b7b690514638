"""Colours that programs set, ask for and give back: OSC 4 to 19 and 104 to 119, SetColors. Pure.

They are kept where iTerm2 keeps them: in the session's own profile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import colors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Change = tuple[str, int | None]
"""A colour's key in the profile and 0xRRGGBB; None for what it was before."""

_DYNAMIC = {10: "Foreground", 11: "Background", 12: "Cursor", 17: "Selection", 19: "Selected Text"}
_PALETTE, _PALETTE_BACK, _BACK = 4, 104, 100
_ANSI = 16
"""So many colours of the palette have a key."""

CODES = frozenset({_PALETTE, _PALETTE_BACK, *_DYNAMIC, *(code + _BACK for code in _DYNAMIC)})

_SELECTION = {17, 19}
"""The emulator does not know these, so it answers no question for them."""

_NAMED = {
    "fg": "Foreground", "bg": "Background", "bold": "Bold", "link": "Link", "tab": "Tab",
    "selbg": "Selection", "selfg": "Selected Text", "curbg": "Cursor", "curfg": "Cursor Text",
    "underline": "Underline",
    **{
        f"{prefix}{name}": f"Ansi {number + offset}"
        for prefix, offset in (("", 0), ("br_", 8))
        for number, name in enumerate(
            ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
        )
    },
}  # fmt: skip
_CODES_BY_KEY = {f"{name} Color": code for code, name in _DYNAMIC.items() if code not in _SELECTION}

_RGB = re.compile(r"rgb:([0-9a-f]{1,4})/([0-9a-f]{1,4})/([0-9a-f]{1,4})", re.IGNORECASE)
_HASH = re.compile(r"#((?:[0-9a-f]{3}){1,4})", re.IGNORECASE)
_PLAIN = re.compile(r"(?:(?:rgb|srgb|p3):)?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)


def read(code: int, payload: str) -> tuple[list[Change], list[tuple[int, str]]]:
    """Return the changes of an OSC, and the questions in it: code and key.

    Questions that the emulator answers itself are not among them.
    """
    if code == _PALETTE:
        return list(_palette(payload.split(";"))), []
    if code == _PALETTE_BACK:
        numbers = payload.split(";") if payload else [str(number) for number in range(_ANSI)]
        return [(key, None) for one in numbers if (key := _ansi(one))], []
    if code - _BACK in _DYNAMIC:
        return [(f"{_DYNAMIC[code - _BACK]} Color", None)], []
    changes: list[Change] = []
    asked = []
    for number, spec in enumerate(payload.split(";"), code):
        key = f"{_DYNAMIC[number]} Color" if number in _DYNAMIC else ""
        if key and spec == "?" and number in _SELECTION:
            asked.append((number, key))
        elif key and (color := parse(spec)) is not None:
            changes.append((key, color))
    return changes, asked


def named(payload: str) -> list[Change]:
    """Return the changes of ``SetColors=key=value,…``; a tab may have its default."""
    changes: list[Change] = []
    for pair in payload.split(","):
        name, _, value = pair.partition("=")
        found = _PLAIN.fullmatch(value)
        if name == "tab" and value == "default":
            changes.append(("Tab Color", None))
        elif name in _NAMED and found is not None:
            changes.append((f"{_NAMED[name]} Color", parse(f"#{found[1]}")))
    return changes


def shown(changes: Iterable[Change]) -> Iterator[bytes]:
    """Yield what has the emulator use these colours too."""
    for key, color in changes:
        if color is not None and key in _CODES_BY_KEY:
            yield b"\x1b]%d;#%06x\x1b\\" % (_CODES_BY_KEY[key], color)
        elif color is not None and key.startswith("Ansi "):
            yield b"\x1b]4;%d;#%06x\x1b\\" % (int(key.split()[1]), color)


def report(code: int, value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return the answer to a question for a colour of the profile; nothing if it has none."""
    try:
        found = colors.read_color(value)
    except ValueError:
        return b""
    parts = [round(found[f"{name} Component"] * 255) * 0x101 for name in ("Red", "Green", "Blue")]
    return b"\x1b]%d;rgb:%04x/%04x/%04x\x1b\\" % (code, *parts)


def parse(spec: str) -> int | None:
    """Return 0xRRGGBB of ``rgb:r/g/b`` or ``#rgb``, with one to four digits a part; else None."""
    found = _RGB.fullmatch(spec)
    if found is not None:
        parts = [int(part, 16) * 255 // (16 ** len(part) - 1) for part in found.groups()]
    elif (found := _HASH.fullmatch(spec)) is not None:
        digits = found[1]
        each = len(digits) // 3
        parts = [
            int((digits[start : start + each] * 2)[:2], 16) for start in range(0, len(digits), each)
        ]
    else:
        return None
    return int.from_bytes(parts)


def as_profile_color(color: int) -> dict[str, Any]:
    """Return 0xRRGGBB as profiles have it."""
    return colors.from_hex(f"#{color:06x}")


def _palette(parts: list[str]) -> Iterator[Change]:
    for number, spec in zip(parts[::2], parts[1::2], strict=False):
        key, color = _ansi(number), parse(spec)
        if key and color is not None:
            yield key, color


def _ansi(number: str) -> str:
    """Return the key of one of the sixteen; empty for what has none."""
    known = number.isascii() and number.isdigit() and len(number) <= 3 and int(number) < _ANSI  # noqa: PLR2004 - three digits are more than enough
    return f"Ansi {int(number)} Color" if known else ""
