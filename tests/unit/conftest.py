"""What a unit test must not do, enforced: processes, sockets, sleeping, blocking the loop."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from blockbuster import blockbuster_ctx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import SupportsIndex

FORBIDDEN = {
    "subprocess.Popen": "start a process",
    "os.fork": "fork",
    "os.forkpty": "fork",
    "os.posix_spawn": "start a process",
    "os.system": "start a process",
    "os.exec": "become another program",
    "pty.spawn": "start a process",
    "socket.bind": "open a socket",
    "socket.connect": "open a socket",
    "time.sleep": "sleep",
}


if sys.version_info < (3, 13):  # since then `time.sleep` raises its audit event itself
    _sleep = time.sleep

    def _audited_sleep(seconds: float | SupportsIndex) -> None:
        sys.audit("time.sleep", seconds)
        _sleep(seconds)

    time.sleep = _audited_sleep


class _Guard:
    """An audit hook cannot be removed, so one is installed and switched."""

    def __init__(self) -> None:
        self.armed = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, _arguments: object) -> None:
        if self.armed and event in FORBIDDEN:
            self.armed = False  # the report itself must not trip it again
            pytest.fail(f"a unit test must not {FORBIDDEN[event]} ({event})", pytrace=True)

    @contextmanager
    def arm(self) -> Iterator[None]:
        self.armed = True
        try:
            yield
        finally:
            self.armed = False


_guard = _Guard()


@pytest.fixture(autouse=True)
def _no_outside_world() -> Iterator[None]:
    with _guard.arm():
        yield


# For a module at once: to guard so many functions and to give them back outlasts most tests.
@pytest.fixture(autouse=True, scope="module")
def _no_blocking_calls() -> Iterator[None]:
    with blockbuster_ctx("iterm_mcp") as blocking:
        # Measuring takes a lock whenever a file is met for the first time.
        blocking.functions["threading.Lock.acquire"].can_block_in(
            "coverage/collector.py", "lock_data"
        )
        yield
