"""Bytes cut into lines, whatever pieces they come in. Standard library only: the bridge runs it."""

from __future__ import annotations


class LineBuffer:
    """Cuts bytes into lines; one that is longer than the limit is left out.

    Attributes:
        left_out: How many lines were.
    """

    def __init__(self, limit: int) -> None:
        self.left_out = 0
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that these bytes complete, without their newlines."""
        self._rest += data
        whole = b""
        if (end := data.rfind(b"\n")) >= 0:
            end += len(self._rest) - len(data)
            whole = bytes(self._rest[: end + 1])
            del self._rest[: end + 1]
        lines = whole.split(b"\n")[:-1]
        if lines and self._skipping:
            self._skipping = False
            del lines[0]
        if len(self._rest) > self._limit:
            self._rest.clear()
            self.left_out += not self._skipping
            self._skipping = True
        fit = [line for line in lines if len(line) <= self._limit]
        self.left_out += len(lines) - len(fit)
        return fit

    def rest(self) -> bytes:
        """Return what came after the last newline, and forget it: no more will come."""
        left = bytes(self._rest)
        self._rest.clear()
        self._skipping = False
        return left
