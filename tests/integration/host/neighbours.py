"""What a test of robustness asks of the host and of the sessions beside the harmed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import psutil
from iterm2 import api_pb2
from tests.waiting import eventually

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

FLOOD = "/bin/sh -c 'while :; do echo flooding the terminal with a line of text; done'"


def quoted(command: str) -> str:
    """Return a command as it stands inside a JSON string."""
    return json.dumps(command)[1:-1]


async def still_serves(wire: WireClient) -> None:
    """A healthy session answers its keys."""
    opened = await wire.open_window()
    await still_echoes(wire, opened.session_id)


async def still_echoes(wire: WireClient, session_id: str, text: str = "still here") -> None:
    """A session with ``cat`` in it, so far empty, answers its keys."""
    await wire.ask(api_pb2.SendTextRequest(session=session_id, text=f"{text}\n"))
    await eventually(lambda: wire.text(session_id), lambda lines: lines[:2] == [text] * 2)


async def pid_of(wire: WireClient, session_id: str) -> int:
    response = await wire.ask(api_pb2.VariableRequest(session_id=session_id, get=["pid"]))
    return int(response.values[0])


def host_process(home: Home) -> psutil.Process:
    pid = lock_holder(home.paths.host_lock)
    assert pid
    return psutil.Process(pid)


async def close_windows(wire: WireClient, *window_ids: str) -> None:
    close = api_pb2.CloseRequest
    await wire.ask(close(windows=close.CloseWindows(window_ids=window_ids)))


def there(path: str) -> bool:
    """Tell whether a file, socket or link stands there, wherever it leads."""
    return os.path.lexists(path)


async def host(home: Home, *words: str, **changed: str) -> tuple[int, str]:
    """Run a verb; return its exit code and what it printed."""
    with anyio.fail_after(40):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", *words],
            env={**home.environ, **changed},
            check=False,
            stderr=subprocess.STDOUT,
        )
    return done.returncode, done.stdout.decode()
