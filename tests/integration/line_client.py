"""A raw MCP client: one process, one line in, one line out."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import Process

SECONDS = 30.0
CLOSE_SECONDS = 0.5
END_SECONDS = 5.0

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""What every request of the stateless era carries."""


class LineClient:
    """Speaks to a relay's stdin and stdout. Every read is bounded.

    Args:
        seconds: How long an answer may take.
    """

    def __init__(self, process: Process, *, modern: bool = False, seconds: float = SECONDS) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._modern = modern
        self._seconds = seconds
        self._stdin = process.stdin
        self._stdout = BufferedByteReceiveStream(process.stdout)
        self._next_id = 0

    async def write(self, line: str) -> None:
        await self._stdin.send(line.encode() + b"\n")

    async def read(self) -> dict[str, Any]:
        with anyio.fail_after(self._seconds):
            line = await self._stdout.receive_until(b"\n", 64 << 20)
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    async def close(self) -> None:
        await self._stdin.aclose()

    async def request(self, method: str, **params: Any) -> int:  # noqa: ANN401
        self._next_id += 1
        if self._modern:
            params["_meta"] = META
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        await self.write(json.dumps(message))
        return self._next_id

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the whole answer to one request."""
        number = await self.request(method, **params)
        answer = await self.read()
        assert answer["id"] == number
        return answer

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return a tool's result."""
        answer = await self.ask("tools/call", name=tool, arguments=arguments)
        assert "result" in answer, answer
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    async def greet(self) -> dict[str, Any]:
        """Open the conversation as this client's era does."""
        if self._modern:
            return await self.ask("server/discover")
        answer = await self.ask(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "test", "version": "1"},
        )
        await self.write('{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return answer


async def end(process: Process) -> None:
    """End a process as its user would, so that it writes down what it covered; then for sure."""
    if process.stdin is not None:
        await process.stdin.aclose()
        with anyio.move_on_after(CLOSE_SECONDS):  # a relay ends with its input
            await process.wait()
    with suppress(ProcessLookupError):
        process.terminate()
    with anyio.move_on_after(END_SECONDS):
        await process.wait()
    with suppress(ProcessLookupError):
        process.kill()
    await process.aclose()


@asynccontextmanager
async def open_client(
    environ: dict[str, str], *, modern: bool = False, seconds: float = SECONDS
) -> AsyncIterator[LineClient]:
    """Start a relay as an MCP client would, and end it at the end."""
    process = await anyio.open_process(
        [sys.executable, "-m", "iterm_mcp"], env=environ, stderr=subprocess.DEVNULL
    )
    try:
        yield LineClient(process, modern=modern, seconds=seconds)
    finally:
        with anyio.CancelScope(shield=True):
            await end(process)
