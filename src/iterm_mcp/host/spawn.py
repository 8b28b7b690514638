"""Starting a program on a new pseudo-terminal, fast however large this process is."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.host import capacity
from iterm_mcp.host.limits import shell_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Python can start a program without copying this process's page tables (vfork), but not make a
# terminal its controlling one; opening it as a session's leader does. The shell replaces itself.
_TRAMPOLINE = 'ulimit -S -n "$1"; t=$2; shift 2; exec "$@" <>"$t" >&0 2>&0'

_OPEN = "open a pseudo-terminal"


class PtyError(ItermMcpError):
    """A program could not be started on a pseudo-terminal; the message says why."""

    default_code = "pty_error"


class LimitReachedError(PtyError):
    """The system has no file, terminal or process left; the message names its limit."""

    default_code = "limit_reached"


def spawn_on_pty(
    argv: Sequence[str], columns: int, rows: int, directory: str, environ: Mapping[str, str]
) -> tuple[int, int, str]:
    """Start a program as the leader of a new session on a new terminal.

    Returns:
        Its process id, the terminal's master (non-blocking, closed in children) and its path.

    Raises:
        PtyError: See `Pty.spawn`.
    """
    _check_program(argv, directory, environ)
    try:
        master, slave = os.openpty()
    except OSError as error:
        raise _explain(error, _OPEN) from None
    try:
        name = os.ttyname(slave)
        set_size(slave, columns, rows)
        os.set_blocking(master, False)
        process = subprocess.Popen(
            ["/bin/sh", "-c", _TRAMPOLINE, "sh", shell_limit(), name, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=directory,
            env=environ,
            start_new_session=True,
        )
    except BaseException as error:
        os.close(master)
        if isinstance(error, (OSError, ValueError)):  # ValueError: a NUL in a string
            raise _explain(error, f"start {argv[0]!r} in {directory!r}") from None
        raise
    finally:
        os.close(slave)
    process.returncode = 0  # it is reaped here, not by subprocess
    return process.pid, master, name


def set_size(fd: int, columns: int, rows: int) -> None:
    """Set the size of a terminal, given either of its ends."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _check_program(argv: Sequence[str], directory: str, environ: Mapping[str, str]) -> None:
    """Raise what the shell would otherwise print into the new terminal."""
    if not argv or not argv[0]:
        raise PtyError("no program was named")
    folder = Path(directory)
    if not folder.is_dir():
        raise PtyError(f"the folder {directory!r} does not exist")
    program = argv[0]
    wanted = str(folder / program) if "/" in program else program
    if shutil.which(wanted, path=environ.get("PATH", os.defpath)) is None:
        raise PtyError(f"there is no executable program {program!r}")


def _explain(error: Exception, what: str) -> PtyError:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EMFILE, errno.ENFILE):
        reason, limit = "too many files are open", capacity.file_limit()
    elif number == errno.EAGAIN:
        reason, limit = "too many processes run", capacity.process_limit()
    elif number in (errno.ENOSPC, errno.ENXIO, errno.ENOENT) and what == _OPEN:
        reason, limit = "none is left", capacity.pty_limit()
    else:
        return PtyError(f"could not {what}: {error}")
    named = f" (the limit of {limit.what} is {limit.value})" if limit else ""
    remedy = f", or {limit.remedy}" if limit else ""
    return LimitReachedError(f"could not {what}: {reason}{named}", hint=f"Close sessions{remedy}.")
