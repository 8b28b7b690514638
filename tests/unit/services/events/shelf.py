"""An event store in memory, for those who hand events over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.event_queries import EventPage
from iterm_mcp.models.events import EventNumber, Kept, KeptEvent, Links

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterm_mcp.models.event_queries import EventQuery
    from iterm_mcp.models.events import Event


class Shelf:
    """Keeps each event once.

    Attributes:
        full: It keeps nothing now.
        hated: A word; no event is kept with it in its text, nor one that comes together with it.
    """

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.full = False
        self.hated = ""

    async def take(self, events: Sequence[Event]) -> Kept:
        if self.full:
            raise StoreError("full", hint="Free some disk space.")
        if self.hated and any(self.hated in one.text for one in events):
            raise InvalidRequestError("no such event", hint="Mend it.")
        new = {one.key: one for one in events if one.key not in self.events}
        self.events |= new
        return Kept(len(new), len(events) - len(new), EventNumber(len(self.events)))

    async def query(self, query: EventQuery) -> EventPage:
        """Return the newest by conversation, sources and kinds; all else must be left out."""
        found = [
            KeptEvent(EventNumber(number), one.at, one)
            for number, one in enumerate(self.events.values(), 1)
            if query.links == Links(conversation=one.links.conversation)
            and one.source in query.sources
            and (one.kind in query.kinds or not query.kinds)
        ]
        return EventPage(tuple(found[::-1][: query.limit]))

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.events.values()]


async def until(condition: Callable[[], object]) -> None:
    """Wait until what runs beside has brought something about."""
    with anyio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.001)
