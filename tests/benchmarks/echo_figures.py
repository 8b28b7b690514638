"""How long a key takes to come back as a character: bare, and in the host's own parts."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from contextlib import contextmanager
from functools import partial
from time import perf_counter, sleep
from typing import TYPE_CHECKING

import anyio
from tests.benchmarks.figures import Figure, percentile

from iterm_mcp.host.engine import Engine
from iterm_mcp.host.limits import raise_file_limit
from iterm_mcp.host.pty import Pty

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELL = ["/bin/bash", "--norc", "--noprofile", "-i"]
COLUMNS, ROWS = 80, 24
SETTLE_SECONDS = 20.0
PAUSE_SECONDS = 0.001
FLOODING = 10
FLOOD = ["/bin/sh", "-c", "while :; do echo flooding the terminal with a line of text; done"]
BARE = "echo p50, bare PTY"
BARE_TAIL = "echo p99, bare PTY"


def measure(*, counts: list[int], keys: int) -> Iterator[Figure]:
    """Yield echo times for each number of open sessions."""
    raise_file_limit()
    bare = _bare(keys)
    yield Figure(BARE, percentile(bare, 0.5) * 1e6, "us")
    yield Figure(BARE_TAIL, percentile(bare, 0.99) * 1e6, "us")
    for count in counts:
        for flooding in (0, FLOODING):
            seconds = asyncio.run(_in_host(count, keys, flooding))
            aim = 150 if count == 100 and not flooding else None
            name = f"echo {{}} in the host, {count} sessions"
            name += f", {flooding} more flooding" if flooding else ""
            yield Figure(name.format("p50"), percentile(seconds, 0.5) * 1e6, "us", BARE, aim)
            yield Figure(name.format("p99"), percentile(seconds, 0.99) * 1e6, "us", BARE_TAIL)


def spawn_figures(count: int) -> Iterator[Figure]:
    """Yield the time to start shells with nothing around them, and in the host."""
    bare = f"spawn {count} bare shells"
    began = perf_counter()
    with _bare_shells(count):
        yield Figure(bare, perf_counter() - began, "s")
    began = perf_counter()
    ptys = [_spawn() for _ in range(count)]
    seconds = perf_counter() - began
    anyio.run(_close_all, ptys)
    yield Figure(f"spawn {count} shells in the host", seconds, "s", bare, 0.002 * count)


def _spawn(program: list[str] = SHELL) -> Pty:
    environ = {**os.environ, "PS1": "$ ", "TERM": "xterm-256color"}
    return Pty.spawn(program, columns=COLUMNS, rows=ROWS, directory="/", environ=environ)


async def _close_all(ptys: list[Pty]) -> None:
    async with anyio.create_task_group() as group:
        for one in ptys:
            one.start(lambda _data: None, lambda _code: None)
        for one in ptys:
            group.start_soon(partial(one.aclose, grace_seconds=1))


class _Session:
    """A shell with its emulator, as the host joins them."""

    def __init__(self, program: list[str] = SHELL) -> None:
        self.engine = Engine(COLUMNS, ROWS, scrollback=10_000, on_osc=lambda _event: None)
        self.pty = _spawn(program)
        self.changed: asyncio.Event = asyncio.Event()
        self.pty.start(self._output, lambda _code: None)

    def _output(self, data: bytes) -> None:
        self.engine.feed(data)
        self.changed.set()


async def _in_host(count: int, keys: int, flooding: int) -> list[float]:
    sessions = [_Session() for _ in range(count)]
    floods = [_Session(FLOOD) for _ in range(flooding)]
    try:
        for one in sessions:
            with anyio.fail_after(SETTLE_SECONDS):
                while one.engine.cursor[0] < 2:
                    one.changed.clear()
                    await one.changed.wait()
        seconds: list[float] = []
        for number in range(keys):
            one = sessions[number * 7919 % count]
            before = one.engine.cursor
            began = perf_counter()
            # A key and its deletion by turns, so that lines stay short.
            one.pty.write(b"x" if number // count % 2 == 0 else b"\x7f")
            with anyio.fail_after(SETTLE_SECONDS):
                while one.engine.cursor == before:
                    one.changed.clear()
                    await one.changed.wait()
            seconds.append(perf_counter() - began)
            await anyio.sleep(PAUSE_SECONDS)
        return seconds
    finally:
        async with anyio.create_task_group() as group:
            for one in (*sessions, *floods):
                group.start_soon(partial(one.pty.aclose, grace_seconds=1))
        for one in (*sessions, *floods):
            one.engine.close()


@contextmanager
def _bare_shells(count: int) -> Iterator[list[int]]:
    """Shells on PTYs, with nothing in between but the kernel."""
    environ = {**os.environ, "PS1": "$ ", "TERM": "xterm-256color"}
    masters: list[int] = []
    children: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            master, slave = pty.openpty()
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            children.append(
                subprocess.Popen(
                    SHELL,
                    stdin=slave,
                    stdout=slave,
                    stderr=slave,
                    env=environ,
                    start_new_session=True,
                )
            )
            os.close(slave)
            masters.append(master)
        yield masters
    finally:
        for child in children:
            child.kill()
            child.wait()
        for master in masters:
            os.close(master)


def _bare(keys: int) -> list[float]:
    with _bare_shells(1) as (master,):
        while b"$ " not in os.read(master, 65536):
            pass
        seconds: list[float] = []
        for number in range(keys):
            began = perf_counter()
            os.write(master, b"x" if number % 2 == 0 else b"\x7f")
            select.select([master], [], [], SETTLE_SECONDS)
            os.read(master, 65536)
            seconds.append(perf_counter() - began)
            sleep(PAUSE_SECONDS)
        return seconds
