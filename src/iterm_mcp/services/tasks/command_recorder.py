"""Runs a command on a terminal of its own inside a pane's, and keeps the end of what it prints.

It is run as a file of its own, by the bare interpreter: standard library only. What is kept does
not depend on who looks on: neither on a daemon, nor on how much a terminal remembers. A command is
begun once for each log: who comes second, after a crash between, begins nothing.

Usage: ``command_recorder.py LOG COMMAND [ARGUMENT…]``. It ends as the command ended. Of the log,
``LOG.1`` holds what came before ``LOG``, and what came before that is forgotten.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import sys
import termios
import tty
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HALF_BYTES = 4 << 20
"""Of each of the log's two files."""

READ_BYTES = 1 << 16
BEGUN_EXIT = 75
NOT_STARTED_EXIT = 127

PASSED_ON = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT})


class Log:
    """A file with the end of what was printed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._size = 0
        self._file = self._open()

    def write(self, data: bytes) -> None:
        """Keep what was printed; a full disk keeps nothing, and ends nothing."""
        if self._size >= HALF_BYTES:
            os.close(self._file)
            os.rename(self._path, f"{self._path}.1")  # noqa: PTH104 - no pathlib here
            self._file, self._size = self._open(), 0
        with suppress(OSError):
            os.write(self._file, data)
        self._size += len(data)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)


class Recorder:
    """A command, its terminal, and the one that it is shown on."""

    def __init__(self, log: Log, command: list[str]) -> None:
        self._log = log
        self._bell, ring = os.pipe()
        for one in (self._bell, ring):
            os.set_blocking(one, False)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGWINCH, *PASSED_ON):
            signal.signal(number, lambda *_: None)
        self._master, slave = os.openpty()
        self._modes = _modes(0)
        _copy_size(0, self._master)
        self._pid = _start(command, slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._ending: int | None = None
        self._typed = bytearray()
        self._reads = [self._master, self._bell, *([0] if self._modes is not None else [])]
        self._shown = True

    def run(self) -> int:
        """Pass on what is printed and typed until the command has ended; return how it ended."""
        if self._modes is not None:
            tty.setraw(0, termios.TCSADRAIN)  # what was typed before stays
        try:
            while self._ending is None:
                writes = [self._master] if self._typed and self._master in self._reads else []
                ready, free, _ = select.select(self._reads, writes, [])
                if self._bell in ready:
                    self._ring()
                if self._master in ready:
                    self._pass_on()
                if 0 in ready:
                    self._take_keys()
                if free:
                    self._type()
            while self._pass_on():
                pass  # what it printed last
        finally:
            if self._modes is not None:
                with suppress(termios.error):
                    termios.tcsetattr(0, termios.TCSADRAIN, self._modes)
        return os.waitstatus_to_exitcode(self._ending)

    def _ring(self) -> None:
        for number in os.read(self._bell, READ_BYTES):
            if number == signal.SIGWINCH:
                _copy_size(0, self._master)
            elif number == signal.SIGCHLD:
                pid, ending = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    self._ending = ending
            else:
                with suppress(OSError):
                    os.killpg(self._pid, number)

    def _pass_on(self) -> bool:
        """Show and keep what was printed; False when there is nothing now."""
        try:
            data = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # every program on that terminal has closed it
            data = b""
        if not data:
            if self._master in self._reads:
                self._reads.remove(self._master)
            return False
        self._log.write(data)
        if self._shown:
            try:
                _write(1, data)
            except OSError:  # the pane is gone; what is printed is kept all the same
                self._shown = False
        return True

    def _take_keys(self) -> None:
        try:
            data = os.read(0, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._reads.remove(0)
        self._typed += data

    def _type(self) -> None:
        with suppress(BlockingIOError):
            del self._typed[: os.write(self._master, self._typed)]


def _start(command: list[str], slave: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ, *PASSED_ON):
            signal.signal(number, signal.SIG_DFL)
        os.login_tty(slave)
        os.execvp(command[0], command)  # noqa: S606 - the command itself
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\r\n".encode())
    finally:
        os._exit(NOT_STARTED_EXIT)


def _modes(terminal: int) -> list[Any] | None:
    try:
        return termios.tcgetattr(terminal)
    except termios.error:
        return None


def _copy_size(shown: int, master: int) -> None:
    with suppress(OSError):
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(shown, termios.TIOCGWINSZ, bytes(8)))


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def main(log: str, *command: str) -> int:
    """Run a command that was not run before; return its exit code, or end by its signal."""
    try:
        os.close(os.open(f"{log}.begun", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        _write(2, b"[this was begun before, and is not begun again]\r\n")
        return BEGUN_EXIT
    code = Recorder(Log(log), [*command]).run()
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its own is enough
        with suppress(OSError):  # what cannot be handled cannot be set, either
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
