"""The newest events in memory, and who waits for more: nobody polls, and few read the disk."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from iterm_mcp.models.events import EventKind, KeptEvent

MAX_EVENTS = 2000
MAX_BYTES = 8 << 20


class RecentEvents:
    """What was kept last. Used on the event loop alone.

    Attributes:
        newest: The newest number of the store.
        followers: How many look on; counted by themselves.
        closed: Nothing more will come.
    """

    def __init__(self) -> None:
        self.newest = 0
        self.followers = 0
        self.closed = False
        self._events: deque[tuple[KeptEvent, int]] = deque()
        self._bytes = 0
        self._since = 0  # all behind this number are here
        self._of_kinds: dict[EventKind, int] = {}  # the newest, of those that came since we began
        self._more = anyio.Event()

    def begin(self, newest: int) -> None:
        """Start with nothing in memory, behind a number."""
        self._events.clear()
        self._of_kinds.clear()
        self._bytes = 0
        self.newest = self._since = newest
        self._tell()

    def add(self, events: Sequence[KeptEvent], sizes: Sequence[int]) -> None:
        """Add what has just been kept, and tell all who wait.

        Args:
            sizes: Their bytes, about.
        """
        if not events:
            return
        for one, size in zip(events, sizes, strict=True):
            self._events.append((one, size))
            self._of_kinds[one.event.kind] = one.number
            self._bytes += size
        while len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES:
            gone, size = self._events.popleft()
            self._bytes -= size
            self._since = gone.number
        self.newest = events[-1].number
        self._tell()

    def after(self, number: int, limit: int) -> tuple[KeptEvent, ...] | None:
        """Return the events behind a number; None when some of them are no longer here."""
        if number < self._since:
            return None
        found: deque[KeptEvent] = deque()
        for one, _ in reversed(self._events):
            if one.number <= number:
                break
            found.appendleft(one)
        return tuple(found)[:limit]

    def last(self, limit: int) -> tuple[KeptEvent, ...] | None:
        """Return the newest events, newest first; None when fewer are here."""
        if len(self._events) < limit:
            return None
        return tuple(one for one, _ in islice(reversed(self._events), limit))

    def newest_of(self, kinds: Collection[EventKind]) -> int:
        """Return the newest number of some kinds, of all where none is named.

        0 stands for whatever was there when we began.
        """
        if not kinds:
            return self.newest
        return max(self._of_kinds.get(one, 0) for one in kinds)

    def close(self) -> None:
        """Let all go who wait."""
        self.closed = True
        self._tell()

    async def wait_after(self, number: int) -> bool:
        """Wait until the store has something behind a number; False when nothing will come."""
        while self.newest <= number and not self.closed:
            await self._more.wait()
        return self.newest > number

    def _tell(self) -> None:
        self._more.set()
        self._more = anyio.Event()
