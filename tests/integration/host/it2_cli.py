"""`it2`, a person's own CLI over the `iterm2` library: run as they would, never imported."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

SECONDS = 30.0

COMMAND = [sys.executable, "-W", "ignore", "-m", "it2.cli"]


class Lines:
    """What a command prints while it runs."""

    def __init__(self, stream: BufferedByteReceiveStream) -> None:
        self._stream = stream

    async def until(self, part: str) -> str:
        """Return the first line with this in it."""
        with anyio.fail_after(SECONDS):
            while True:
                line = (await self._stream.receive_until(b"\n", 1 << 20)).decode()
                if part in line:
                    return line


class It2:
    """Runs commands with what ``iterm-mcp host env`` prints."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)

    async def __call__(self, *arguments: str, code: int = 0) -> str:
        """Return what a command says, on either stream; it ends with this code."""
        with anyio.fail_after(SECONDS):
            done = await anyio.run_process(
                [*COMMAND, *arguments], env=self.environ, check=False, stderr=subprocess.STDOUT
            )
        said = done.stdout.decode()
        assert done.returncode == code, said
        return said

    async def json(self, *arguments: str) -> Any:  # noqa: ANN401 - as the command has it
        """Return what a command says with ``--json``."""
        return json.loads(await self(*arguments, "--json"))

    @asynccontextmanager
    async def watching(self, *arguments: str) -> AsyncIterator[Lines]:
        """Have a command run for the length of the block."""
        with anyio.fail_after(SECONDS):
            process = await anyio.open_process(
                [*COMMAND, *arguments], env=self.environ, stdin=subprocess.DEVNULL, stderr=None
            )
        assert process.stdout
        try:
            yield Lines(BufferedByteReceiveStream(process.stdout))
        finally:
            with anyio.CancelScope(shield=True), suppress(ProcessLookupError):
                process.kill()
                await process.aclose()
