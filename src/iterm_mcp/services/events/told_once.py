"""Codex tells the same by its rollout and by what ``codex exec`` prints: only one of both is kept.

They share no ids, so the store cannot know one fact from another. A rollout tells more, so beside
one a stream tells only what rollouts leave out; and beside hooks only what these do not know. Of a
thread that was kept from a stream alone, a rollout that comes later tells what came after it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.agents.events import codex_exec_events as printed
from iterm_mcp.agents.events import codex_hook_events as hooks
from iterm_mcp.agents.events import codex_rollout_events as rollouts
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import EventKind, EventNumber, Kept, Links

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iterm_mcp.models.event_queries import EventPage
    from iterm_mcp.models.events import Event
    from iterm_mcp.services.events.hook_events import Takes

REMEMBERED = 5000
LAG = timedelta(seconds=1)
"""So much later than the stream may a rollout say that the same happened."""

BESIDE_ROLLOUT = frozenset({EventKind.LOG_REPORTED})
BESIDE_HOOKS = BESIDE_ROLLOUT | {
    EventKind.MODEL_ANSWERED, EventKind.FILE_CHANGED, EventKind.TURN_FAILED,
}  # fmt: skip
WHOLE = frozenset(EventKind) - BESIDE_ROLLOUT - {EventKind.CONVERSATION_STARTED}


class Asked(Protocol):
    """Where events are asked for."""

    async def query(self, query: EventQuery) -> EventPage:
        """Return a page of events."""


class ToldOnce:
    """Takes events in, from rollouts and streams alike; all others pass."""

    def __init__(self, intake: Takes, store: Asked) -> None:
        self._intake = intake
        self._store = store
        self._until: OrderedDict[str, datetime | None] = OrderedDict()

    async def take(self, events: Sequence[Event]) -> Kept:
        """Keep what is not told already; that counts as repeated.

        Raises:
            StoreError: They could not be kept, or not now: try again later with the same events.
        """
        wanted = await self._not_told(events)
        kept = Kept(0, 0, EventNumber(0))
        if wanted:
            kept = await self._intake.take(wanted)
            self._note(wanted)
        return replace(kept, repeated=kept.repeated + len(events) - len(wanted))

    async def _not_told(self, events: Sequence[Event]) -> list[Event]:
        threads = {one.links.conversation for one in events if one.source == printed.SOURCE}
        kinds = {name: await self._beside(name) for name in sorted(threads)}
        of_rollouts = {one.links.conversation for one in events if one.source == rollouts.SOURCE}
        until = {name: await self._streamed_until(name) for name in sorted(of_rollouts)}
        wanted = []
        for one in events:
            thread = one.links.conversation
            if one.source == printed.SOURCE and one.kind not in kinds[thread]:
                continue
            last = until[thread] if one.source == rollouts.SOURCE else None
            if last is None or one.at > last + LAG:
                wanted.append(one)
        return wanted

    async def _beside(self, thread: str) -> frozenset[EventKind]:
        """Return what a stream may tell of a thread."""
        if await self._newest(thread, rollouts.SOURCE) is not None:
            return BESIDE_ROLLOUT
        if await self._newest(thread, hooks.SOURCE) is not None:
            return BESIDE_HOOKS
        return frozenset(EventKind)

    async def _streamed_until(self, thread: str) -> datetime | None:
        """Return until when a stream has told a thread; None where none did."""
        if thread not in self._until:
            self._remember(thread, await self._newest(thread, printed.SOURCE, WHOLE))
        return self._until[thread]

    async def _newest(
        self, thread: str, source: str, kinds: frozenset[EventKind] = frozenset()
    ) -> datetime | None:
        query = EventQuery(
            links=Links(conversation=thread), sources=frozenset({source}), kinds=kinds, limit=1
        )
        while not (page := await self._store.query(query)).events and page.cursor:
            query = replace(query, cursor=page.cursor)  # it looked for as long as it may
        return page.events[0].event.at if page.events else None

    def _note(self, events: Sequence[Event]) -> None:
        for one in events:
            if one.source == printed.SOURCE and one.kind in WHOLE:
                before = self._until.get(one.links.conversation)
                self._remember(one.links.conversation, max(before or one.at, one.at))

    def _remember(self, thread: str, until: datetime | None) -> None:
        self._until[thread] = until
        self._until.move_to_end(thread)
        if len(self._until) > REMEMBERED:
            self._until.popitem(last=False)
