"""What was handed over and is not yet on the disk: bounded, and those who bring too much wait."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.store.events.rows import Row

RETRY_AFTER_SECONDS = 1.0
"""When to come again after ``events_busy``."""


class EventsBusyError(StoreError):
    """More comes than can be written; nothing of this call was kept.

    Attributes:
        retry_after_seconds: When to come again.
    """

    default_code = "events_busy"

    def __init__(self, waited_seconds: float) -> None:
        super().__init__(
            f"the events could not be taken within {waited_seconds:g} s: too many wait to be kept",
            hint="Hand them over again later; those that were kept already are not kept twice.",
        )
        self.retry_after_seconds = RETRY_AFTER_SECONDS


@dataclass(eq=False, slots=True)
class Ticket:
    """A caller's events, and what became of them.

    Attributes:
        new: How many were not known; None while it is not settled.
    """

    rows: Sequence[Row]
    since: float
    size: int
    done: anyio.Event = field(default_factory=anyio.Event)
    new: int | None = None
    failure: BaseException | None = None

    def settle(self, new: int | None = None, failure: BaseException | None = None) -> None:
        """Tell the caller."""
        self.new, self.failure = new, failure
        self.done.set()


class WaitingEvents:
    """A queue with a limit, first come, first served.

    Args:
        max_events, max_bytes: It takes no more; one caller's events that are more than that alone
            are taken when it is empty.
    """

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._tickets: deque[Ticket] = deque()
        self._callers: deque[anyio.Event] = deque()
        self._come = anyio.Event()
        self.events = 0
        self.bytes = 0

    @property
    def oldest_since(self) -> float | None:
        """Since when the oldest waits, by the monotonic clock; None when none does."""
        return self._tickets[0].since if self._tickets else None

    async def put(self, rows: Sequence[Row], since: float, *, within_seconds: float) -> Ticket:
        """Hand events over when there is room for them. Cancelled before, nothing happened.

        Raises:
            EventsBusyError: There was none in time.
        """
        size = sum(row.size for row in rows)
        if self._callers or not self._fits(len(rows), size):
            await self._wait_room(len(rows), size, within_seconds)
        ticket = Ticket(rows, since, size)
        self._tickets.append(ticket)
        self.events += len(rows)
        self.bytes += size
        self._come.set()
        return ticket

    async def wait_any(self) -> None:
        """Wait until something is there to be written."""
        while not self._tickets:
            self._come = anyio.Event()
            await self._come.wait()

    def take(self, most: int) -> list[Ticket]:
        """Return the oldest, of about so many events together, at least one caller's."""
        taken: list[Ticket] = []
        count = 0
        while self._tickets and (not taken or count + len(self._tickets[0].rows) <= most):
            taken.append(self._tickets.popleft())
            count += len(taken[-1].rows)
        return taken

    def release(self, tickets: Sequence[Ticket]) -> None:
        """Give the room of what was taken to those who wait for it."""
        self.events -= sum(len(one.rows) for one in tickets)
        self.bytes -= sum(one.size for one in tickets)
        if self._callers:
            self._callers[0].set()

    def fail_all(self, failure: BaseException) -> None:
        """Tell all who wait that nothing more is written."""
        tickets = self.take(self.events + 1)
        self.release(tickets)
        for one in tickets:
            one.settle(failure=failure)

    def _fits(self, count: int, size: int) -> bool:
        return not self.events or (
            self.events + count <= self._max_events and self.bytes + size <= self._max_bytes
        )

    async def _wait_room(self, count: int, size: int, within_seconds: float) -> None:
        turn = anyio.Event()
        self._callers.append(turn)
        try:
            with anyio.fail_after(within_seconds):
                while self._callers[0] is not turn or not self._fits(count, size):
                    await turn.wait()
                    if self._callers[0] is turn and not self._fits(count, size):
                        turn = self._callers[0] = anyio.Event()
        except TimeoutError:
            raise EventsBusyError(within_seconds) from None
        finally:
            self._callers.remove(turn)
            if self._callers:
                self._callers[0].set()
