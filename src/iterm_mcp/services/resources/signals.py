"""Signals to a process, and never to one that has taken its id since. Blocking, but quick."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil

from iterm_mcp.agents.keeper import start_of
from iterm_mcp.services.resources.table import BORN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.services.agents.processes import ProcessId

_UNKNOWN = (psutil.Error, OSError)


def send(process: ProcessId, *numbers: signal.Signals) -> bool:
    """Send signals to a process of this user; False when it has ended, or is another's.

    Where the system has handles of processes, one is held from before the process is looked at
    until the last signal, so that its id cannot become another's in between.
    """
    if process.pid <= 1 or process.pid == os.getpid():
        return False
    try:
        with _handle(process.pid) as handle:
            if not is_same(process) or not _is_ours(process.pid):
                return False
            for number in numbers:
                if handle is None:
                    os.kill(process.pid, number)
                else:
                    signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    return True


def send_all(processes: Iterable[ProcessId], *numbers: signal.Signals) -> int:
    """Send signals to many; return how many there were."""
    return sum(send(one, *numbers) for one in processes)


def any_stands(processes: Iterable[ProcessId]) -> bool:
    """Tell whether any of some processes is still there."""
    return any(is_same(one) for one in processes)


def is_same(process: ProcessId) -> bool:
    """Tell whether a process is still there; one that only waits to be asked for is not."""
    with suppress(*_UNKNOWN):
        one = psutil.Process(process.pid)
        if process.started.startswith(BORN):
            same = f"{BORN}{one.create_time():.3f}" == process.started
        else:
            same = bool(process.started) and start_of(process.pid) == process.started
        return same and one.status() != psutil.STATUS_ZOMBIE
    return False


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        os.close(handle)


def _is_ours(pid: int) -> bool:
    with suppress(*_UNKNOWN):
        uids = psutil.Process(pid).uids()
        return os.getuid() in {uids.real, uids.effective}
    return False
