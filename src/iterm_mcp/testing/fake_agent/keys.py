"""From the bytes of a terminal to what was pressed, typed and pasted. Pure.

It knows the sequences of xterm and the keyboard protocol of kitty (``CSI code ; modifiers u``).
What it does not know (mouse, focus, answers to queries) is swallowed whole, as programs do.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

PASTE_START = "\x1b[200~"
PASTE_END = "\x1b[201~"

CONTROLS = {
    "\r": "enter",
    "\n": "newline",
    "\t": "tab",
    "\x7f": "backspace",
    "\x08": "backspace",
}
ENDINGS = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"}
TILDES = {"1": "home", "3": "delete", "4": "end", "5": "page-up", "6": "page-down"}
CODES = {9: "tab", 13: "enter", 27: "escape", 127: "backspace"}

_CSI = re.compile(r"\x1b\[([\x30-\x3f]*)[\x20-\x2f]*([\x40-\x7e])")
_STRING = re.compile(r"\x1b[\]PX^_].*?(?:\x07|\x1b\\)", re.DOTALL)
_CSI_BEGUN = re.compile(r"\x1b\[[\x20-\x3f]*$")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]+")
LONGEST_STRING = 4096
"""What begins like an answer to a query and is longer is taken for keys."""


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that came in one go, none of them a control character."""

    text: str


@dataclass(frozen=True, slots=True)
class Pasted:
    """What stood between the marks of a bracketed paste; lines end with a newline."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """A key by name: ``enter``, ``escape``, ``newline`` (ctrl-J), ``ctrl-u``, ``shift-enter``."""

    name: str


Key = Text | Pasted | Press


class KeyDecoder:
    """Takes bytes in any portions, and returns the keys that are complete."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> list[Key]:
        """Return the keys that these bytes complete."""
        self._rest += self._utf8.decode(data)
        keys: list[Key] = []
        while self._rest:
            found = self._take()
            if found is None:
                break
            key, length = found
            self._rest = self._rest[length:]
            if key is not None:
                keys.append(key)
        return keys

    @property
    def pending(self) -> bool:
        """Tell whether an Escape waits for what may follow it."""
        return self._rest.startswith("\x1b") and not self._rest.startswith(PASTE_START)

    def flush(self) -> list[Key]:
        """Return what was waited for in vain: an Escape that was a key of its own."""
        if not self.pending:
            return []
        rest, self._rest = self._rest, ""
        return [Press("escape"), *self.feed(rest[1:].encode())]

    def _take(self) -> tuple[Key | None, int] | None:
        """Return the first key and its length; None while it is not whole."""
        rest = self._rest
        if rest[0] != "\x1b":
            plain = _PLAIN.match(rest)
            if plain is not None:
                return Text(plain[0]), plain.end()
            return Press(_control_name(rest[0])), 1
        if rest.startswith(PASTE_START):
            end = rest.find(PASTE_END)
            if end < 0:
                return None
            body = rest[len(PASTE_START) : end]
            lines = body.replace("\r\n", "\n").replace("\r", "\n")
            return Pasted(lines), end + len(PASTE_END)
        return self._take_escape(rest)

    def _take_escape(  # noqa: PLR0911 - one for each shape of a sequence
        self, rest: str
    ) -> tuple[Key | None, int] | None:
        sequence = _CSI.match(rest)
        if sequence is not None:
            return _named(sequence[1], sequence[2]), sequence.end()
        string = _STRING.match(rest)
        if string is not None:
            return None, string.end()
        if rest == "\x1b" or _CSI_BEGUN.fullmatch(rest):
            return None
        if rest[1] in "]PX^_" and len(rest) < LONGEST_STRING:
            return None
        if rest[1] == "O":
            return None if rest == "\x1bO" else (Press(ENDINGS.get(rest[2], "f-key")), 3)
        if rest[1] == "\x1b":
            return Press("escape"), 1
        return Press(f"meta-{CONTROLS.get(rest[1], rest[1])}"), 2


def _control_name(character: str) -> str:
    if character in CONTROLS:
        return CONTROLS[character]
    return f"ctrl-{chr(ord(character) + 0x60)}" if ord(character) <= 0x1A else "ctrl"  # noqa: PLR2004


def _named(parameters: str, final: str) -> Press | None:
    """Return the key that a control sequence stands for; None for what is no key."""
    if parameters[:1] in {"<", "?", ">", "="}:
        return None
    first, _, second = parameters.partition(";")
    modifiers = second.split(":")[0]
    prefix = {"2": "shift-", "3": "meta-", "5": "ctrl-"}.get(modifiers, "")
    if final == "u":
        code = int(first.split(":")[0] or "0")
        name = CODES.get(code) or (chr(code) if code > 0x20 else "")  # noqa: PLR2004
        return Press(prefix + name) if name else None
    if final == "Z":
        return Press("shift-tab")
    if final == "~":
        return Press(prefix + TILDES[first]) if first in TILDES else None
    return Press(prefix + ENDINGS[final]) if final in ENDINGS else None
