"""The store of events: what may be asked of it, and what goes on in it while it is open."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ConflictError, ItermMcpError, StoreError
from iterm_mcp.models.event_queries import EventPage, Purged
from iterm_mcp.models.events import EventNumber, Kept
from iterm_mcp.processes import AlreadyRunningError, InstanceLock
from iterm_mcp.store.events.catalogue import Catalogue
from iterm_mcp.store.events.charts import ChartPlan
from iterm_mcp.store.events.copies import back_up_events
from iterm_mcp.store.events.known_keys import KnownKeys
from iterm_mcp.store.events.live_writer import LiveWriter
from iterm_mcp.store.events.measures import Measures
from iterm_mcp.store.events.partition import LOCK, PartitionState
from iterm_mcp.store.events.purging import purge
from iterm_mcp.store.events.readers import Readers
from iterm_mcp.store.events.recent import RecentEvents
from iterm_mcp.store.events.rows import to_row
from iterm_mcp.store.events.schema import explained
from iterm_mcp.store.events.searching import Searching
from iterm_mcp.store.events.selecting import select, select_for_purge, to_cursor
from iterm_mcp.store.events.settings import EventSettings
from iterm_mcp.store.events.upkeep import Upkeep
from iterm_mcp.store.events.waiting_events import WaitingEvents
from iterm_mcp.store.known_answers import KnownAnswers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.event_queries import (
        ChartQuery,
        ChartRow,
        EventCount,
        EventQuery,
        EventStats,
    )
    from iterm_mcp.models.events import Event, EventKind, KeptEvent
    from iterm_mcp.store.events.copies import Backup
    from iterm_mcp.store.events.partition import Partition
    from iterm_mcp.store.events.rows import Row
    from iterm_mcp.store.events.selecting import Selection
    from iterm_mcp.store.events.waiting_events import Ticket

T = TypeVar("T")

BATCH_EVENTS = 2000
"""Of one transaction; one caller's events are parted into as many at most."""
INLINE_EVENTS = 4
"""So few are made ready on the event loop; more in a thread."""
FOLLOW_EVENTS = 500
"""That a follower is handed at a time."""
READERS = 4
"""Queries that run at the same time; others wait for their turn."""
COUNT_MOST = 10_000
KEPT_CHARTS, KEPT_ROWS = 16, 1000
"""Charts that are kept until something happens, of so many rows at most."""

log = structlog.get_logger()


class EventStore:
    """Keeps events, and answers what is asked of them. Use `open_event_store`."""

    def __init__(
        self,
        catalogue: Catalogue,
        writer: LiveWriter,
        readers: Readers,
        keys: KnownKeys,
        clock: Clock,
        settings: EventSettings,
    ) -> None:
        self._catalogue = catalogue
        self._writer = writer
        self._readers = readers
        self._clock = clock
        self._settings = settings
        self._searching = Searching(catalogue, readers)
        self._waiting = WaitingEvents(
            max_events=settings.max_waiting_events, max_bytes=settings.max_waiting_bytes
        )
        self._recent = RecentEvents()
        self._recent.begin(catalogue.newest)
        self._purges = 0
        self._charts: KnownAnswers[tuple[ChartRow, ...]] = KnownAnswers(KEPT_CHARTS)
        self._measures = Measures(clock)
        self._writing = anyio.CapacityLimiter(1)
        self._purging = anyio.CapacityLimiter(1)
        self._reading = anyio.CapacityLimiter(READERS)
        self._upkeep = Upkeep(
            catalogue,
            keys,
            self._searching,
            clock,
            keep_seconds=settings.keep_seconds,
            keep_bytes=settings.keep_bytes,
            told=lambda gone: self._measures.dropped(gone.partitions, gone.events),
        )
        self._live = catalogue.live
        self._closed = False

    async def append(self, events: Sequence[Event]) -> Kept:
        """Keep events; when it returns, all of them stand on the disk.

        They are kept in this order, up to 2000 of them at once or not at all. Who is cancelled, or
        is told of an error, does not know which were kept, and may hand all of them over again:
        an event whose key is known is not kept twice.

        Raises:
            InvalidRequestError: One of them cannot be kept as it is; none was kept.
            EventsBusyError: Too many wait; come again later.
            StoreError: There is no room on the disk, or no right.
        """
        try:
            rows = await self._rows(events)
        except ItermMcpError:
            self._measures.refused(len(events))
            raise
        tickets = [
            await self._hand_over(rows[start : start + BATCH_EVENTS])
            for start in range(0, len(rows), BATCH_EVENTS)
        ]
        new = sum([await _settled(ticket) for ticket in tickets])
        return Kept(new, len(rows) - new, EventNumber(self._recent.newest))

    async def query(self, query: EventQuery) -> EventPage:
        """Return a page of events; see `EventQuery`.

        Raises:
            InvalidRequestError: The query asks for what cannot be.
            StoreError: It takes too long, or a file cannot be read.
        """
        selection = select(query)
        newest = selection.is_newest and not query.cursor and self._recent.last(query.limit)
        if newest and newest[-1].number >= self._catalogue.partitions[0].first:  # none forgotten
            return EventPage(newest, to_cursor(newest[-1].number, selection))
        return await self._read(lambda: self._searching.page(selection, query.cursor))

    async def count(self, query: EventQuery, most: int = COUNT_MOST) -> EventCount:
        """Count what a query finds, whatever its limit and cursor are, up to `most`."""
        selection = select(query)
        return await self._read(lambda: self._searching.count(selection, most))

    async def chart(self, query: ChartQuery) -> tuple[ChartRow, ...]:
        """Return sums over time, oldest first; times in which nothing happened are left out."""
        plan = ChartPlan(query)
        version = self._version()
        rows = self._charts.find(plan.question, version)
        if rows is None:
            rows = await self._read(
                lambda: plan.chart(self._catalogue.partitions, self._searching.read)
            )
            if len(rows) <= KEPT_ROWS:
                self._charts.keep(plan.question, version, rows)
        return rows

    def version(self, query: EventQuery) -> tuple[int, ...]:
        """Return what is another whenever the answer to a query may be another.

        An answer that is not complete, or tells of damage, may be another at any time.
        """
        return self._version(query.kinds)

    async def read_after(self, number: int, limit: int = FOLLOW_EVENTS) -> tuple[KeptEvent, ...]:
        """Return the next events behind a number, oldest first; empty when there are none yet."""
        if number >= self._recent.newest:
            return ()
        found = self._recent.after(number, limit)
        if found is None:
            found = await self._read(lambda: self._searching.after(number, limit))
        return found

    async def after(self, number: int) -> AsyncGenerator[tuple[KeptEvent, ...], None]:
        """Yield all events behind a number as they are kept, some at a time, until it closes.

        Close it when you leave it early: ``async with aclosing(store.after(0)) as stream``.
        """
        self._recent.followers += 1
        try:
            while await self._recent.wait_after(number):
                newest = self._recent.newest
                events = await self.read_after(number)
                number = events[-1].number if events else newest  # the rest was purged or dropped
                if events:
                    yield events
        finally:
            self._recent.followers -= 1

    async def purge(self, query: EventQuery) -> Purged:
        """Remove for good what a query finds, whatever its limit and cursor are.

        What is removed is not kept again when it is told again. Cancelled, it has removed some.

        Raises:
            InvalidRequestError: The query asks for everything, or for what cannot be.
            StoreError: A file cannot be written to; some may be removed.
        """
        selection = select_for_purge(query)
        await to_thread.run_sync(self._writer.seal, limiter=self._writing)
        total = 0
        damaged = []
        try:
            for partition in self._catalogue.partitions:
                if partition.state is PartitionState.LIVE:
                    continue
                if partition.state is PartitionState.DAMAGED:
                    damaged.append(partition.path.name)
                elif partition.holds(selection.since, selection.until):
                    async with self._upkeep.turn:
                        total += await self._purge(partition, selection)
        finally:
            self._purges += 1
            self._recent.begin(self._recent.newest)
            self._upkeep.wake()
        return Purged(total, tuple(damaged))

    async def tend(self) -> None:
        """Do now what is otherwise done now and then: make files small, forget the oldest."""
        await self._upkeep.tend()

    async def back_up(self, target: str) -> Backup:
        """Copy all events as they are now into a new folder, while more are kept."""
        return await to_thread.run_sync(
            back_up_events, self._catalogue.folder, Path(target), self._clock.now()
        )

    @property
    def newest(self) -> EventNumber:
        """The number of the newest event; 0 when there never was one."""
        return EventNumber(self._recent.newest)

    def stats(self) -> EventStats:
        """Tell how the store is, without looking into it."""
        return self._measures.stats(self._catalogue, self._waiting, self._recent)

    async def run(self) -> None:
        """Write what comes, and look after the files, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._upkeep.run, self._settings.upkeep_seconds)
            while True:
                await self._waiting.wait_any()
                await self._write(self._waiting.take(BATCH_EVENTS))

    async def aclose(self) -> None:
        """Write what waits; then nothing more is taken."""
        self._closed = True
        with anyio.CancelScope(shield=True):  # bounded by the queue, and by the busy timeout
            while tickets := self._waiting.take(BATCH_EVENTS):
                await self._write(tickets)
            self._recent.close()
            await to_thread.run_sync(self._close_files, limiter=self._writing)

    def _version(self, kinds: Collection[EventKind] = ()) -> tuple[int, ...]:
        return self._purges, self._catalogue.changes, self._recent.newest_of(kinds)

    def _close_files(self) -> None:
        self._readers.close()  # the writer is the last, and so leaves no log behind
        self._writer.close()

    async def _rows(self, events: Sequence[Event]) -> list[Row]:
        if len(events) <= INLINE_EVENTS:
            return [to_row(one) for one in events]
        return await to_thread.run_sync(lambda: [to_row(one) for one in events])

    async def _hand_over(self, rows: Sequence[Row]) -> Ticket:
        if self._closed:
            raise StoreError(
                "the store of events is closed", hint="Try again.", code="events_closed"
            )
        try:
            return await self._waiting.put(
                rows, self._clock.monotonic(), within_seconds=self._settings.append_seconds
            )
        except StoreError:
            self._measures.refused(len(rows))
            raise

    async def _write(self, tickets: Sequence[Ticket]) -> None:
        """Write what was taken, and tell everybody: also when we are cancelled meanwhile."""
        began = self._clock.monotonic()
        with anyio.CancelScope(shield=True):  # one transaction; bounded by the busy timeout
            try:
                written = await to_thread.run_sync(
                    self._writer.write, [one.rows for one in tickets], limiter=self._writing
                )
            except BaseException as error:
                self._waiting.release(tickets)
                for one in tickets:
                    one.settle(failure=error if isinstance(error, StoreError) else _cut_off())
                self._measures.failed(error, sum(len(one.rows) for one in tickets))
                if not isinstance(error, StoreError):
                    raise
                return
        total = sum(len(one.rows) for one in tickets)
        self._measures.kept(len(written.new), total, self._clock.monotonic() - began)
        self._recent.add(written.new, written.sizes)
        if self._catalogue.live is not self._live:  # there is one more to look after
            self._live = self._catalogue.live
            self._upkeep.wake()
        self._waiting.release(tickets)
        for one, new in zip(tickets, written.news, strict=True):
            one.settle(new)

    async def _purge(self, partition: Partition, selection: Selection) -> int:
        def work() -> int:
            with explained(partition.path):
                return sum(purge(partition, selection))

        return await to_thread.run_sync(work, limiter=self._purging)

    async def _read(self, work: Callable[[], T]) -> T:
        def explain() -> T:
            with explained(self._catalogue.folder):
                return work()

        return await to_thread.run_sync(explain, limiter=self._reading)


@asynccontextmanager
async def open_event_store(
    folder: str, clock: Clock, settings: EventSettings | None = None
) -> AsyncIterator[EventStore]:
    """Open the store in a folder of its own, for the block; at its end all is written.

    Raises:
        ConflictError: Another process has it open.
        StoreError: The folder cannot be used.
    """
    chosen = settings or EventSettings()
    catalogue = Catalogue(Path(folder))
    readers = Readers()
    catalogue.forgotten = readers.forget
    keys = KnownKeys(catalogue)
    writer = LiveWriter(catalogue, keys, clock, max_bytes=chosen.partition_bytes)
    lock = await to_thread.run_sync(_begin, catalogue)
    try:
        store = EventStore(catalogue, writer, readers, keys, clock, chosen)
        async with anyio.create_task_group() as group:
            group.start_soon(store.run)
            try:
                yield store
            finally:
                group.cancel_scope.cancel()
                await store.aclose()
    finally:
        lock.release()


def _begin(catalogue: Catalogue) -> InstanceLock:
    """Take the folder for ourselves, and look through it."""
    path = catalogue.folder / LOCK
    with explained(catalogue.folder):
        catalogue.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = InstanceLock(str(path)).acquire()
        except AlreadyRunningError as error:
            raise ConflictError(
                f"the events are in use by process {error.pid}", hint="End it, or use it."
            ) from None
    try:
        catalogue.load()
    except BaseException:
        lock.release()
        raise
    return lock


async def _settled(ticket: Ticket) -> int:
    """Wait until events stand on the disk; return how many were new."""
    await ticket.done.wait()
    if ticket.failure is not None:
        raise ticket.failure
    assert ticket.new is not None  # noqa: S101 - it is settled
    return ticket.new


def _cut_off() -> StoreError:
    return StoreError(
        "the events: writing was cut off, and may have been done", hint="Hand them over again."
    )
