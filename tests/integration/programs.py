"""Programs on pseudo-terminals, for tests: what they wrote, and how they ended."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.host.pty import Pty

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WITHIN_SECONDS = 10

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts in /proc")


def installed(name: str, package: str = "") -> str:
    """Return where a program stands. Without it the test is skipped, but never in CI."""
    path = shutil.which(name)
    if path is None:
        assert not os.environ.get("CI"), f"{name} is missing: CI must have it"
        pytest.skip(f"{name} is not installed (Debian: {package or name})")
    return path


class Program:
    """A program under test: what it wrote, and how it ended."""

    def __init__(self, pty: Pty) -> None:
        self.pty = pty
        self.output = bytearray()
        self.reads = 0
        self.codes: list[int | None] = []
        self._news = anyio.Event()

    def start(self) -> None:
        self.pty.start(self._on_output, self._on_end)

    async def wait_output(self, text: bytes) -> None:
        with anyio.fail_after(WITHIN_SECONDS):
            while text not in self.output:
                await self._wait_news()

    async def wait_number(self, name: bytes) -> int:
        """Wait for ``name=<number>.`` in the output, not in the echo of the command."""
        pattern = re.compile(name + rb"=(\d+)\.")
        with anyio.fail_after(WITHIN_SECONDS):
            while not (found := pattern.search(self.output)):
                await self._wait_news()
        return int(found[1])

    async def wait_end(self) -> int | None:
        with anyio.fail_after(WITHIN_SECONDS):
            while not self.codes:
                await self._wait_news()
        return self.codes[0]

    async def _wait_news(self) -> None:
        self._news = anyio.Event()
        await self._news.wait()

    def _on_output(self, data: bytes) -> None:
        self.output += data
        self.reads += 1
        self._news.set()

    def _on_end(self, code: int | None) -> None:
        self.codes.append(code)
        self._news.set()


def environ(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ITERM_MCP_HOME": str(folder),
        "TERM": "xterm-256color",
        "PS1": "ready> ",
    }


def spawn(folder: Path, *argv: str, columns: int = 80, rows: int = 24) -> Program:
    return Program(
        Pty.spawn(argv, columns=columns, rows=rows, directory=str(folder), environ=environ(folder))
    )


@asynccontextmanager
async def running(
    folder: Path, *argv: str, grace_seconds: float = WITHIN_SECONDS
) -> AsyncIterator[Program]:
    program = spawn(folder, *argv)
    try:
        program.start()
        yield program
    finally:
        await program.pty.aclose(grace_seconds=grace_seconds)


def shell(script: str) -> tuple[str, str, str]:
    return "/bin/sh", "-c", script


BASH = ("bash", "--norc", "--noprofile", "-i")


def is_gone(pid: int) -> bool:
    """An orphan's zombie counts as gone: not every container's first process reaps."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def wait_gone(pid: int) -> None:
    async def probe() -> bool:
        return is_gone(pid)

    await eventually(probe, within_seconds=WITHIN_SECONDS)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
