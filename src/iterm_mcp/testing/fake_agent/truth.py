"""What really happened, line by line: the ground truth that others are measured against.

A line is a JSON object with ``n`` (counted from 1 in one process), ``pid``, ``at`` (UTC, ISO 8601),
``monotonic`` (seconds of the machine's monotonic clock, comparable between processes of one
machine), ``what``, and what belongs to it. It is on the disk before the agent goes on, so that a
``kill -9`` loses nothing that had happened. Several processes may append to one file.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock

FILE_MODE = 0o600


class Truth:
    """An append-only record; without a path nothing is kept.

    Args:
        path: The file; its folder must exist.
        sync: Wait for the disk after each line. Without it a line outlasts the process, but not
            the machine.

    Raises:
        OSError: On creation, when the file cannot be opened.
    """

    def __init__(self, path: str | None, clock: Clock, *, sync: bool = True) -> None:
        self._clock = clock
        self._sync = sync
        self._count = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = None if path is None else os.open(path, flags, FILE_MODE)

    def note(self, what: str, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Write down what has just happened."""
        if self._file is None:
            return
        self._count += 1
        line = {
            "n": self._count,
            "pid": os.getpid(),
            "at": self._clock.now().isoformat(),
            "monotonic": round(self._clock.monotonic(), 6),
            "what": what,
            **fields,
        }
        os.write(self._file, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        if self._sync:
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file; what is noted later is dropped."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
