"""Events as they are kept, for whoever looks on: what is there first, then what comes."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.models.event_queries import MAX_LIMIT, EventQuery
from iterm_mcp.store.events.selecting import select, to_cursor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from iterm_mcp.models.events import KeptEvent
    from iterm_mcp.store.events import EventStore

EVERYTHING = EventQuery()


@dataclass(frozen=True, slots=True)
class Told:
    """Some events.

    Attributes:
        number: All that was asked for up to this number has been told.
    """

    events: tuple[KeptEvent, ...]
    number: int


async def follow_events(
    store: EventStore, query: EventQuery, *, after: int | None, snapshot: int
) -> AsyncGenerator[Told, None]:
    """Yield the events that a query finds, oldest first, until the store closes.

    Nothing is held for one that asks slowly: it is read when it is asked for.

    Args:
        query: Its order, limit and cursor do not matter.
        after: Go on behind this number; None to start with the newest that are there.
        snapshot: How many of these.

    Raises:
        InvalidRequestError: The query asks for what cannot be.
        StoreError: The events cannot be read.
    """
    plain = replace(query, newest_first=False, cursor="", limit=MAX_LIMIT)
    number = store.newest if after is None else after
    if after is None:
        found: tuple[KeptEvent, ...] = ()
        if snapshot:
            newest = replace(plain, newest_first=True, limit=snapshot)
            found = (await store.query(newest)).events[::-1]
            number = max(number, found[-1].number) if found else number
        yield Told(found, number)
    else:
        select(plain)  # refuse what cannot be before anything is told
        yield Told((), number)
    everything = plain == replace(EVERYTHING, newest_first=False, limit=MAX_LIMIT)
    async with aclosing(store.after(number)) as stream:
        async for kept in stream:
            last = kept[-1].number
            if everything:
                yield Told(kept, last)
                continue
            async for told in _matching(store, plain, number, last):
                yield told
            number = last


async def _matching(
    store: EventStore, query: EventQuery, number: int, last: int
) -> AsyncGenerator[Told, None]:
    """Yield what a query finds behind one number and up to another."""
    cursor = to_cursor(number, select(query))
    while cursor:
        page = await store.query(replace(query, cursor=cursor))
        found = tuple(one for one in page.events if one.number <= last)
        cursor = page.cursor if len(found) == len(page.events) else ""
        yield Told(found, last if not cursor or not found else found[-1].number)
