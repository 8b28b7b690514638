r"""Operating system commands (OSC), picked out of a program's output as it passes by.

The emulator keeps most of them to itself, so this scanner stands in front of it. It needs no
full parser: ``ESC ]`` starts an OSC whatever came before it, and BEL or ``ESC \`` ends it.
CAN, SUB or any other escape sequence abandons it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PAYLOAD_BYTES = 1 << 20
"""A longer OSC (an image, say) is not reported at all; half of one would only mislead."""

_START = b"\x1b]"
_ENDING = re.compile(rb"[\x07\x18\x1a\x1b]")
_INNER_MARK = re.compile(rb"133;[AN];(?:[^;]*;)*k=[scr](?:;|$)")
_BEL = 0x07
_ESC = 0x1B
_BACKSLASH = 0x5C
_BRACKET = 0x5D
_MAX_CODE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class OscEvent:
    """One complete OSC.

    Attributes:
        code: Its number, such as 133.
        payload: What follows ``code;``, decoded as UTF-8 with U+FFFD for what is not.
        column: Where the cursor stood after the emulator had seen it; may equal the width.
        line: The same, as an absolute line.
        end: What has ended it, BEL or ST; an answer ends alike.
    """

    code: int
    payload: str
    column: int
    line: int
    end: bytes = b"\x07"


class OscState(NamedTuple):
    """What a scanner remembers of the bytes that have passed."""

    in_osc: bool
    after_escape: bool
    payload: bytes


class OscScanner:
    """Finds where OSCs end, across any chunking.

    Cutting the same bytes differently never changes what is found.
    """

    __slots__ = ("_after_escape", "_in_osc", "_payload")

    def __init__(self) -> None:
        self._in_osc = False
        self._after_escape = False
        self._payload = bytearray()

    def state(self) -> OscState:
        """Return what is remembered, for `take_over`."""
        return OscState(self._in_osc, self._after_escape, bytes(self._payload))

    def take_over(self, state: OscState) -> None:
        """Go on where another scanner has stopped."""
        self._in_osc, self._after_escape = state.in_osc, state.after_escape
        self._payload[:] = state.payload

    def passes(self, data: bytes) -> bool:
        """Tell whether `data` can pass without `split`: no OSC is open in it or starts in it."""
        if self._in_osc or self._after_escape:
            return False
        # One byte is found many times sooner than two, and plain text has no escapes.
        if _ESC not in data:
            return True
        return not (data.endswith(b"\x1b") or (_BRACKET in data and _START in data))

    def split(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield each OSC that ends in `data`: the offset just after it, and its content.

        The content is all between the introducer and the terminator, code included.
        """
        at = 0
        end = len(data)
        while at < end:
            if self._after_escape:
                at, complete = self._resume(data, at)
                if complete:
                    yield at, self._take()
            elif not self._in_osc:
                start = data.find(_START, at)
                if start < 0:
                    self._after_escape = data.endswith(b"\x1b")
                    return
                self._open()
                at = start + len(_START)
            else:
                ending = _ENDING.search(data, at)
                if ending is None:
                    self._collect(data[at:])
                    return
                self._collect(data[at : ending.start()])
                at = ending.end()
                byte = data[at - 1]
                if byte == _BEL:
                    if len(self._payload) <= MAX_PAYLOAD_BYTES:
                        yield at, self._take()
                    else:
                        self._take()
                elif byte == _ESC:
                    self._after_escape = True
                else:
                    self._take()

    def _resume(self, data: bytes, at: int) -> tuple[int, bool]:
        """Go on after an escape; return where, and whether it completed an OSC."""
        byte = data[at]
        self._after_escape = False
        if byte == _BRACKET:
            self._open()
            return at + 1, False
        if self._in_osc and byte == _BACKSLASH:
            if len(self._payload) <= MAX_PAYLOAD_BYTES:
                return at + 1, True
            self._take()
            return at + 1, False
        if self._in_osc:
            self._take()
        if byte == _ESC:
            self._after_escape = True
            return at + 1, False
        return at, False

    def _open(self) -> None:
        self._in_osc = True
        self._payload.clear()

    def _collect(self, piece: bytes) -> None:
        # One byte over the limit is enough to know that it was too long.
        room = MAX_PAYLOAD_BYTES + 1 - len(self._payload)
        self._payload += piece[:room]

    def _take(self) -> bytes:
        self._in_osc = False
        content = bytes(self._payload)
        self._payload.clear()
        return content


def parse_osc(content: bytes) -> tuple[int, str] | None:
    """Split an OSC's content into its code and payload; None when it has no number."""
    code, _, payload = content.partition(b";")
    if not code.isdigit() or len(code) > _MAX_CODE_DIGITS:
        return None
    return int(code), payload.decode("utf-8", "replace")


def stay_in_row(data: bytes, content: bytes) -> bytes:
    """Return data that ends in an OSC such that a mark within a command begins no new row.

    The emulator moves to a new row for every prompt that is marked in the middle of one. A right
    prompt (``133;A;k=r``) and a secondary one stand where they are; ``P`` has it leave them there.
    One whose beginning came in earlier data is left as it is: the emulator has that already.
    """
    if not _INNER_MARK.match(content):
        return data
    before, start, rest = data.rpartition(_START)
    return before + start + b"133;P" + rest[5:] if rest.startswith(content) else data
