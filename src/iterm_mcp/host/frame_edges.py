"""Where one WebSocket frame ends and the next begins, in what a client sends (RFC 6455, 5.2).

The library reads frames in general. Nearly all of what clients of the API send is simpler: a short
message in one frame that comes in one piece. To take that up on its own it must be known that
the library is not in the middle of another.
"""

from __future__ import annotations

try:
    from websockets.speedups import apply_mask
except ImportError:  # it has not been compiled here
    from websockets.utils import apply_mask

_WHOLE_BINARY = 0x82  # the last frame of a message, which is binary, with no extension
_LAST, _CONTROL = 0x80, 0x08
_MASKED, _LENGTH = 0x80, 0x7F
_IN_TWO_BYTES, _IN_EIGHT_BYTES = 126, 127
_MASK_BYTES = 4


class FrameEdges:
    """Follows frames, however they are cut. Begins between two messages."""

    __slots__ = ("_head", "_left", "_unfinished")

    def __init__(self) -> None:
        self._head = b""  # of a frame whose length is not known yet
        self._left = 0  # bytes of the last frame that are still to come
        self._unfinished = False  # the last message goes on in another frame

    @property
    def between(self) -> bool:
        """Whether all messages that have begun have ended."""
        return not (self._left or self._head or self._unfinished)

    def follow(self, data: bytes) -> None:
        """Let data pass by."""
        if self._head:
            data, self._head = self._head + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                passed = min(self._left, end - at)
                self._left -= passed
                at += passed
                continue
            if end - at < 2 or end - at < (size := _head_size(data[at + 1])):  # noqa: PLR2004 - as each frame begins
                self._head = data[at:]
                return
            if not data[at] & _CONTROL:
                self._unfinished = not data[at] & _LAST
            self._left = _length(data, at)
            at += size


def whole_message(data: bytes) -> bytes | None:
    """Return the message that data is, if it is one whole frame of 64 KiB at most; else None."""
    if len(data) < 2 + _MASK_BYTES or data[0] != _WHOLE_BINARY or not data[1] & _MASKED:
        return None
    size = _head_size(data[1])
    if data[1] & _LENGTH == _IN_EIGHT_BYTES or len(data) != size + _length(data, 0):
        return None
    return apply_mask(data[size:], data[size - _MASK_BYTES : size])


def frame_of(message: bytes) -> bytes:
    """Return a message as one frame, as a server sends it."""
    size = len(message)
    if size < _IN_TWO_BYTES:
        head = bytes((_WHOLE_BINARY, size))
    elif size < 1 << 16:
        head = bytes((_WHOLE_BINARY, _IN_TWO_BYTES)) + size.to_bytes(2, "big")
    else:
        head = bytes((_WHOLE_BINARY, _IN_EIGHT_BYTES)) + size.to_bytes(8, "big")
    return head + message


def _head_size(second: int) -> int:
    """Return how long a frame's head is whose second byte is that."""
    length = second & _LENGTH
    extra = 2 if length == _IN_TWO_BYTES else 8 if length == _IN_EIGHT_BYTES else 0
    return 2 + extra + (_MASK_BYTES if second & _MASKED else 0)


def _length(data: bytes, at: int) -> int:
    """Return how many bytes follow the head of a frame that begins there."""
    length = data[at + 1] & _LENGTH
    if length == _IN_TWO_BYTES:
        return int.from_bytes(data[at + 2 : at + 4], "big")
    if length == _IN_EIGHT_BYTES:
        return int.from_bytes(data[at + 2 : at + 10], "big")
    return length
