"""A file that lines are appended to, and that is put aside when it is large."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 10_000_000
KEPT_FILES = 3
"""How many there are of one log: the file itself, then ``.1`` and ``.2``, which is the oldest."""


class LogFile:
    """One log. Its methods block: call them in a thread, one at a time.

    Args:
        max_bytes: A file that has so many is put aside before more is written.
        kept_files: 2 or more.
    """

    def __init__(
        self, path: str, *, max_bytes: int = MAX_BYTES, kept_files: int = KEPT_FILES
    ) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._kept_files = kept_files

    def append(self, lines: Iterable[str]) -> None:
        """Write lines at the end; only the owner may read them.

        Raises:
            OSError: They cannot all be written.
        """
        data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        file = Path(self.path)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            if file.stat().st_size >= self._max_bytes:
                self._rotate()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        names = [self.path, *(f"{self.path}.{number}" for number in range(1, self._kept_files))]
        for number in range(len(names) - 1, 0, -1):
            with suppress(FileNotFoundError):
                Path(names[number - 1]).replace(names[number])
