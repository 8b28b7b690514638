"""By how much a directory grows, looked at a few files at a time. Blocking."""

from __future__ import annotations

import os
from contextlib import suppress

ENTRIES = 2000
"""Files and folders that are looked at in one step, some 15 ms of them."""


class DirectoryGrowth:
    """Goes round through a directory, and starts again when it is through.

    What a directory holds when it is first gone through is where its growth begins; so growth is
    known after the second time round. Hard links count each; what other file systems hold that
    are mounted in it counts as well.

    Args:
        begin_bytes: What it held at the beginning, where somebody knows.
    """

    def __init__(self, path: str, begin_bytes: int | None = None) -> None:
        self._path = path
        self._begin = begin_bytes
        self._open: list[str] = [path]
        self._sum = 0
        self.grown_bytes: int | None = None

    def step(self, entries: int = ENTRIES) -> None:
        """Look at so many more; no folder's entries are left for the next step."""
        while entries > 0:
            if not self._open:
                self._finish()
                return
            entries -= self._look_into(self._open.pop())

    def _look_into(self, folder: str) -> int:
        seen = 1
        with suppress(OSError), os.scandir(folder) as found:
            for one in found:
                seen += 1
                with suppress(OSError):  # it has gone meanwhile
                    self._sum += one.stat(follow_symlinks=False).st_blocks * 512
                    if one.is_dir(follow_symlinks=False):
                        self._open.append(one.path)
        return seen

    def _finish(self) -> None:
        if self._begin is None:
            self._begin = self._sum
        else:
            self.grown_bytes = max(0, self._sum - self._begin)
        self._open, self._sum = [self._path], 0
