"""Conversations, as their events tell of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
from anyio import to_thread

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.event_queries import (
    ChartBy,
    ChartQuery,
    ChartStep,
    EventQuery,
    Sums,
)
from iterm_mcp.models.events import EventKind, Links, TokenUsage
from iterm_mcp.services.events.accounts import make_account, slim
from iterm_mcp.services.events.comparing import compare
from iterm_mcp.services.events.graphs import make_graph
from iterm_mcp.services.events.reconciling import Reconciliation, nothing_spent, reconcile
from iterm_mcp.services.events.spending import FIELDS
from iterm_mcp.services.events.timelines import make_timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.account_views import Comparison, Graph, Timeline
    from iterm_mcp.models.accounts import Account
    from iterm_mcp.models.event_queries import ChartRow, EventPage
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json

K = TypeVar("K")
T = TypeVar("T")

MOST_EVENTS = 50_000
"""Of one conversation that are looked at; of longer ones the newest."""

PAGE_EVENTS = 500
"""Held whole at once: an event may have a megabyte."""

HINT = "Call query_events to see which there are."

_BY = (ChartBy.CONVERSATION, ChartBy.AGENT, ChartBy.AGENT_KIND)


class Kept(Protocol):
    """Where events are asked for."""

    async def query(self, query: EventQuery) -> EventPage:
        """Return a page of events."""

    async def chart(self, query: ChartQuery) -> tuple[ChartRow, ...]:
        """Return sums over time."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One conversation in a list.

    Attributes:
        began_at, last_at: To the hour.
        title: Empty where none was told.
    """

    conversation: str
    agent: str
    kind: str
    began_at: datetime
    last_at: datetime
    sums: Sums
    title: str = ""
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """All events of a conversation.

    Attributes:
        complete: False when there are so many that the oldest were left out.
    """

    events: tuple[Event, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """What a conversation came to.

    Attributes:
        complete: False when its oldest events are not counted.
    """

    account: Account
    complete: bool


def whole(page: EventPage) -> list[Event]:
    """Return a page's events."""
    return [one.event for one in page.events]


def slimmed(page: EventPage, hide: Callable[[Event], Event] | None = None) -> list[Event]:
    """Return a page's events with no more than accounts need.

    Args:
        hide: Takes from each event what is not to be told, before anything is cut off.
    """
    return [slim(one.event if hide is None else hide(one.event)) for one in page.events]


class Conversations:
    """Answers what is asked of conversations."""

    def __init__(self, kept: Kept, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        self._thinking = anyio.CapacityLimiter(1)

    async def events(self, conversation: str, most: int = MOST_EVENTS) -> Whole:
        """Return a conversation's events, newest first.

        Raises:
            NotFoundError: There are none.
            StoreError: They cannot be read.
        """
        return await self._read(conversation, most, whole)

    async def _read(
        self, conversation: str, most: int, take: Callable[[EventPage], list[Event]]
    ) -> Whole:
        if not conversation:  # it would be any
            raise NotFoundError("conversation", conversation, hint=HINT)
        found: list[Event] = []
        query = EventQuery(links=Links(conversation=conversation), limit=PAGE_EVENTS)
        while True:
            page = await self._kept.query(query)
            found += await to_thread.run_sync(take, page, limiter=self._thinking)
            cursor = page.cursor
            del page  # it is not held while the next one is read
            if not cursor or len(found) >= most:
                break
            query = replace(query, cursor=cursor)
        if not found:
            raise NotFoundError("conversation", conversation, hint=HINT)
        return Whole(tuple(found[:most]), complete=not cursor and len(found) <= most)

    async def account(self, conversation: str) -> Account:
        """Return what a conversation came to.

        Raises:
            NotFoundError: Nothing is known of it.
            StoreError: Its events cannot be read.
        """
        return await self._think(make_account, await self._slim(conversation))

    async def counted(
        self, conversation: str, hide: Callable[[Event], Event] | None = None
    ) -> Counted:
        """Return what a conversation came to, and whether all of it is counted.

        Never more than one page of its events is held whole.

        Args:
            hide: Takes from each event what is not to be told.

        Raises:
            NotFoundError: Nothing is known of it.
            StoreError: Its events cannot be read.
        """
        found = await self._read(conversation, MOST_EVENTS, partial(slimmed, hide=hide))
        return Counted(await self._think(make_account, found.events), found.complete)

    async def timeline(self, conversation: str) -> Timeline:
        """Return a conversation as bars over time; raises as `account` does."""
        return await self._think(make_timeline, await self.account(conversation))

    async def graph(self, conversation: str, *, expanded: bool = False) -> Graph:
        """Return what led to what in a conversation; raises as `account` does."""
        drawing = partial(make_graph, expanded=expanded)
        return await self._think(drawing, await self._slim(conversation))

    async def reconciliation(self, conversation: str) -> Reconciliation:
        """Return what it cost by price lists beside what its agent says; raises as `account` does.

        What was unpriced, and how far both are apart, is told.
        """
        found = reconcile((await self.events(conversation)).events)
        return next(
            (one for one in found if one.conversation == conversation), nothing_spent(conversation)
        )

    async def compare(self, conversations: Sequence[str]) -> Comparison:
        """Return conversations side by side, aligned to the first; raises as `account` does."""
        return await self._think(compare, [await self.account(one) for one in conversations])

    async def _slim(self, conversation: str) -> tuple[Event, ...]:
        return (await self._read(conversation, MOST_EVENTS, slimmed)).events

    async def _think(self, work: Callable[[K], T], known: K) -> T:
        """Work something out beside the event loop, one thing at a time."""
        return await to_thread.run_sync(work, known, limiter=self._thinking)

    async def newest(
        self, since: datetime, *, agent: str = "", kind: str = "", limit: int = 50
    ) -> tuple[Summary, ...]:
        """Return the conversations of which something was told since then, the newest first.

        Raises:
            StoreError: The events cannot be read.
        """
        wanted = ((ChartBy.AGENT, agent), (ChartBy.AGENT_KIND, kind))
        rows = await self._kept.chart(
            ChartQuery(
                since, self._clock.now() + timedelta(hours=1), ChartStep.HOUR, _BY,
                tuple(one for one in wanted if one[1]),
            )
        )  # fmt: skip
        return tuple([await self._named(one) for one in _summaries(rows)[:limit]])

    async def _named(self, summary: Summary) -> Summary:
        """Add what a conversation was called last, and where it was begun."""
        starts = await starts_of(self._kept, summary.conversation)
        return replace(
            summary,
            title=newest_word(starts, "title"),
            directory=newest_word(starts, "directory"),
        )


async def starts_of(kept: Kept, conversation: str) -> list[Mapping[str, Json]]:
    """Return what was told of a conversation when it began or went on, the newest first.

    Raises:
        StoreError: The events cannot be read.
    """
    kinds = frozenset({EventKind.CONVERSATION_STARTED})
    query = EventQuery(links=Links(conversation=conversation), kinds=kinds, limit=20)
    return [one.event.payload for one in (await kept.query(query)).events]


def newest_word(starts: Iterable[Mapping[str, Json]], name: str) -> str:
    """Return what is told under a name, by the first that tells it; empty where none does."""
    return next((str(one[name]) for one in starts if one.get(name)), "")


def _summaries(rows: Iterable[ChartRow]) -> list[Summary]:
    """Return one summary of each conversation, from rows that come in the order of time."""
    found: dict[str, Summary] = {}
    for row in rows:
        conversation, agent, kind = row.values
        if not conversation:
            continue
        known = found.get(conversation)
        if known is None:
            found[conversation] = Summary(conversation, agent, kind, row.at, row.at, row.sums)
            continue
        found[conversation] = replace(
            known, agent=agent or known.agent, kind=kind or known.kind, last_at=row.at,
            sums=add_sums(known.sums, row.sums),
        )  # fmt: skip
    return sorted(found.values(), key=lambda one: (one.last_at, one.conversation), reverse=True)


def add_sums(one: Sums, other: Sums) -> Sums:
    """Return both together."""
    usage = TokenUsage(
        **{name: getattr(one.usage, name) + getattr(other.usage, name) for name in FIELDS}
    )
    return Sums(
        one.count + other.count,
        one.failures + other.failures,
        one.duration_seconds + other.duration_seconds,
        usage,
        one.reported_nanodollars + other.reported_nanodollars,
        one.computed_nanodollars + other.computed_nanodollars,
        one.unpriced + other.unpriced,
    )
