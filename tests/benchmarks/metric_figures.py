"""What metrics cost: a call of a tool with and without them, and a scrape of a busy daemon."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import asynccontextmanager, nullcontext
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from tests.benchmarks.client_figures import RELAY
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.line_process import INITIALIZE, started

from iterm_mcp.telemetry import Meter, Metrics
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.server import build_server
from iterm_mcp.tools.tool import READS, ToolRow
from iterm_mcp.tools.unix_server import open_unix_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractContextManager

    from tests.benchmarks.home import Home

UNDISTURBED = 0.1
"""The percentile that is compared: it is a matter of microseconds, and what else the machine does
meanwhile falls on the slower calls."""

WARM = 50
"""Calls before those that are timed."""

TOOLS = 54
"""As many as a daemon has: a client's first word declares each of them."""

SCRAPE_MS = 50
SCRAPE_KILOBYTES = 300
TASKS_AT_ONCE = 100


class Unmetered(Meter):
    """Measures nothing."""

    def measure(self, name: str) -> AbstractContextManager[None]:
        del name
        return nullcontext()


async def look() -> dict[str, Any]:
    """Look."""
    return {"sessions": []}


def rows() -> Iterator[ToolRow]:
    for number in range(TOOLS):

        async def tool() -> dict[str, Any]:
            """Look."""
            return await look()

        tool.__name__ = f"tool_{number}"
        yield ToolRow(tool, "Look", READS)


def measure(home: Home, *, calls: int, sessions: int, agents: int, tasks: int) -> Iterator[Figure]:
    """Yield what a call costs more, and how long and how large a scrape is."""
    yield from anyio.run(_calls, calls)
    yield from _scrapes(home, sessions, agents, tasks)


async def _calls(calls: int) -> list[Figure]:
    metrics = Metrics()
    bare_meter = Unmetered(Metrics().registry, "bare", "bare_calls", "tool", "tool calls")
    async with (
        _client(Calls(bare_meter), None) as bare,
        _client(Calls(metrics.tools, mcp=metrics.mcp), metrics) as metered,
    ):
        both: tuple[list[float], list[float]] = ([], [])
        for _ in range(WARM):
            await bare.call("tool_0")
            await metered.call("tool_0")
        for _ in range(calls):
            for client, seconds in zip((bare, metered), both, strict=True):
                began = perf_counter()
                await client.call("tool_0")
                seconds.append(perf_counter() - began)
    counted = metrics.registry.get_sample_value(
        "iterm_mcp_tool_calls_total", {"tool": "tool_0", "outcome": "ok"}
    )
    assert counted == WARM + calls
    name = "tool call p10 over a unix socket, without metrics"
    without, with_metrics = (percentile(one, UNDISTURBED) * 1e6 for one in both)
    aim = round(1.02 * without, 1)
    return [
        Figure(name, without, "us"),
        Figure("tool call p10 over a unix socket, with metrics", with_metrics, "us", name, aim),
    ]


class _Client:
    """A client in this process; its half of a call is the same with and without metrics."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._count = 0

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        message = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}
        self._writer.write(json.dumps(message).encode() + b"\n")
        return dict(json.loads(await self._reader.readline()))

    async def call(self, tool: str) -> None:
        answer = await self.ask("tools/call", {"name": tool, "arguments": {}})
        assert "isError" not in answer["result"] or not answer["result"]["isError"]

    async def greet(self) -> None:
        await self.ask("initialize", INITIALIZE)
        self._writer.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')


@asynccontextmanager
async def _client(calls: Calls, metrics: Metrics | None) -> AsyncIterator[_Client]:
    with tempfile.TemporaryDirectory(prefix="im-") as folder:
        path = f"{folder}/socket"
        connected = (metrics or Metrics()).clients.labels("unix")
        server = build_server(rows(), calls)
        async with open_unix_server(server, path, connected, calls.clients, calls.mcp):
            reader, writer = await asyncio.open_unix_connection(path)
            client = _Client(reader, writer)
            await client.greet()
            yield client
            writer.close()


def _scrapes(home: Home, sessions: int, agents: int, tasks: int) -> Iterator[Figure]:
    with started(RELAY, home.environ) as relay:
        opened = [
            relay.call("open_session", command="/bin/cat")["structuredContent"]["session_id"]
            for _ in range(sessions)
        ]
        for number in range(agents):
            relay.call(
                "register_agent", name=f"agent-{number}", session_id=opened[number % sessions]
            )
        http = _Http(home)
        http.post("/v1/queues/pause", {"scope": "everything"})
        for first in range(0, tasks, TASKS_AT_ONCE):
            for number in range(first, min(tasks, first + TASKS_AT_ONCE)):
                http.post(
                    "/v1/tasks",
                    {
                        "name": f"task-{number}",
                        "task": {"run": "true", "directory": home.paths.state},
                    },
                )
        seconds, size = [], 0
        for _ in range(20):
            began = perf_counter()
            size = len(http.get("/metrics"))
            seconds.append(perf_counter() - began)
    at = f" ({sessions} sessions, {agents} agents, {tasks} tasks)"
    yield Figure("a scrape p50", percentile(seconds, 0.5) * 1e3, "ms", aim=SCRAPE_MS, note=at)
    yield Figure("size of a scrape", size / 1e3, "kB", aim=SCRAPE_KILOBYTES, note=at)


class _Http:
    """A connection to the home's daemon."""

    def __init__(self, home: Home) -> None:
        info = json.loads(Path(home.paths.daemon_info).read_text())
        token = Path(home.paths.token).read_text().strip()
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection = HTTPConnection(urlsplit(info["http"]).netloc, timeout=60)

    def get(self, path: str) -> bytes:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        return self._ask("POST", path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None) -> bytes:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:500]!r}")
        return data
