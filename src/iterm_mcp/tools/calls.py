"""The tool calls under way: measured, counted, and drained at the end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.telemetry import Meter


class Calls:
    """Every tool call passes through `measure`.

    Attributes:
        meter: Measures each call under the tool's name.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._running = 0
        self._closing = False
        self._idle = anyio.Event()

    @contextmanager
    def measure(self, tool: str) -> Iterator[None]:
        """Count and measure one call.

        Raises:
            RefusedError: The daemon is stopping and takes no new calls.
        """
        with self.meter.measure(tool):
            if self._closing:
                raise RefusedError(
                    "the iterm-mcp daemon is stopping",
                    hint="Call again: the next call starts a new one.",
                    code="stopping",
                )
            self._running += 1
            try:
                yield
            finally:
                self._running -= 1
                self._tell_if_idle()

    def _tell_if_idle(self) -> None:
        if self._closing and not self._running:
            self._idle.set()

    async def drain(self, seconds: float) -> int:
        """Take no new calls and let the running ones end; return how many did not."""
        self._closing = True
        if self._running:
            with anyio.move_on_after(seconds):
                await self._idle.wait()
        return self._running
