"""The probe: asked for, or by itself every so often; one run at a time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ItermMcpError, RefusedError
from iterm_mcp.models.probes import Journey, ProbeCounts
from iterm_mcp.services.background import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.clock import Clock

log = structlog.get_logger()

LEAST_SECONDS = 60.0
TOLD_SECONDS = 600.0
"""How long one that was asked for is told of where none comes after it by itself."""
OK, FAILED = "ok", "failed"


class Going(Protocol):
    """Goes the way; see `iterm_mcp.services.probing.journey.Way`."""

    async def go(self) -> Journey:
        """Try every step, and remove what was made."""

    async def clean(self) -> list[str]:
        """Remove whatever was made; say what could not be."""


class Probe:
    """Tries the whole way.

    Args:
        underway: A file that stands while a run has not been cleaned up: one that a kill has cut
            off is found by it.
        every_seconds: 0 for never by itself; else at least `LEAST_SECONDS`.
    """

    def __init__(
        self, way: Going, clock: Clock, underway: Path, every_seconds: float = 0.0
    ) -> None:
        self._way = way
        self._clock = clock
        self._underway = underway
        self.every_seconds = max(every_seconds, LEAST_SECONDS) if every_seconds else 0.0
        self._busy = False
        self._runs = {OK: 0, FAILED: 0}
        self._ended = 0.0
        self.last: Journey | None = None

    async def run(self) -> Journey:
        """Go the way once.

        Raises:
            RefusedError: Another run is under way.
            OSError: The state folder cannot be written.
        """
        if self._busy:
            raise RefusedError(
                "the probe is under way",
                hint="Wait until it has ended; it takes seconds, and four minutes at most.",
                code="probe_running",
            )
        self._busy = True
        try:
            await self._begin()
            journey = await self._way.go()
            self.last, self._ended = journey, self._clock.monotonic()
            self._runs[OK if journey.is_ok else FAILED] += 1
            if not journey.left:
                await to_thread.run_sync(self._unmark)
        finally:
            self._busy = False
        return journey

    async def _begin(self) -> None:
        """Remove what was left, and mark that something may be left from now on."""
        if await to_thread.run_sync(self._underway.exists):
            await self._way.clean()
        else:
            await to_thread.run_sync(self._underway.touch, 0o600)

    def _unmark(self) -> None:
        self._underway.unlink(missing_ok=True)

    def counts(self) -> ProbeCounts:
        """Return what there is to be told now."""
        last = self.last
        if not self.every_seconds and self._clock.monotonic() - self._ended > TOLD_SECONDS:
            last = None
        return ProbeCounts(last, dict(self._runs))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Remove what a kill has left, and try by itself, for the length of the block."""
        async with beside(self._run):
            yield

    async def _run(self) -> None:
        if await to_thread.run_sync(self._underway.exists):
            await self._sweep()
        while self.every_seconds:
            await anyio.sleep(self.every_seconds)
            try:
                journey = await self.run()
            except (ItermMcpError, OSError) as error:
                log.warning("probe_not_run", reason=str(error))
                continue
            if not journey.is_ok:
                told = {one.step.value: one.reason for one in journey.steps if not one.is_ok}
                log.warning("probe_failed", **told, left="; ".join(journey.left))

    async def _sweep(self) -> None:
        """Remove what a run before this daemon has left."""
        if self._busy:
            return
        self._busy = True
        try:
            if not await self._way.clean():
                await to_thread.run_sync(self._unmark)
        finally:
            self._busy = False
