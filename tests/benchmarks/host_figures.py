"""The running host, over its API, beside tmux: opening, printing, reading, memory."""

from __future__ import annotations

import subprocess
import sys
from shutil import which
from time import perf_counter, sleep
from typing import TYPE_CHECKING

import anyio
import psutil
from iterm2 import api_pb2
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.tmux import Tmux, open_tmux
from tests.integration.host.wire_client import open_wire

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.benchmarks.home import Home
    from tests.integration.host.wire_client import WireClient

READS = 200
LINES = 10_000
MEGABYTE = 1_000_000
TEXT = "a line of text that is as long as such lines often are"
PRINT_LINES = f"i=0; while [ $i -lt {LINES} ]; do echo {TEXT} $i; i=$((i+1)); done; echo end"
PRINT_BYTES = f"yes {TEXT.replace(' ', '_')} | head -c {MEGABYTE}; echo; echo end"


async def measure(home: Home, sessions: int, idle_seconds: float) -> list[Figure]:
    """Return the host's figures, and tmux's where it is installed.

    Args:
        idle_seconds: How long sessions rest before their memory is looked at; after thirty
            seconds without output the host compresses their history.
    """
    await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "host", "start"],
        env=home.environ,
        stdout=subprocess.DEVNULL,
    )
    figures: list[Figure] = []
    tmux = _in_tmux(sessions) if which("tmux") else {}
    async with open_wire(home) as wire:
        host = await _in_host(wire, home, sessions, idle_seconds)
    for name, (value, unit) in host.items():
        beside = f"{name}, tmux" if name in tmux else ""
        if beside:
            figures.append(Figure(beside, tmux[name][0], unit))
        aim = 1.5 if name.startswith("memory") and sessions == 100 else None
        figures.append(Figure(f"{name}, host", value, unit, beside, aim))
    return figures


Values = dict[str, tuple[float, str]]


async def _in_host(wire: WireClient, home: Home, sessions: int, idle_seconds: float) -> Values:
    values: Values = {}
    process = psutil.Process(lock_holder(home.paths.host_lock) or 0)
    shell = "/bin/bash --norc --noprofile -i"
    began = perf_counter()
    opened = [await wire.open_window(shell) for _ in range(sessions)]
    values[f"open {sessions} sessions"] = (perf_counter() - began) * 1e3, "ms"
    began = perf_counter()
    await _close(wire, [one.window_id for one in opened])
    values[f"close {sessions} sessions"] = (perf_counter() - began) * 1e3, "ms"

    before = process.memory_info().rss
    opened = [await wire.open_window(_shell(PRINT_LINES)) for _ in range(sessions)]
    for one in opened:
        await _ended(wire, one.session_id)
    await anyio.sleep(idle_seconds)
    memory = (process.memory_info().rss - before) / sessions / 1e6
    values[f"memory of a session with {LINES} lines"] = memory, "MB"

    first = opened[0].session_id
    for count in (24, 1000):
        values[f"read {count} lines p50"] = await _timed(lambda n=count: wire.text(first, n)), "us"  # type: ignore[misc]
    await _close(wire, [one.window_id for one in opened])

    began = perf_counter()
    opened = [await wire.open_window(_shell(PRINT_BYTES)) for _ in range(sessions)]
    for one in opened:
        await _ended(wire, one.session_id)
    values[f"print {sessions} x 1 MB at once"] = (perf_counter() - began) * 1e3, "ms"
    await _close(wire, [one.window_id for one in opened])
    return values


def _in_tmux(sessions: int) -> Values:
    values: Values = {}
    shell = "/bin/bash --norc --noprofile -i"
    with open_tmux(shell) as tmux:
        began = perf_counter()
        names = [_window(tmux, shell) for _ in range(sessions)]
        values[f"open {sessions} sessions"] = (perf_counter() - began) * 1e3, "ms"
        began = perf_counter()
        for name in names:
            tmux.ask(f"kill-window -t {name}")
        values[f"close {sessions} sessions"] = (perf_counter() - began) * 1e3, "ms"

        before = tmux.memory()
        names = [_window(tmux, _shell(PRINT_LINES)) for _ in range(sessions)]
        for name in names:
            _tmux_ended(tmux, name)
        memory = (tmux.memory() - before) / sessions / 1e6
        values[f"memory of a session with {LINES} lines"] = memory, "MB"

        for count, command in ((24, "capture-pane -p"), (1000, "capture-pane -p -S -976")):
            seconds = []
            for _ in range(READS):
                began = perf_counter()
                tmux.ask(f"{command} -t {names[0]}")
                seconds.append(perf_counter() - began)
            values[f"read {count} lines p50"] = percentile(seconds, 0.5) * 1e6, "us"
        for name in names:
            tmux.ask(f"kill-window -t {name}")

        began = perf_counter()
        names = [_window(tmux, _shell(PRINT_BYTES)) for _ in range(sessions)]
        for name in names:
            _tmux_ended(tmux, name)
        values[f"print {sessions} x 1 MB at once"] = (perf_counter() - began) * 1e3, "ms"
    return values


def _shell(script: str) -> str:
    return f"/bin/sh -c '{script}; exec cat'"


def _window(tmux: Tmux, command: str) -> str:
    (name,) = tmux.ask(f"new-window -d -P -F '#{{window_id}}' {_quoted(command)}")
    return name.decode()


def _quoted(command: str) -> str:
    escaped = command.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _tmux_ended(tmux: Tmux, name: str) -> None:
    while b"end" not in tmux.ask(f"capture-pane -p -t {name}"):
        sleep(0.002)


async def _ended(wire: WireClient, session_id: str) -> None:
    while "end" not in await wire.text(session_id):  # noqa: ASYNC110 - so is tmux asked
        await anyio.sleep(0.002)


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    """Return the median of a call, in microseconds."""
    seconds = []
    for _ in range(READS):
        began = perf_counter()
        await call()
        seconds.append(perf_counter() - began)
    return percentile(seconds, 0.5) * 1e6


async def _close(wire: WireClient, window_ids: list[str]) -> None:
    close = api_pb2.CloseRequest
    await wire.ask(close(windows=close.CloseWindows(window_ids=window_ids)))
