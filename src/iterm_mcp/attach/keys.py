"""What a person types: keys for the shell, and commands after the prefix. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

PASTE_START, PASTE_END = b"\x1b[200~", b"\x1b[201~"

COMMANDS = {
    b"d": "detach", b"o": "next pane", b"n": "next tab", b"p": "previous tab", b"?": "help",
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left",
    b"\x1bOA": "up", b"\x1bOB": "down", b"\x1bOC": "right", b"\x1bOD": "left",
}  # fmt: skip
"""What the keys after the prefix do."""


@dataclass(frozen=True, slots=True)
class Typed:
    """Bytes for the shell; `pasted` when they are a part of a bracketed paste, marks and all."""

    data: bytes
    pasted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Command:
    """One of the values of `COMMANDS`, or ``unknown``."""

    name: str


def parse_prefix(text: str) -> bytes:
    """Return the byte of a control key that is written as ``ctrl-x``, ``C-x`` or ``^x``.

    Raises:
        ValueError: It is no such key.
    """
    lowered = text.lower()
    for start in ("ctrl-", "c-", "^"):
        key = lowered.removeprefix(start)
        if key != lowered and len(key) == 1 and "@" <= key.upper() <= "_":
            code = ord(key.upper()) & 0x1F
            if code not in {0x0A, 0x0D, 0x1B}:  # return, and what every other key begins with
                return bytes([code])
    raise ValueError(f"{text!r} is no control key such as ctrl-] or ctrl-b")


class KeyReader:
    """Takes what was read, in whatever pieces, and says what is meant.

    Inside a bracketed paste the prefix is text like any other.
    """

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix[0]
        self._after: bytearray | None = None  # what came after the prefix, so far
        self._recent = b""
        self._pasting = False

    def feed(self, data: bytes) -> list[Typed | Command]:
        """Return what these bytes complete."""
        found: list[Typed | Command] = []
        plain = bytearray()
        pasted = self._pasting
        for byte in data:
            if self._after is not None:
                said = self._command(byte)
                if isinstance(said, Typed):
                    plain += said.data
                elif said is not None:
                    _flush(plain, found, pasted=pasted)
                    found.append(said)
            elif byte == self._prefix and not self._pasting:
                self._after = bytearray()
            else:
                plain.append(byte)
                self._notice(byte)
                if self._pasting and not pasted:
                    before = plain[: -len(PASTE_START)]
                    del plain[: len(before)]
                    _flush(before, found, pasted=False)
                elif pasted and not self._pasting:
                    _flush(plain, found, pasted=True)
                pasted = self._pasting
        _flush(plain, found, pasted=pasted)
        return found

    def _command(self, byte: int) -> Typed | Command | None:
        after = self._after or bytearray()
        if not after and byte == self._prefix:
            self._after = None
            return Typed(bytes([byte]))
        after.append(byte)
        keys = bytes(after)
        if keys not in COMMANDS and any(one.startswith(keys) for one in COMMANDS):
            self._after = after
            return None
        self._after = None
        return Command(COMMANDS.get(keys, "unknown"))

    def _notice(self, byte: int) -> None:
        self._recent = (self._recent + bytes([byte]))[-len(PASTE_START) :]
        if self._recent == PASTE_START:
            self._pasting = True
        elif self._recent == PASTE_END:
            self._pasting = False


def _flush(plain: bytearray, found: list[Typed | Command], *, pasted: bool) -> None:
    if plain:
        found.append(Typed(bytes(plain), pasted))
        plain.clear()
