"""A keeper, or a bridge, on a terminal of its own, without a host or a daemon."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from select import select
from typing import TYPE_CHECKING, Any

from tests.covering import measure

from iterm_mcp.agents import keeper
from iterm_mcp.agents.keeper import start_of
from iterm_mcp.services.agents.environment import SCRUB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

SECONDS = 15.0

Json = dict[str, Any]


class Pane:
    """A keeper on a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, folder: Path) -> None:
        self.process = process
        self.master = master
        self.folder = folder

    def order(self, command: str, *arguments: str, life: str = "one", **more: Any) -> None:  # noqa: ANN401
        order = {
            "life": life,
            "epoch": 1,
            "command": command,
            "arguments": arguments,
            "directory": "/",
            "environment": {},
            "scrub": list(SCRUB),
            "keep": [],
        }
        fresh = self.folder / "fresh"
        fresh.write_text(json.dumps(order | more))
        fresh.replace(self.folder / "order.json")

    def status(self) -> Json:
        path = self.folder / "status.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def until(self, accept: Callable[[Json], object]) -> Json:
        """Wait for a status."""
        return dict(wait(self.status, accept))

    def shows(self, text: str) -> str:
        """Wait until a text was printed."""
        shown = b""
        deadline = time.monotonic() + SECONDS
        while text.encode() not in shown:
            left = max(0.0, deadline - time.monotonic())
            assert select([self.master], [], [], left)[0], shown
            shown += os.read(self.master, 4096)
        return shown.decode()

    def ended(self) -> int:
        return self.process.wait(SECONDS)


def wait(probe: Callable[[], Any], accept: Callable[[Any], object]) -> Any:  # noqa: ANN401
    deadline = time.monotonic() + SECONDS
    while not accept(found := probe()):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


@contextmanager
def open_pane(folder: Path, program: ModuleType = keeper, **environ: str) -> Iterator[Pane]:
    """Start a keeper as the leader of a session on a new terminal, as terminals do."""
    master, slave = pty.openpty()
    tty = os.ttyname(slave)
    known = {"PATH": os.environ["PATH"], "ITERM_SESSION_ID": "w0t1p2:ABC", **environ}
    measure(known)
    measured = len(known) > len(environ) + 2
    file = f"-m {program.__name__}" if measured else f"-I -S {program.__file__}"
    script = f"exec {sys.executable} {file} {folder} <>{tty} >&0 2>&0"
    process = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, env=known)
    pane = Pane(process, master, folder)
    try:
        yield pane
    finally:
        status = pane.status()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS)
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
        if status.get("pid") and start_of(status["pid"]) == status.get("started"):
            os.kill(status["pid"], signal.SIGKILL)
