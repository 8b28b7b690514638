"""What programs say, kept in files that do not grow for ever."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 2_000_000
"""Of a log; there is one older one beside it."""


class BoundedLog:
    """Takes bytes. When a file is full it is the older one, whose place it takes.

    What cannot be written is lost: a full disk ends nothing.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def write(self, told: bytes) -> None:
        """Add to it."""
        with suppress(OSError):
            if self._size() + len(told) > self._most_bytes:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            with self._path.open("ab") as file:
                file.write(told[-self._most_bytes :])

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def last_lines(self, count: int) -> list[str]:
        """Return its end, in plain words."""
        try:
            told = self._path.read_bytes()[-8192:]
        except OSError:
            return []
        return told.decode(errors="replace").splitlines()[-count:]
