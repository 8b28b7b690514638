"""From key names to the bytes a terminal sends. Pure.

The sequences are xterm's (ctlseqs, "PC-Style Function Keys"). Cursor keys without modifiers have
two: programs that switch to application cursor keys (DECCKM) wait for the other one.
"""

from __future__ import annotations

import difflib
import re

from iterm_mcp.errors import InvalidRequestError, shown

_ESCAPE = "\x1b"

_NAMED = {
    "enter": "\r",
    "return": "\r",
    "tab": "\t",
    "escape": _ESCAPE,
    "esc": _ESCAPE,
    "space": " ",
    "backspace": "\x7f",
    "shift-tab": f"{_ESCAPE}[Z",
    "ctrl-space": "\0",
    "ctrl-backslash": "\x1c",
}

_CURSOR = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_TILDE = {
    "insert": 2, "delete": 3, "page-up": 5, "page-down": 6,
    "f5": 15, "f6": 17, "f7": 18, "f8": 19, "f9": 20, "f10": 21, "f11": 23, "f12": 24,
}  # fmt: skip
_SS3 = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}

_MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4}
_MODIFIER_WORDS = {
    **{name: name for name in _MODIFIERS},
    "control": "ctrl", "c": "ctrl", "meta": "alt", "option": "alt", "m": "alt", "s": "shift",
}  # fmt: skip
_ALIASES = {
    "pageup": "page-up", "pgup": "page-up", "pagedown": "page-down", "pgdn": "page-down",
    "pgdown": "page-down", "del": "delete", "ins": "insert", "bs": "backspace", "cr": "enter",
    "arrow-up": "up", "arrow-down": "down", "arrow-left": "left", "arrow-right": "right",
}  # fmt: skip
_CONTROL_SYMBOLS = {
    "[": "\x1b", "\\": "\x1c", "]": "\x1d", "^": "\x1e", "_": "\x1f", "/": "\x1f", "@": "\0",
    "?": "\x7f",
}  # fmt: skip
_MODIFIED = re.compile(
    rf"((?:(?:{'|'.join(_MODIFIER_WORDS)})[-+])*)(.+)", re.IGNORECASE | re.DOTALL
)
_CARET = re.compile(r"\^([A-Za-z\[\\\]^_@?])")


def key_sequence(name: str, *, application_cursor: bool = False) -> str:
    """Return what one key sends.

    Args:
        name: ``enter``, ``up``, ``f5``, ``page-down`` …, a single character, or any of these
            behind ``ctrl-``, ``alt-``, ``shift-`` (``ctrl-c``, ``alt-b``, ``ctrl-shift-left``).
            Other common ways to write them are understood: ``C-c``, ``^C``, ``ctrl+c``,
            ``PageUp``. Case matters only for a single character.
        application_cursor: Whether the program has switched to application cursor keys.

    Raises:
        InvalidRequestError: No such key; the hint names the nearest ones.
    """
    if len(name) == 1:
        return name
    if caret := _CARET.fullmatch(name):
        name = f"ctrl-{caret[1]}"
    lowered = name.lower()
    lowered = _ALIASES.get(lowered, lowered)
    if lowered in _NAMED:
        return _NAMED[lowered]
    modifiers, key = _split(name)
    if (whole := "-".join([*sorted(modifiers), key.lower()])) in _NAMED:  # shift-tab, ctrl-space
        return _NAMED[whole]
    named = _ALIASES.get(key.lower(), key.lower())
    bits = sum(_MODIFIERS[one] for one in modifiers)
    if application_cursor and not bits and named in _CURSOR:
        return f"{_ESCAPE}O{_CURSOR[named]}"
    found = _special(named, bits) or _character(key, modifiers)
    if found is None:
        near = difflib.get_close_matches(shown(lowered), key_names(), n=3)
        raise InvalidRequestError(
            f"there is no key {shown(name)!r}",
            hint=f"Did you mean {', '.join(near)}?"
            if near
            else "Use names like enter, ctrl-c, up.",
        )
    return found


def key_names() -> list[str]:
    """Return the names of all keys that have one, sorted."""
    return sorted({*_NAMED, *_CURSOR, *_TILDE, *_SS3, *(f"ctrl-{letter}" for letter in "abcdez")})


def _split(name: str) -> tuple[set[str], str]:
    match = _MODIFIED.fullmatch(name)
    if match is None:
        return set(), name
    words = re.split(r"[-+]", match[1].lower())
    modifiers = {_MODIFIER_WORDS[one] for one in words if one}
    return modifiers, match[2]


def _special(key: str, bits: int) -> str | None:
    """Return a cursor or function key; xterm encodes its modifiers as 1 + their bits."""
    modifier = f";{bits + 1}" if bits else ""
    if key in _CURSOR:
        return f"{_ESCAPE}[{'1' if bits else ''}{modifier}{_CURSOR[key]}"
    if key in _TILDE:
        return f"{_ESCAPE}[{_TILDE[key]}{modifier}~"
    if key in _SS3:
        return f"{_ESCAPE}[1{modifier}{_SS3[key]}" if bits else f"{_ESCAPE}O{_SS3[key]}"
    return None


def _character(key: str, modifiers: set[str]) -> str | None:
    """Return a character or a named key with ctrl and alt: alt is an escape in front of it."""
    plain = key if len(key) == 1 else _NAMED.get(_ALIASES.get(key.lower(), key.lower()))
    if modifiers == {"shift"} and len(key) == 1 and key.isalpha():
        return key.upper()
    if plain is None or "shift" in modifiers or not modifiers:
        return None
    if "ctrl" in modifiers:
        if len(key) != 1:
            return None
        letter = key.lower()
        if "a" <= letter <= "z":
            plain = chr(ord(letter) & 0x1F)
        elif letter in _CONTROL_SYMBOLS:
            plain = _CONTROL_SYMBOLS[letter]
        else:
            return None
    return f"{_ESCAPE}{plain}" if "alt" in modifiers else plain
