"""Our own facts on their way into the event store, without anybody who tells one waiting."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.events import Event, EventKind, event_key
from iterm_mcp.services.background import beside
from iterm_mcp.services.events.own_events import SOURCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.events.hook_events import Takes

log = structlog.get_logger()

MOST_WAITING = 20_000
"""Events that wait to be kept; what comes beyond is dropped, counted and told."""

MOST_AT_ONCE = 500
GATHER_SECONDS = 0.05
"""So long after it kept some it waits for more: a transaction an event would cost more than all
else that a call does. What comes alone is kept at once."""
RETRY_SECONDS = 1.0
LAST_SECONDS = 5.0
"""How long what waits may take to be kept once the daemon stops."""

MOST_TRIES = 10
"""Events that could not be kept so often, one after the other, are dropped."""


class Recorder:
    """Takes events at once and keeps them in the background, in their order.

    Args:
        pause: Waits before another try, and for more to keep at once.

    Attributes:
        dropped: How many events were lost since it was made, for want of room or of a store.
    """

    def __init__(
        self,
        intake: Takes,
        clock: Clock,
        *,
        most: int = MOST_WAITING,
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._most = most
        self._pause = pause
        self._waiting: deque[Event] = deque()
        self._arrived = anyio.Event()
        self._untold = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many events wait to be kept."""
        return len(self._waiting)

    def record(self, *events: Event) -> None:
        """Take events. Never waits and never raises: where there is no room they are dropped."""
        for event in events:
            if len(self._waiting) >= self._most:
                self._drop(1)
            else:
                self._waiting.append(event)
        self._arrived.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep what comes for the length of the block; at its end, what still waits."""
        async with beside(self._keep):
            yield
        with anyio.move_on_after(LAST_SECONDS, shield=True):
            while self._waiting and await self._flush():
                pass
        if self._waiting:
            log.warning("own_events_lost", events=len(self._waiting))

    async def _keep(self) -> None:
        tries = 0
        while True:
            if not self._waiting and not self._untold:
                self._arrived = anyio.Event()
                await self._arrived.wait()
            if await self._flush():
                tries = 0
                await self._pause(GATHER_SECONDS)
                continue
            tries += 1
            if tries >= MOST_TRIES:
                self._give_up()
                tries = 0
            await self._pause(RETRY_SECONDS)

    async def _flush(self) -> bool:
        """Keep some of what waits; tell whether that was possible."""
        untold = self._untold
        count = min(len(self._waiting), MOST_AT_ONCE)
        batch = list(islice(self._waiting, count))
        if untold:
            batch.append(self._lost(untold))
        try:
            with anyio.CancelScope(shield=True):  # bounded by the store's own patience
                try:
                    await self._intake.take(batch)
                except InvalidRequestError:
                    self._drop(await self._take_each(batch))
        except StoreError as error:
            log.warning("own_events_not_kept", waiting=len(self._waiting), reason=str(error))
            return False
        for _ in range(count):
            self._waiting.popleft()
        self._untold -= untold
        return True

    async def _take_each(self, batch: Sequence[Event]) -> int:
        """Keep the events that can be kept, one by one; return how many can not."""
        bad = 0
        for one in batch:
            try:
                await self._intake.take([one])
            except InvalidRequestError as error:
                log.warning("own_event_refused", kind=one.kind.value, reason=str(error))
                bad += 1
        return bad

    def _give_up(self) -> None:
        """Drop what could not be kept again and again, and may be what cannot be kept at all."""
        count = min(len(self._waiting), MOST_AT_ONCE)
        for _ in range(count):
            self._waiting.popleft()
        self._drop(count)

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._untold += count

    def _lost(self, count: int) -> Event:
        now = self._clock.now()
        return Event(
            key=event_key("own", "dropped", now.isoformat(), str(self.dropped)),
            at=now,
            kind=EventKind.LOG_REPORTED,
            source=SOURCE,
            subject="events_dropped",
            text=f"{count} events of our own were dropped before they could be kept",
            payload={"name": "events_dropped", "attributes": {"events": count}},
        )
