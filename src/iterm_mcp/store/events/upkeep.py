"""What goes on behind the store: files become small, keys go together, and old files are forgotten.

All of it is done in short steps, each in a thread, and none of it is needed for the store to be
right: what is cut short is taken up again.
"""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import StoreError
from iterm_mcp.store.events.cooling import cool
from iterm_mcp.store.events.partition import PartitionState, count_events
from iterm_mcp.store.events.retention import too_old_or_too_much
from iterm_mcp.store.events.rows import to_micros
from iterm_mcp.store.events.schema import explained, is_damage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from iterm_mcp.clock import Clock
    from iterm_mcp.store.events.catalogue import Catalogue
    from iterm_mcp.store.events.known_keys import KnownKeys
    from iterm_mcp.store.events.partition import Partition
    from iterm_mcp.store.events.searching import Searching

PAUSE_SECONDS = 0.02
"""At most, between two steps: others want the disk and the processor too."""

PAUSES = 4.0
"""How much longer than its step a pause may be: hundreds of small steps need not take seconds."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was forgotten at once.

    Attributes:
        events: How many, as far as it could be told.
    """

    partitions: int = 0
    events: int = 0
    size_bytes: int = 0


class Upkeep:
    """Looks after the files that are not live.

    Args:
        told: Hears of what was forgotten.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        keys: KnownKeys,
        searching: Searching,
        clock: Clock,
        *,
        keep_seconds: float,
        keep_bytes: int,
        told: Callable[[Dropped], None],
    ) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._searching = searching
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._keep_bytes = keep_bytes
        self._told = told
        self._due = anyio.Event()
        self._limiter = anyio.CapacityLimiter(1)
        self.turn = anyio.Lock()
        """Held by whoever writes to a file that is not live."""
        self.problem = ""

    def wake(self) -> None:
        """There may be something to do."""
        self._due.set()

    async def run(self, every_seconds: float) -> None:
        """Do what is to be done, when it is, until cancelled."""
        while True:
            await self.tend()
            with anyio.move_on_after(every_seconds):
                await self._due.wait()
            self._due = anyio.Event()

    async def tend(self) -> None:
        """Do all that is to be done now; what cannot be done is logged, and tried another time."""
        try:
            await self._drop()
            for partition in self._catalogue.partitions:
                if partition.state in {PartitionState.SEALED, PartitionState.COLD}:
                    await self._tend(partition)
        except StoreError as error:
            if not self.problem:
                log.error("events_upkeep_failed", reason=str(error))  # noqa: TRY400 - expected
            self.problem = str(error)
        else:
            self.problem = ""

    async def _tend(self, partition: Partition) -> None:
        try:
            await self._step(lambda: self._merge(partition))
            if partition.state is PartitionState.SEALED:
                await self._step(lambda: cool(partition))
        except sqlite3.Error as error:
            if is_damage(error):
                await to_thread.run_sync(self._catalogue.set_aside, partition, str(error))
                return
            if partition not in self._catalogue.partitions:
                return
            with explained(partition.path):
                raise
        except OSError:
            with explained(partition.path):
                raise

    def _merge(self, partition: Partition) -> Iterator[None]:
        while not self._keys.merge(partition):
            yield

    async def _drop(self) -> None:
        """Forget what is too old or too much."""
        before = self._clock.now() - timedelta(seconds=self._keep_seconds)
        gone = too_old_or_too_much(
            self._catalogue.partitions, before=to_micros(before), max_bytes=self._keep_bytes
        )
        if not gone:
            return
        async with self.turn:
            dropped = await to_thread.run_sync(self._forget, gone, limiter=self._limiter)
        self._told(dropped)
        try:
            await self._step(lambda: self._keys.forget([one.first for one in gone]))
        except (sqlite3.Error, OSError):
            with explained(self._catalogue.folder):
                raise

    def _forget(self, gone: list[Partition]) -> Dropped:
        events = size = 0
        for one in gone:
            events += self._searching.read(one, count_events) or 0
            size += one.size
            with explained(one.path):
                self._catalogue.drop(one)
        log.info("events_forgotten", files=len(gone), events=events, bytes=size)
        return Dropped(len(gone), events, size)

    async def _step(self, begin: Callable[[], Iterator[None]]) -> None:
        """Run an iterator to its end, each step in a thread, while nobody else writes there."""
        async with self._closing(begin()) as steps:
            while True:
                async with self.turn:
                    began = perf_counter()
                    more = await to_thread.run_sync(_advance, steps, limiter=self._limiter)
                    took = perf_counter() - began
                if not more:
                    return
                await anyio.sleep(min(PAUSE_SECONDS, PAUSES * took))

    @asynccontextmanager
    async def _closing(self, steps: Iterator[None]) -> AsyncIterator[Iterator[None]]:
        try:
            yield steps
        finally:
            with anyio.CancelScope(shield=True):  # it closes a file
                await to_thread.run_sync(_close, steps, limiter=self._limiter)


def _advance(steps: Iterator[None]) -> bool:
    return next(steps, _END) is not _END


def _close(steps: Iterator[None]) -> None:
    close = getattr(steps, "close", None)
    if close is not None:
        close()


_END = object()
