"""From what happens in a session to the lines of its recording. Pure."""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, NamedTuple

from iterm_mcp.host.recording.asciicast import INPUT, OUTPUT, Event, event_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOGETHER_MS = 10
"""Pieces of output that are no further apart from the first make one event: no eye sees it."""

MAX_PIECE_BYTES = 1 << 16
"""An event holds about so much: encoding one keeps the other threads waiting."""

_Utf8 = getincrementaldecoder("utf-8")


class Happening(NamedTuple):
    """What happened at a time, in milliseconds since the beginning.

    `data` is bytes for output and input, as they were read, cut anywhere.
    """

    at: int
    code: str
    data: bytes | str


class Encoder:
    """Makes lines of happenings that come in order, in any number of batches.

    Bytes that are no UTF-8 become U+FFFD; a character that is cut in two by a read is put
    together again, and comes with its second half.

    Attributes:
        at: The time of the last line, which the next one's is counted from.
    """

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self._decoders = {code: _Utf8("replace") for code in (OUTPUT, INPUT)}

    def encode(self, happenings: Iterable[Happening]) -> Iterator[bytes]:
        """Yield the lines of a batch; it ends between two events."""
        for event in self._events(happenings):
            yield self._line(event)

    def finish(self) -> bytes:
        """Return the lines for halves of characters whose other halves never came."""
        return b"".join(
            self._line(Event(self.at, code, rest))
            for code, decoder in self._decoders.items()
            if (rest := decoder.decode(b"", final=True))
        )

    def forget(self, since: int) -> None:
        """Go back to a time `at`, since when all lines are lost, and halves of characters too."""
        self.at = since
        for decoder in self._decoders.values():
            decoder.reset()

    def _line(self, event: Event) -> bytes:
        line = event_line(event, self.at)
        self.at = max(self.at, event.at)
        return line

    def _events(self, happenings: Iterable[Happening]) -> Iterator[Event]:
        pieces: list[bytes] = []
        size = at = 0
        for one in happenings:
            joins = one.code == OUTPUT and isinstance(one.data, bytes)
            if pieces and (
                not joins or one.at - at > TOGETHER_MS or size + len(one.data) > MAX_PIECE_BYTES
            ):
                yield from self._decoded(Event(at, OUTPUT, ""), b"".join(pieces))
                pieces.clear()
            if isinstance(one.data, str):
                yield Event(one.at, one.code, one.data)
            elif joins:
                if not pieces:
                    at, size = one.at, 0
                pieces.append(one.data)
                size += len(one.data)
            else:
                yield from self._decoded(Event(one.at, one.code, ""), one.data)
        if pieces:
            yield from self._decoded(Event(at, OUTPUT, ""), b"".join(pieces))

    def _decoded(self, event: Event, data: bytes) -> Iterator[Event]:
        text = self._decoders[event.code].decode(data)
        if text:
            yield event._replace(data=text)
