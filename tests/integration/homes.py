"""Temporary homes: daemon and host of their own, ended by pid."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.to_thread
import psutil
from tests.covering import measure
from tests.hatching import hatch
from tests.waiting import eventually

from iterm_mcp.paths import Paths, find_paths
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


REAL_ITERM2 = os.environ.get("ITERM_MCP_TERMINAL") == "iterm2" and sys.platform == "darwin"
"""Whether the suite runs against the app; otherwise it runs against our host."""


SOCKET_SECONDS = 10.0
ANNOUNCE_SECONDS = 2.0
STARTING = str(Path(__file__).parents[1] / "nest" / "starting.py")


class Home:
    """A state folder of its own, with the environment that leads there."""

    def __init__(self, folder: str, terminal: str, *, measured: bool = False) -> None:
        self.environ = {
            **os.environ,
            "HOME": os.environ["HOME"] if REAL_ITERM2 else folder,
            "ITERM_MCP_HOME": folder,
            "ITERM_MCP_TERMINAL": terminal,
            "ITERM_MCP_HTTP_PORT": "0",
            "ITERM_MCP_DRAIN_SECONDS": "0.3",
            "ITERM_MCP_CONFIRM": "never",
            "ITERM_MCP_CALLS_PER_SECOND": "0",
            "ITERM_MCP_OUTPUT_CHARACTERS_PER_MINUTE": "0",
        }
        self.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # many starts: compile once
        if measured:
            measure(self.environ)
        else:
            hatch(self.environ)
        self.paths: Paths = find_paths(self.environ)

    async def start(self, program: Literal["daemon", "host"]) -> None:
        """Start it in the background, and wait until it answers."""
        done = await anyio.run_process(
            [sys.executable, STARTING, program],
            env=self.environ, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout.decode()}; see {self.paths.logs}"

    def daemon_pid(self) -> int | None:
        return lock_holder(self.paths.daemon_lock)

    def http_url(self) -> str:
        """Return where the running daemon serves HTTP; it says so just after it serves MCP."""
        deadline = monotonic() + ANNOUNCE_SECONDS
        while True:
            try:
                return str(json.loads(Path(self.paths.daemon_info).read_text())["http"])
            except FileNotFoundError:
                if monotonic() > deadline:
                    raise
            sleep(0.01)

    def token(self) -> str:
        return Path(self.paths.token).read_text().strip()

    async def kill_daemon(self) -> None:
        """End the daemon as a crash would; its clients' connections are closed then."""
        pid = self.daemon_pid()
        assert pid
        with socket.socket(socket.AF_UNIX) as last:  # connected last, and so closed last
            last.settimeout(SOCKET_SECONDS)
            last.connect(self.paths.daemon_socket)
            os.kill(pid, signal.SIGKILL)
            with suppress(ConnectionError):
                await anyio.to_thread.run_sync(last.recv, 1)
        await eventually(lambda: self.daemon_pid() is None)

    async def stop(self) -> None:
        """End what runs in this home, by pid."""
        for lock in (self.paths.daemon_lock, self.paths.host_lock):
            pid = lock_holder(lock)
            if pid:
                os.kill(pid, signal.SIGTERM)
                await eventually(
                    partial(lock_holder, lock), lambda holder: holder is None, within_seconds=15
                )
        ending = self._processes()
        with anyio.move_on_after(3):  # their last act is to write down what they covered
            while any(map(self._is_ours, ending)):  # noqa: ASYNC110 - they ring no bell
                await anyio.sleep(0.02)
        # What a test has killed may have been starting another at that very moment.
        left = self._processes()
        for process in left:
            with suppress(psutil.Error):
                process.terminate()
        if left:
            await eventually(self._processes, lambda found: not found, within_seconds=15)

    def _processes(self) -> list[psutil.Process]:
        """Return the product's processes that were started in this home; it takes its time."""
        return [*filter(self._is_ours, psutil.process_iter())]

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            home = process.environ().get("ITERM_MCP_HOME")
            return home == self.paths.state and "iterm_mcp" in process.cmdline()
        return False


@asynccontextmanager
async def open_home(terminal: str, *, measured: bool = False) -> AsyncIterator[Home]:
    """Make a home whose daemon uses this terminal; end what was started in it.

    A home with the real iTerm2 keeps the user's HOME, where the app's socket stands. What runs
    in a measured home counts for coverage, and is slower for it.
    """
    folder = tempfile.mkdtemp(dir="/tmp", prefix="im-")
    home = Home(folder, terminal, measured=measured)
    try:
        yield home
    finally:
        with anyio.CancelScope(shield=True):
            await home.stop()
        shutil.rmtree(folder, ignore_errors=True)


def mode_of(path: str) -> int:
    return Path(path).stat().st_mode & 0o777
