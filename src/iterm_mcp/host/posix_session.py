"""The processes of one POSIX session: a leader, its jobs, and what they have started.

The session's id is its leader's process id. It is not used again as long as any process of the
session lives, so asking for it is safe even after the leader has ended.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil

_KILL_PASSES = 5


def hang_up(group: int) -> None:
    """Tell a process group that its terminal is gone, even if it is stopped."""
    for number in (signal.SIGHUP, signal.SIGCONT):
        _signal_group(group, number)


def kill_job(group: int) -> None:
    """Kill a process group."""
    _signal_group(group, signal.SIGKILL)


def has_job(session: int, group: int) -> bool:
    """Tell whether the leader of a session's process group still runs."""
    if _session_of(group) != session:
        return False
    try:
        return psutil.Process(group).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except OSError:  # no descriptor is left to look closer with
        return True


def kill_session(session: int) -> None:
    """Kill every process of a session; again for those that were forked meanwhile.

    When no descriptor is left to list processes with, only its leader's group is killed.
    """
    kill_job(session)
    for _ in range(_KILL_PASSES):
        members = _members(session)
        if not members:
            return
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _members(session: int) -> list[int]:
    try:
        return [pid for pid in psutil.pids() if _session_of(pid) == session]
    except OSError:
        return []


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or is another user's
        os.killpg(group, number)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
