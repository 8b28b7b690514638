"""How many sessions this machine lets the host carry, and what limits them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

ENOUGH = 500 if sys.platform == "darwin" else 1000
"""So many sessions a host should be able to carry; macOS has no more than 999 terminals."""

_FILES_A_SESSION = 2  # its terminal, and what tells of its program's end
_FILES_BESIDE = 64  # listener, clients, logs, recordings
_PTYS = Path("/proc/sys/kernel/pty")
_SYSCTL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that runs out.

    Attributes:
        what: What runs out, in words: ``open files``.
        value: The limit itself.
        sessions: How many sessions there can be until it has run out.
        remedy: How the user raises it.
    """

    what: str
    value: int
    sessions: int
    remedy: str

    def __str__(self) -> str:
        return f"{self.sessions} sessions at most: the limit of {self.what} is {self.value}"


def tightest(found: Iterable[Limit]) -> Limit | None:
    """Return the limit that is reached first; None when there is none."""
    return min(found, key=lambda one: one.sessions, default=None)


def limits() -> list[Limit]:
    """Return every limit that can be told. Blocks for some milliseconds."""
    found = [file_limit(), pty_limit(), process_limit()]
    return [one for one in found if one is not None]


def file_limit() -> Limit | None:
    """Return the limit of open files in this process; None when there is none."""
    value = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if value == resource.RLIM_INFINITY:
        return None
    return Limit(
        "open files",
        value,
        max(0, value - _FILES_BESIDE) // _FILES_A_SESSION,
        f"raise it with `ulimit -n {_FILES_BESIDE + _FILES_A_SESSION * ENOUGH}` (a service: its"
        " LimitNOFILE) and start the host again",
    )


def pty_limit() -> Limit | None:
    """Return the system's limit of pseudo-terminals; None when it cannot be told."""
    try:
        if sys.platform == "darwin":
            name, used = "kern.tty.ptmx_max", 0
            value = int(
                subprocess.run(
                    ["/usr/sbin/sysctl", "-n", name],
                    capture_output=True,
                    check=True,
                    timeout=_SYSCTL_SECONDS,
                ).stdout
            )
        else:
            name = "kernel.pty.max"
            value, used = (int((_PTYS / key).read_text()) for key in ("max", "nr"))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    more = ENOUGH if sys.platform == "darwin" else used + ENOUGH
    return Limit(
        "pseudo-terminals",
        value,
        max(0, value - used),
        f"raise it with `sudo sysctl {name}={more}`",
    )


def process_limit() -> Limit | None:
    """Return the limit of this user's processes; None when there is none, as for root."""
    value = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if value == resource.RLIM_INFINITY or os.geteuid() == 0:
        return None
    mine = sum(
        one.info["uids"] is not None and one.info["uids"].real == os.getuid()
        for one in psutil.process_iter(["uids"])
    )
    return Limit(
        "processes",
        value,
        max(0, value - mine),
        f"raise it with `ulimit -u {mine + 2 * ENOUGH}` and start the host again",
    )
