"""Sessions come, print, and go, thousands of times; the host must look afterwards as before."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import psutil
from iterm2 import api_pb2
from tests.integration.host.wire_client import open_wire

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

BATCH = 20
PRINTING = 4
"""How many sessions print at once."""

CHUNK = 50_000_000
PRINT = "/bin/sh -c 'yes {line} | head -c {size}; echo; echo printed; exec cat'"
LINE = "the quick brown fox jumps over the lazy dog 0123456789"
SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """How the host was at one moment.

    Attributes:
        opened: Sessions opened so far.
        printed: Bytes printed so far.
        memory: Resident bytes of the host.
        descriptors: Open file descriptors.
        children: Child processes, zombies included.
    """

    seconds: float
    opened: int
    printed: int
    memory: int
    descriptors: int
    children: int


class Churn:
    """One run against the host of a home.

    Args:
        opens: Sessions to open and close.
        output: Bytes to print.
        looks: How often the host is looked at.
    """

    def __init__(self, home: Home, opens: int, output: int, looks: int) -> None:
        pid = lock_holder(home.paths.host_lock)
        assert pid
        self._home = home
        self._host = psutil.Process(pid)
        self._opens = opens
        self._output = output
        self._looks = looks
        self._opened = self._printed = 0
        self._began = monotonic()

    async def run(self) -> AsyncIterator[Look]:
        """Yield how the host looks at the start, and after each part of the work."""
        async with open_wire(self._home) as wire:
            await self._open_and_close(wire, BATCH)  # what is loaded once stays
            yield await self._look()
            for part in range(1, self._looks + 1):
                await self._open_and_close(wire, self._opens * part // self._looks)
                await self._print(wire, self._output * part // self._looks)
                yield await self._look()

    async def _open_and_close(self, wire: WireClient, until: int) -> None:
        while self._opened < until:
            count = min(BATCH, until - self._opened)
            opened = [await wire.open_window("/bin/sh") for _ in range(count)]
            self._opened += count
            await _close(wire, opened)

    async def _print(self, wire: WireClient, until: int) -> None:
        while self._printed < until:
            size = min(CHUNK, max((until - self._printed) // PRINTING, 1))
            command = PRINT.format(line=LINE.replace(" ", "_"), size=size)
            opened = [await wire.open_window(command) for _ in range(PRINTING)]
            for one in opened:
                with anyio.fail_after(SETTLE_SECONDS):
                    while "printed" not in await wire.text(one.session_id):  # noqa: ASYNC110
                        await anyio.sleep(0.05)
            self._printed += size * PRINTING
            await _close(wire, opened)

    async def _look(self) -> Look:
        """Wait until the closed programs are gone, then look."""
        with anyio.move_on_after(SETTLE_SECONDS):
            while self._host.children():  # noqa: ASYNC110 - processes ring no bell
                await anyio.sleep(0.05)
        return Look(
            monotonic() - self._began,
            self._opened,
            self._printed,
            self._host.memory_info().rss,
            self._host.num_fds(),
            len(self._host.children()),
        )


async def _close(wire: WireClient, opened: list[Any]) -> None:
    close = api_pb2.CloseRequest
    ids = [one.window_id for one in opened]
    await wire.ask(close(windows=close.CloseWindows(window_ids=ids)))


def faults(looks: list[Look], *, slack: int = 16 << 20) -> list[str]:
    """Say what did not stay as it was: the later half of a run is held against its middle.

    Args:
        slack: Bytes of memory that may come and go.
    """
    middle, last = looks[len(looks) // 2], looks[-1]
    found = []
    if last.memory > middle.memory + slack:
        grown = (last.memory - middle.memory) / (1 << 20)
        found.append(f"memory grew by {grown:.1f} MiB in the later half")
    if last.descriptors > middle.descriptors:
        found.append(f"descriptors: {middle.descriptors} in the middle, {last.descriptors} now")
    if last.children:
        found.append(f"{last.children} child processes are left")
    return found
