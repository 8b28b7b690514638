"""What it costs an agent to tell us of an event, by each way that its hooks have."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tests.benchmarks.client_figures import RELAY
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.line_process import started

from iterm_mcp.agents.hook_spool import spool_command
from iterm_mcp.agents.reports import report_token
from iterm_mcp.hook_relay import hook_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.home import Home

SHELL = "/bin/sh"
EVENT = json.dumps(
    {
        "session_id": "bench", "hook_event_name": "PostToolUse", "tool_name": "Bash",
        "tool_input": {"command": "make"}, "tool_response": {"stdout": "x" * 2000},
    }
).encode()  # fmt: skip
ASKING = json.dumps(
    {
        "session_id": "bench", "hook_event_name": "PermissionRequest", "tool_name": "Bash",
        "tool_input": {"command": "make"},
    }
).encode()  # fmt: skip
HTTP_MS, SPOOL_MS = 2.0, 5.0
NOTHING, PYTHON = "a shell that does nothing", "a hook by a Python program"


def measure(home: Home, *, hooks: int) -> Iterator[Figure]:
    """Yield how long an agent is held up; the ways take turns, so that the load falls on all."""
    with started(RELAY, home.environ) as relay:
        relay.call("list_agents")
        info = json.loads(Path(home.paths.daemon_info).read_text("utf-8"))
        token = report_token(Path(home.paths.token).read_text("ascii").strip())
        with _Http(info["http"], token) as http:
            ways: dict[str, tuple[Callable[[], None], float | None, str]] = {
                NOTHING: (lambda: _run([SHELL, "-c", ":"], b""), None, ""),
                "a hook by the spool": (
                    lambda: _run([SHELL, "-c", spool_command(home.paths.spool, "claude")], EVENT),
                    SPOOL_MS,
                    NOTHING,
                ),
                "a hook over HTTP": (lambda: http.post(ASKING), HTTP_MS, PYTHON),
                PYTHON: (
                    lambda: _run([*hook_command(home.paths.state), "claude"], EVENT), None, "",
                ),
            }  # fmt: skip
            took: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(hooks):
                for name, (way, _aim, _beside) in ways.items():
                    begun = perf_counter()
                    way()
                    took[name].append((perf_counter() - begun) * 1e3)
    for share in (50, 95):
        for name, (_way, aim, beside) in ways.items():
            value = percentile(took[name], share / 100)
            base = f"{beside} p{share}" if beside else ""
            yield Figure(f"{name} p{share}", value, "ms", baseline=base, aim=aim)


def _run(command: list[str], event: bytes) -> None:
    """Run a hook's command as an agent does, which is told the event by a pipe."""
    read, write = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, read, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.close(read)
    try:
        os.write(write, event)
    except BrokenPipeError:
        pass
    finally:
        os.close(write)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise subprocess.CalledProcessError(code, command)


class _Http:
    """A connection that is kept, as agents keep theirs."""

    def __init__(self, url: str, token: str) -> None:
        self._place = urlsplit(url)
        self._token = token

    def __enter__(self) -> Self:
        place = (self._place.hostname or "", self._place.port or 80)
        self._connection = socket.create_connection(place)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, event: bytes) -> None:
        """Tell an event, and wait for the answer."""
        head = (
            f"POST /v1/hooks/claude?kept=1 HTTP/1.1\r\nHost: {self._place.netloc}\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(event)}\r\n\r\n"
        )
        self._connection.sendall(head.encode() + event)
        answer = b""
        while not answer.endswith(b"{}"):
            piece = self._connection.recv(1 << 16)
            if not piece:
                raise ConnectionError(answer)
            answer += piece
