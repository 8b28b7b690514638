"""A fake agent without a terminal, spoken to in lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.integration.fake_agent.agents import MODULE, SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from anyio.abc import Process
    from tests.integration.fake_agent.agents import Folder, Line


class LineProgram:
    """The two ends of the program's pipes."""

    def __init__(self, process: Process) -> None:
        self.process = process
        assert process.stdin
        assert process.stdout
        self._stdin = process.stdin
        self._stdout = BufferedByteReceiveStream(process.stdout)
        self.heard: list[Line] = []
        self._next_id = 0

    async def write(self, **message: Any) -> None:  # noqa: ANN401
        await self._stdin.send(json.dumps(message).encode() + b"\n")

    async def read(self) -> Line:
        line = await self._stdout.receive_until(b"\n", 1 << 20)
        self.heard.append(json.loads(line))
        return self.heard[-1]

    async def until(self, accept: Callable[[Line], object]) -> Line:
        """Read until a message is accepted; return it."""
        with anyio.fail_after(SECONDS):
            while True:
                message = await self.read()
                if accept(message):
                    return message

    async def ask(self, method: str, **params: Any) -> Line:  # noqa: ANN401
        """Send a JSON-RPC request; return its whole answer."""
        self._next_id += 1
        number = self._next_id
        await self.write(id=number, method=method, params=params)
        return await self.until(lambda one: one.get("id") == number and "method" not in one)

    async def notified(self, method: str) -> Line:
        """Read until a notification or request of this name; return its parameters."""
        return dict((await self.until(lambda one: one.get("method") == method))["params"])

    async def end(self) -> int:
        """Close its input; return its exit code."""
        await self._stdin.aclose()
        with anyio.fail_after(SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def open_line_program(
    folder: Folder, *arguments: str, options: tuple[str, ...] = ()
) -> AsyncIterator[LineProgram]:
    """Start a fake agent with pipes, for the length of the block."""
    truth = ("--truth", str(folder.path / "truth.jsonl"))
    process = await anyio.open_process(
        [sys.executable, *MODULE, *truth, *options, *arguments],
        env={**os.environ, **folder.environ()},
        cwd=folder.project,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield LineProgram(process)
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()
