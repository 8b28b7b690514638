"""How much memory processes take together, when it is worth the time to know.

Resident memory is there for nothing, and counts a page once for each process that shares it. The
proportional one counts it once, and has the system walk all pages: some 0.4 ms for a process, and
20 ms for a gigabyte.
"""

from __future__ import annotations

import os
from time import thread_time

FILE = "smaps_rollup"
BYTES = 4096

_PREFIX = b"Pss:"


class ExactMemory:
    """Asks for it within a budget of CPU seconds, which is given anew for every round.

    Args:
        folder: Where processes stand; what is not there cannot be told, as on macOS.
    """

    def __init__(self, budget_seconds: float, folder: str = "/proc") -> None:
        self._budget = budget_seconds
        self._folder = folder
        self._left = 0.0

    def begin_round(self) -> None:
        """Give the budget anew."""
        self._left = self._budget

    def of(self, pids: tuple[int, ...]) -> int | None:
        """Return the bytes that processes take together; None where that cannot be told now."""
        total = 0
        for pid in pids:
            if self._left <= 0:
                return None
            began = thread_time()
            size = _pss(self._folder, pid)
            self._left -= thread_time() - began
            if size is None:
                return None
            total += size
        return total


def _pss(folder: str, pid: int) -> int | None:
    """Return the bytes of a process; 0 when it has ended, None where it cannot be told."""
    try:
        file = os.open(f"{folder}/{pid}/{FILE}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0 if os.path.exists(f"{folder}/self/{FILE}") else None  # noqa: PTH110
    except OSError:
        return None
    try:
        content = os.read(file, BYTES)
    except OSError:  # it has no memory any more
        return 0
    finally:
        os.close(file)
    for line in content.splitlines():
        if line.startswith(_PREFIX):
            return int(line.split()[1]) * 1024
    return None
