"""A temporary home for the demo, with an end to everything that was started in it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING

import psutil

from iterm_mcp.access import TIER_VARIABLE, TOOLS_VARIABLE
from iterm_mcp.paths import HOME_VARIABLE, Paths, find_paths
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_SECONDS = 10.0


@contextmanager
def temporary_home() -> Iterator[Paths]:
    """A home of our own, short enough for socket paths; what was started in it is ended."""
    home = tempfile.mkdtemp(prefix="im-demo-")
    try:
        os.environ |= {HOME_VARIABLE: home, "HOME": home, "ITERM_MCP_TERMINAL": "headless"}
        os.environ |= {"ITERM_MCP_HTTP_PORT": "0", TOOLS_VARIABLE: "all"}
        os.environ.pop(TIER_VARIABLE, None)  # a limit that is meant for the user's own sessions
        yield find_paths()
    finally:
        end_programs(home)
        shutil.rmtree(home, ignore_errors=True)


def end_programs(state: str) -> None:
    """End the daemon and the host of a state folder, and what was still being started there."""
    for lock in (f"{state}/daemon.lock", f"{state}/host.lock"):
        _end(lock)
    _end_rest(state)


def _end(lock: str) -> None:
    """End the process that holds a lock, kindly at first."""
    pid = lock_holder(lock)
    if not pid:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = monotonic() + STOP_SECONDS
    while lock_holder(lock) == pid:
        if monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        sleep(0.02)


def _end_rest(state: str) -> None:
    """End what has our home and no lock: whoever starts a program may be stopped half-way."""
    deadline = monotonic() + STOP_SECONDS
    while (rest := _of_home(state)) and monotonic() < deadline:
        for process in rest:
            with suppress(psutil.Error):
                process.kill()
        sleep(0.02)


def _of_home(state: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(HOME_VARIABLE) == state:
                found.append(process)
    return found
