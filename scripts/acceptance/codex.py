"""Codex's app-server, which connects to MCP servers without a login."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.acceptance.installed import Setup, installed
from scripts.acceptance.rig import CLIENT_SECONDS, COMMAND, OUTPUT, SERVER, FailedError, Rig, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = "codex"


class AppServer:
    """JSON-RPC over a process's stdin and stdout, a line a message."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._next_id = 0
        reader = threading.Thread(target=self._read, daemon=True)  # noqa: TID251 - a script
        reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        for line in self._process.stdout:
            self._lines.put(line)

    def write(self, **message: Any) -> None:  # noqa: ANN401
        """Send a message."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def ask(self, method: str, **params: Any) -> Any:  # noqa: ANN401
        """Return the result of a request.

        Raises:
            FailedError: An error came back, or nothing in time.
        """
        self._next_id += 1
        self.write(id=self._next_id, method=method, params=params)
        deadline = time.monotonic() + CLIENT_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise FailedError(f"{method}: no answer in {CLIENT_SECONDS} s") from None
            message = json.loads(line)
            if message.get("id") == self._next_id and "method" not in message:
                expect("result" in message, method, message)
                return message["result"]


@contextmanager
def open_app_server(rig: Rig) -> Iterator[AppServer]:
    """Run the app-server with our server in its configuration, and greet it."""
    pairs = [
        word for key, value in rig.server_environ.items() for word in ("--env", f"{key}={value}")
    ]
    rig.run([PROGRAM, "mcp", "add", "iterm", *pairs, "--", SERVER])
    with rig.start(
        [PROGRAM, "app-server"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        server = AppServer(process)
        client = {"name": "acceptance", "version": "1"}
        server.ask("initialize", clientInfo=client, capabilities={"experimentalApi": True})
        server.write(method="initialized")
        yield server


def listed(rig: Rig) -> str:
    """The app-server connects, and lists our tools."""
    with open_app_server(rig) as server:
        servers = server.ask("mcpServerStatus/list")["data"]
        tools = next((one["tools"] for one in servers if one["name"] == "iterm"), None) or {}
        expect("open_session" in tools, "our tools are not listed", servers)
        return f"{len(tools)} tools"


def called(rig: Rig) -> str:
    """The app-server calls our tools in a thread, and the answers come back."""
    with open_app_server(rig) as server:
        thread = server.ask("thread/start", cwd=str(rig.project))["thread"]["id"]

        def call(tool: str, **arguments: str) -> dict[str, Any]:
            result = server.ask(
                "mcpServer/tool/call",
                threadId=thread,
                server="iterm",
                tool=tool,
                arguments=arguments,
            )
            return dict(result)

        session = call("open_session")["structuredContent"]["session_id"]
        call("send_text", session_id=session, text=COMMAND)
        deadline = time.monotonic() + 10
        screen = ""
        while OUTPUT not in screen and time.monotonic() < deadline:
            screen = str(call("read_screen", session_id=session)["content"])
        expect(OUTPUT in screen, "the screen lacks the command's output", screen)
        return "a session opened, told and read"


SETUP = Setup(
    "codex",
    ".codex/config.toml",
    "# mine\nmodel = 'o3'  # a comment\n\n[mcp_servers.other]\ncommand = 'false'",
    ("codex", "mcp", "list"),
    "enabled",
)

CHECKS: dict[str, Callable[[Rig], str]] = {
    "codex app-server lists the tools": listed,
    "codex app-server calls them": called,
    "iterm-mcp install codex": partial(installed, setup=SETUP),
}
