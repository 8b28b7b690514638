"""Learning that a child process has ended, and leaving no zombie.

Linux tells through a file descriptor of the process. Elsewhere SIGCHLD wakes one sweep over all
children that are being watched; that needs the loop of the main thread. Children that nobody
watches here are never waited for.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    OnExit = Callable[[int | None], None]

SIGNAL_BASE = 128
"""A program that was ended by signal n counts as having ended with code 128 + n."""


def watch_exit(pid: int, on_exit: OnExit) -> None:
    """Call `on_exit` once, from the running loop, when a child has ended; it is reaped then.

    The code is None when somebody else has reaped the child, so that nobody can know it. A
    watch cannot be withdrawn: an unwatched child would become a zombie.
    """
    loop = asyncio.get_running_loop()
    fd = _open_pidfd(pid)
    if fd is None:
        _Sweep.of(loop).add(pid, on_exit)
        return

    def readable() -> None:
        ended, code = reap(pid)
        if ended:
            loop.remove_reader(fd)
            os.close(fd)
            on_exit(code)

    loop.add_reader(fd, readable)


def reap(pid: int) -> tuple[bool, int | None]:
    """Ask without waiting whether a child has ended, and with which code."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True, None
    if not reaped:
        return False, None
    code = os.waitstatus_to_exitcode(status)
    return True, code if code >= 0 else SIGNAL_BASE - code


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux; a kernel before 5.3; no descriptors left
        return None


class _Sweep:
    """Asks about every watched child whenever any child of this process has ended."""

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, _Sweep]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[int, OnExit] = {}

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Sweep:
        if (sweep := cls._by_loop.get(loop)) is None:
            sweep = cls._by_loop[loop] = cls(loop)
        return sweep

    def add(self, pid: int, on_exit: OnExit) -> None:
        if not self._watched:
            self._loop.add_signal_handler(signal.SIGCHLD, self._sweep)
        self._watched[pid] = on_exit
        self._loop.call_soon(self._sweep)  # it may have ended before the handler stood

    def _sweep(self) -> None:
        for pid, on_exit in list(self._watched.items()):
            ended, code = reap(pid)
            if ended:
                del self._watched[pid]
                on_exit(code)
        if not self._watched:
            self._loop.remove_signal_handler(signal.SIGCHLD)
