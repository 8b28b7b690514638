"""What a report says was spent, beside what the agents themselves say of the same conversations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.event_queries import ChartBy, ChartQuery, EventQuery
from iterm_mcp.models.events import EventKind, Links
from iterm_mcp.services.events.reconciling import AGREE_PERCENT, reconcile_sums

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from iterm_mcp.models.event_queries import ChartRow, EventPage
    from iterm_mcp.models.events import Event
    from iterm_mcp.services.events.reconciling import Reconciliation

MOST_CHECKED = 20
MOST_CLAIMS = 5000
PAGE_EVENTS = 200
LONGEST = timedelta(days=30)
"""How long before a time a conversation of that time may have begun."""


class Asked(Protocol):
    """Where sums and events are asked for."""

    async def chart(self, query: ChartQuery) -> tuple[ChartRow, ...]:
        """Return sums over time."""

    async def query(self, query: EventQuery) -> EventPage:
        """Return the newest events."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A conversation of which both sides say something else, by more than `AGREE_PERCENT`.

    Attributes:
        computed, reported: Billionths of a dollar.
    """

    conversation: str
    kind: str
    computed: int
    reported: int


@dataclass(frozen=True, slots=True)
class CostCheck:
    """The dearest conversations of a time, each as a whole, from both sides.

    Attributes:
        conversations: How many were looked at, `MOST_CHECKED` at most.
        compared: Of how many the agent says what it cost, and every answer has a price.
        computed, reported: Billionths of a dollar of those, by price lists and by the agents' word.
        difference_percent: How much more was computed, of what was reported; None without any.
    """

    conversations: int
    compared: int
    computed: int
    reported: int
    difference_percent: float | None
    apart: tuple[Apart, ...]


class CostChecks:
    """Compares what was computed with what was reported."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    async def check(
        self, since: datetime, until: datetime, only: tuple[tuple[ChartBy, str], ...] = ()
    ) -> CostCheck:
        """Return both sides of the dearest conversations of a time.

        Args:
            only: Which of them count, by what they are of.

        Raises:
            StoreError: The events cannot be read.
        """
        of_them = (ChartBy.CONVERSATION, ChartBy.AGENT_KIND)
        begun = since - LONGEST
        rows = await self._asked.chart(ChartQuery(since, until, None, of_them, only))
        spent = sorted(((_cost(row), row.values) for row in rows if row.values[0]), reverse=True)
        names = [values for cost, values in spent[:MOST_CHECKED] if cost]
        if not names:
            return _checked(())
        whole = await self._asked.chart(ChartQuery(begun, until, None, of_them, only))
        sums = {row.values: row.sums for row in whole}
        return _checked(
            [
                reconcile_sums(name, kind, sums[name, kind], await self._claims(name, begun))
                for name, kind in names
            ]
        )

    async def _claims(self, conversation: str, since: datetime) -> list[Event]:
        found: list[Event] = []
        query = EventQuery(
            since=since,
            kinds=frozenset({EventKind.METRIC_REPORTED}),
            links=Links(conversation=conversation),
            limit=PAGE_EVENTS,
        )
        while len(found) < MOST_CLAIMS:
            page = await self._asked.query(query)
            found += [one.event for one in page.events]
            if not page.cursor:
                break
            query = replace(query, cursor=page.cursor)
        return found


def _cost(row: ChartRow) -> int:
    return row.sums.computed_nanodollars + row.sums.reported_nanodollars


def _checked(found: Iterable[Reconciliation]) -> CostCheck:
    looked_at = list(found)
    compared = [one for one in looked_at if one.difference_percent is not None]
    computed = sum(one.computed for one in compared)
    reported = sum(one.reported or 0 for one in compared)
    return CostCheck(
        len(looked_at),
        len(compared),
        computed,
        reported,
        (computed - reported) * 100 / reported if reported else None,
        tuple(
            Apart(one.conversation, one.kind, one.computed, one.reported or 0)
            for one in compared
            if not one.agrees(AGREE_PERCENT)
        ),
    )
