"""Keys as they are written in manifests: ``/exit<enter>``, ``<ctrl-c>``, ``y``. Pure."""

from __future__ import annotations

import re

from iterm_mcp.agents.kind import Stroke

KEY_PAUSE_SECONDS = 0.05
"""After each key or text: programs take a key for the end of a paste, and Escape for a prefix."""

_NAMED = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "meta-enter": "\x1b\r",
    "lt": "<",
}
_KEY = re.compile(r"<([a-z-]+)>")


def read_keys(text: str) -> tuple[Stroke, ...]:
    """Return the strokes of a text with keys in it.

    Raises:
        ValueError: A key is unknown; the text says which there are.
    """
    strokes = []
    for number, part in enumerate(_KEY.split(text)):
        sent = key_code(part) if number % 2 else part
        if sent:
            strokes.append(Stroke(sent, pause_seconds=KEY_PAUSE_SECONDS))
    return tuple(strokes)


def key_code(name: str) -> str:
    """Return what a key sends.

    Raises:
        ValueError: There is no such key.
    """
    letter = name.removeprefix("ctrl-")
    if letter != name and len(letter) == 1:
        return chr(ord(letter) & 0x1F)
    if name not in _NAMED:
        raise ValueError(
            f"<{name}> is no key; there are <{'>, <'.join(_NAMED)}> and <ctrl-a> to <ctrl-z>"
        )
    return _NAMED[name]
