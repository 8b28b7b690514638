"""Reading many events page by page, so that never more than one page is held."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.models.event_queries import EventPage, EventQuery
    from iterm_mcp.models.events import Event, KeptEvent
    from iterm_mcp.services.events.conversations import Kept

PAGE_EVENTS = 200


class EventReading:
    """The events of a query, once, oldest first.

    Args:
        most: Further ones are left out.
        hide: Takes from each event what is not to be told.

    Attributes:
        count: How many were read.
        cut: There are more.
        damaged: Files that could not be read whole.
    """

    def __init__(
        self, kept: Kept, query: EventQuery, most: int, hide: Callable[[Event], Event] | None
    ) -> None:
        self._kept = kept
        self._query = replace(query, newest_first=False, limit=min(PAGE_EVENTS, most), cursor="")
        self._most = most
        self._hide = hide
        self._first: EventPage | None = None
        self.count = 0
        self.cut = False
        self.damaged: list[str] = []

    async def begin(self) -> None:
        """Ask for the first page, so that what cannot be is refused before anything is written.

        Raises:
            InvalidRequestError: The query means nothing.
            StoreError: The events cannot be read.
        """
        self._first = await self._kept.query(self._query)

    async def events(self) -> AsyncIterator[KeptEvent]:
        """Yield the events; after `begin`, once."""
        page = self._first
        self._first = None
        while page is not None:
            self.damaged += [one for one in page.damaged if one not in self.damaged]
            for one in page.events:
                if self.count == self._most:
                    self.cut = True
                    return
                self.count += 1
                yield one if self._hide is None else replace(one, event=self._hide(one.event))
            if not page.cursor:
                return
            page = await self._kept.query(replace(self._query, cursor=page.cursor))

    @property
    def ending(self) -> dict[str, object]:
        """What is to be told at the end: how many there are, and whether that is all."""
        answer: dict[str, object] = {
            "events": self.count, "complete": not (self.cut or self.damaged)
        }  # fmt: skip
        if self.cut:
            answer["left_out"] = f"all after the first {self.count} events"
        if self.damaged:
            answer["damaged"] = self.damaged
        return answer
