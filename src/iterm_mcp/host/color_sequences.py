"""Colours that programs set, ask for and give back: OSC 4 to 19 and 104 to 119, SetColors. Pure.

They are kept where iTerm2 keeps them: in the session's own profile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from iterm_mcp.host import colors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.rendering.palette import Colors

Change = tuple[str, int | None]
"""A colour's key in the profile and 0xRRGGBB; None for what it was before."""


class Question(NamedTuple):
    """A colour that a program asks for.

    Attributes:
        words: What the answer begins with, as the question did: ``4;1`` or ``11``.
        name: The colour's number in the palette, or its name among the dynamic ones.
    """

    words: str
    name: int | str


_DYNAMIC = {10: "Foreground", 11: "Background", 12: "Cursor", 17: "Selection", 19: "Selected Text"}
_PALETTE, _PALETTE_BACK, _BACK = 4, 104, 100
_ANSI = 16
"""So many colours of the palette have a key."""

CODES = frozenset({_PALETTE, _PALETTE_BACK, *_DYNAMIC, *(code + _BACK for code in _DYNAMIC)})

_PALETTE_SIZE = 256
_EXTRA = {"-1": "Foreground", "-2": "Background"}
"""Numbers that iTerm2 adds to the palette, to be asked for and no more."""

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

_RGB = re.compile(r"rgb:([0-9a-f]{1,4})/([0-9a-f]{1,4})/([0-9a-f]{1,4})", re.IGNORECASE)
_HASH = re.compile(r"#((?:[0-9a-f]{3}){1,4})", re.IGNORECASE)
_PLAIN = re.compile(r"(?:(?:rgb|srgb|p3):)?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)


def read(code: int, payload: str) -> tuple[list[Change], list[Question]]:
    """Return the changes of an OSC, and the questions in it."""
    if code == _PALETTE:
        parts = payload.split(";")
        return list(_palette(parts)), list(_asked(parts))
    if code == _PALETTE_BACK:
        numbers = payload.split(";") if payload else [str(number) for number in range(_ANSI)]
        return [(key, None) for one in numbers if (key := _ansi(one))], []
    if code - _BACK in _DYNAMIC:
        return [(f"{_DYNAMIC[code - _BACK]} Color", None)], []
    changes: list[Change] = []
    asked = []
    for number, spec in enumerate(payload.split(";"), code):
        name = _DYNAMIC.get(number, "")
        if name and spec == "?":
            asked.append(Question(str(number), name))
        elif name and (color := parse(spec)) is not None:
            changes.append((f"{name} Color", color))
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


def preset(payload: str) -> str | None:
    """Return the name of the preset that ``SetColors=preset=name`` asks for; else None."""
    key, _, name = payload.partition("=")
    return name if key == "preset" else None


def answer(question: Question, used: Colors, end: bytes) -> bytes:
    """Return the answer to a question.

    Args:
        used: The session's colours.
        end: What ends the answer, as it ended the question.
    """
    if isinstance(question.name, int):
        color = used.palette[question.name]
    else:
        color = getattr(used, question.name.lower().replace(" ", "_"))
    parts = (part * 0x101 for part in color.to_bytes(3))
    return f"\x1b]{question.words};rgb:{'/'.join(f'{one:04x}' for one in parts)}".encode() + end


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


def _asked(parts: list[str]) -> Iterator[Question]:
    for number, spec in zip(parts[::2], parts[1::2], strict=False):
        if spec != "?":
            continue
        place = _number(number)
        if number in _EXTRA:
            yield Question(f"{_PALETTE};{number}", _EXTRA[number])
        elif place is not None:
            yield Question(f"{_PALETTE};{place}", place)


def _ansi(number: str) -> str:
    """Return the key of one of the sixteen; empty for what has none."""
    place = _number(number)
    return f"Ansi {place} Color" if place is not None and place < _ANSI else ""


def _number(text: str) -> int | None:
    """Return a place in the palette; None for what is none."""
    known = text.isascii() and text.isdigit() and len(text) <= 3  # noqa: PLR2004 - three digits are more than enough
    return int(text) if known and int(text) < _PALETTE_SIZE else None
