"""Adds up what is spent, each kept event once, whatever is restarted when."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import StoreError
from iterm_mcp.models.budgets import Spending, SpendingKey
from iterm_mcp.models.events import CostBasis
from iterm_mcp.services.budgets.periods import slot_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from iterm_mcp.models.events import EventNumber, KeptEvent
    from iterm_mcp.store.budgets import BudgetStore

log = structlog.get_logger()

UNCOUNTED_MOST = 5000
"""Events that spent nothing, behind which the place is written down all the same."""

RETRY_SECONDS = 2.0


class KeptEvents(Protocol):
    """Where events are."""

    @property
    def newest(self) -> EventNumber:
        """Return the number of the newest event."""

    def after(self, number: int) -> AsyncGenerator[tuple[KeptEvent, ...], None]:
        """Yield all events behind a number as they are kept, until the store closes."""


def spending_of(events: Iterable[KeptEvent]) -> dict[SpendingKey, Spending]:
    """Return what events spent, apart by time and by whom. Pure."""
    found: dict[SpendingKey, Spending] = {}
    for kept in events:
        event, links = kept.event, kept.event.links
        if event.usage is None and event.cost is None:
            continue
        tokens = 0 if event.usage is None else event.usage.total
        priced = event.cost is not None and event.cost.basis is not CostBasis.UNPRICED
        spent = Spending(
            event.cost.nanodollars if priced and event.cost else 0,
            tokens,
            0 if priced else tokens,
            1,
        )
        key = SpendingKey(
            slot_of(event.at), links.agent, links.team, links.conversation, links.session
        )
        found[key] = found[key] + spent if key in found else spent
    return found


class Ledger:
    """Follows the events, and adds up what they spent.

    Args:
        counted: Is called when more was spent, and must not raise.
        pause: Waits before another try.

    Attributes:
        number: All events up to this one are counted, or spent nothing.
        caught_up: Set once all is counted that was kept when the counting began.
    """

    def __init__(
        self,
        events: KeptEvents,
        store: BudgetStore,
        counted: Callable[[], None],
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._events = events
        self._store = store
        self._counted = counted
        self._pause = pause
        self.number = 0
        self.caught_up = anyio.Event()

    async def run(self) -> None:
        """Count until the store of events closes."""
        while True:
            try:
                await self._follow()
            except StoreError as error:
                log.warning("spending_not_counted", reason=str(error))
                await self._pause(RETRY_SECONDS)
            else:
                return

    async def _follow(self) -> None:
        written = await self._store.position()
        if written > self._events.newest:  # the events were moved away, and begin anew
            await self._store.add(written, 0, {})
            written = 0
        self.number, newest = written, int(self._events.newest)
        if written >= newest:
            self.caught_up.set()
        async with aclosing(self._events.after(written)) as stream:
            async for kept in stream:
                last = int(kept[-1].number)
                spent = spending_of(kept)
                if spent or last - written >= UNCOUNTED_MOST:
                    if not await self._store.add(written, last, spent):
                        raise StoreError("another process counts what is spent, too")
                    written = last
                self.number = last
                if last >= newest:
                    self.caught_up.set()
                if spent:
                    self._counted()
