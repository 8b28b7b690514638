"""All that an agent and the daemon said to each other, in files of bounded size.

Standard library only: the bridge writes it. A place in the journal is a count of bytes since its
beginning, and means the same for as long as the bridge lives, also when older files are gone.

A record is a line: a mark, when it was written in seconds of the epoch, a blank, and what was said.
"""

from __future__ import annotations

import os
from contextlib import suppress

SEGMENT_BYTES = 16 << 20
SEGMENTS = 3
"""The oldest file goes when another is begun; so at least two files' worth is kept."""

SAID, TOLD, COMPLAINED, NOTED = b"<", b">", b"!", b"="
"""By the agent, to the agent, by the agent to stderr, and by the bridge of the agent's lives."""

_NAME = "talk-{:016d}.log"


class Journal:
    """The journal of one bridge; what a former one left in the folder is removed.

    Attributes:
        base: The first place that can still be read.
        end: The place behind the last record.

    Raises:
        OSError: It cannot be written, by this or any method.
    """

    def __init__(self, folder: str, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.base = 0
        self.end = 0
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segments: list[tuple[int, int]] = []  # where each begins, and its open file
        for name in os.listdir(folder):  # noqa: PTH208 - no pathlib here
            if name.startswith("talk-") and name.endswith(".log"):
                os.unlink(f"{folder}/{name}")  # noqa: PTH108 - nor here
        self._begin()

    def append(self, mark: bytes, line: bytes, at: float) -> None:
        """Write a record; the line has no newline in it."""
        record = b"%s%.6f %s\n" % (mark, at, line)
        begun, file = self._segments[-1]
        if self.end > begun and self.end - begun + len(record) > self._segment_bytes:
            file = self._begin()
            begun = self.end
        written = 0
        try:
            while written < len(record):
                written += os.write(file, record[written:])
        except OSError:
            os.ftruncate(file, self.end - begun)  # no half a record stays
            raise
        self.end += len(record)

    def read(self, place: int, most: int) -> bytes:
        """Return bytes from a place on, at most so many; nothing at the end, or before the base."""
        for begun, file in reversed(self._segments):
            if begun <= place:
                return os.pread(file, min(most, self.end - place), place - begun)
        return b""

    def _begin(self) -> int:
        path = f"{self._folder}/{_NAME.format(self.end)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        file = os.open(path, flags, 0o600)
        self._segments.append((self.end, file))
        while len(self._segments) > SEGMENTS:
            begun, old = self._segments.pop(0)
            os.close(old)
            with suppress(OSError):
                os.unlink(f"{self._folder}/{_NAME.format(begun)}")  # noqa: PTH108
        self.base = self._segments[0][0]
        return file
