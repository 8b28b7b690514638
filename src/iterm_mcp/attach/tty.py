"""The person's terminal: taken whole for a while, and given back as it was."""

from __future__ import annotations

import fcntl
import os
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENTER = b"\x1b[?1049h\x1b[0m\x1b[2J"
_LEAVE = b"\x1b[?2026l\x1b[0m\x1b[?1l\x1b>\x1b[?2004l\x1b[?25h\x1b[?1049l"


@contextmanager
def whole_terminal(fd: int) -> Iterator[None]:
    """Use the alternate screen, and take keys as they are typed; undo both in any case."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        write_all(fd, _ENTER)
        yield
    finally:
        # A terminal that has gone away needs nothing back.
        try:
            write_all(fd, _LEAVE)
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
        except (OSError, termios.error):
            pass


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, however slowly the terminal takes it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class FirstAttached:
    """Whether this is the one view of a window that may resize it.

    The right is a lock on one byte of a file, which ends with the process.
    """

    def __init__(self, path: str, window_id: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._byte = crc32(window_id.encode())

    def mine(self) -> bool:
        """Take the right if nobody has it; tell whether it is ours."""
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._byte)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def close(self) -> None:
        """Give the right back."""
        os.close(self._fd)
