"""What a terminal sends, as the keys that were pressed, in iTerm2's words. Pure.

A terminal sends text, not keys: what it leaves out (which of two keys types a character, when one
is released) is filled in as on a US keyboard. The numbers of keys are a Mac's; a character that
stands on no key of it has number 0, as in the events that macOS makes up itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm2.keyboard import Keycode

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_KEYS = 64
"""More at once than this were not pressed one by one."""

_SEQUENCE = re.compile(
    r"\x1b(?:O(?P<ss3>[A-FHP-S])|\[(?:1;(?P<held>\d))?(?P<final>[A-FHP-S])"
    r"|\[(?P<number>\d+)(?:;(?P<also>\d))?~|(?P<backtab>\[Z))"
)
_UNKNOWN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])")

_FINALS = {
    "A": ("UP_ARROW", 0xF700), "B": ("DOWN_ARROW", 0xF701), "C": ("RIGHT_ARROW", 0xF703),
    "D": ("LEFT_ARROW", 0xF702), "F": ("END", 0xF72B), "H": ("HOME", 0xF729),
    **{final: (f"F{number}", 0xF703 + number) for number, final in enumerate("PQRS", 1)},
}  # fmt: skip
_NUMBERS = {
    1: ("HOME", 0xF729), 2: ("HELP", 0xF727), 3: ("FORWARD_DELETE", 0xF728), 4: ("END", 0xF72B),
    5: ("PAGE_UP", 0xF72C), 6: ("PAGE_DOWN", 0xF72D), 7: ("HOME", 0xF729), 8: ("END", 0xF72B),
    **{
        sent: (f"F{number}", 0xF703 + number)
        for number, sent in enumerate((11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24), 1)
    },
}  # fmt: skip
_HELD = (("SHIFT", 1), ("OPTION", 2), ("CONTROL", 4))

_CONTROLS = {
    "\r": Keycode.RETURN, "\n": Keycode.RETURN, "\t": Keycode.TAB, "\x7f": Keycode.DELETE,
    "\x1b": Keycode.ESCAPE, " ": Keycode.SPACE,
}  # fmt: skip
_SYMBOLS = {
    "-_": "MINUS", "=+": "EQUAL", "[{": "LEFT_BRACKET", "]}": "RIGHT_BRACKET", ";:": "SEMICOLON",
    "'\"": "QUOTE", "\\|": "BACKSLASH", ",<": "COMMA", ".>": "PERIOD", "/?": "SLASH", "`~": "GRAVE",
    **{pair: pair[0] for pair in ("1!", "2@", "3#", "4$", "5%", "6^", "7&", "8*", "9(", "0)")},
    **{letter + letter.upper(): letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"},
}  # fmt: skip
_CODES = {one: Keycode[f"ANSI_{name}"] for pair, name in _SYMBOLS.items() for one in pair}
_SHIFTED = {pair[1] for pair in _SYMBOLS}


@dataclass(frozen=True, slots=True)
class Key:
    """One key that went down.

    Attributes:
        sent: What the terminal sent, which is what the program gets.
        characters: What it types; `plain` is the same without modifiers other than shift.
        modifiers: Names such as ``CONTROL``.
        code: The key's number.
    """

    sent: str
    characters: str
    plain: str
    modifiers: tuple[str, ...] = ()
    code: int = 0


def pressed(text: str) -> Iterator[Key | str]:
    """Yield keys, and what is none as it stands: all of it together is the text."""
    if len(text) > MAX_KEYS:
        yield text
        return
    at = 0
    while at < len(text):
        one = _next(text, at)
        yield one
        at += len(one.sent if isinstance(one, Key) else one)


def _next(text: str, at: int) -> Key | str:
    if found := _SEQUENCE.match(text, at):
        return _special(found)
    if unknown := _UNKNOWN.match(text, at):
        return unknown[0]
    if text[at] == "\x1b" and at + 1 < len(text) and text[at + 1] != "\x1b":
        key = _plain(text[at + 1])
        return Key(
            text[at : at + 2], key.characters, key.plain, ("OPTION", *key.modifiers), key.code
        )
    return _plain(text[at])


def _special(found: re.Match[str]) -> Key | str:
    if found["backtab"]:
        return Key(found[0], "\x19", "\x19", ("SHIFT",), Keycode.TAB.value)
    final = found["ss3"] or found["final"]
    known = _FINALS.get(final) if final else _NUMBERS.get(int(found["number"]))
    if known is None:
        return found[0]
    name, character = known
    bits = max(int(found["held"] or found["also"] or 1) - 1, 0)
    held = tuple(modifier for modifier, bit in _HELD if bits & bit)
    pad = ("NUMPAD",) if name.endswith("ARROW") else ()
    return Key(
        found[0], chr(character), chr(character), (*held, "FUNCTION", *pad), Keycode[name].value
    )


def _plain(character: str) -> Key:
    if character in _CONTROLS:
        return Key(character, character, character, (), _CONTROLS[character].value)
    if character < " ":
        letter = " " if character == "\0" else chr(ord(character) | 0x40).lower()
        code = (_CONTROLS | _CODES)[letter].value
        return Key(character, character, letter, ("CONTROL",), code)
    held = ("SHIFT",) if character in _SHIFTED else ()
    code = _CODES[character].value if character in _CODES else 0
    return Key(character, character, character, held, code)
