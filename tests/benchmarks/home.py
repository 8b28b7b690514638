"""A home for a benchmark: daemon and host of its own, ended at the end."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TYPE_CHECKING

from iterm_mcp.paths import Paths, find_paths
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Home:
    """A state folder, and the environment that leads there."""

    environ: dict[str, str]
    paths: Paths


@contextmanager
def temporary_home() -> Iterator[Home]:
    """Make a home; end the daemon and the host that were started in it."""
    folder = tempfile.mkdtemp(dir="/tmp", prefix="im-bench-")
    environ = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        "HOME": folder,
        "ITERM_MCP_HOME": folder,
        "ITERM_MCP_TERMINAL": "headless",
        "ITERM_MCP_HTTP_PORT": "0",
        "SHELL": "/bin/bash",
    }
    paths = find_paths(environ)
    try:
        yield Home(environ, paths)
    finally:
        for lock in (paths.daemon_lock, paths.host_lock):
            _end(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _end(lock: str) -> None:
    pid = lock_holder(lock)
    if not pid:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = monotonic() + STOP_SECONDS
    while lock_holder(lock) is not None and monotonic() < deadline:
        sleep(0.02)
