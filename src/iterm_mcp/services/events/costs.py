"""What was spent, by day, agent, model or conversation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import ChartBy, ChartQuery, ChartStep, Sums
from iterm_mcp.services.events.conversations import add_sums

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime, tzinfo

    from iterm_mcp.models.event_queries import ChartRow
    from iterm_mcp.services.events.cost_checking import CostCheck, CostChecks

MOST_ROWS = 1000


class CostBy(StrEnum):
    """What costs are told apart by."""

    DAY = "day"
    AGENT = "agent"
    KIND = "kind"
    MODEL = "model"
    CONVERSATION = "conversation"


_CHARTS = {
    CostBy.AGENT: ChartBy.AGENT,
    CostBy.KIND: ChartBy.AGENT_KIND,
    CostBy.MODEL: ChartBy.MODEL,
    CostBy.CONVERSATION: ChartBy.CONVERSATION,
}


class Charted(Protocol):
    """Where sums are asked for."""

    async def chart(self, query: ChartQuery) -> tuple[ChartRow, ...]:
        """Return sums over time."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line of a report.

    Attributes:
        names: In the order of what was asked for; a day is written ``2026-11-21``.
    """

    names: tuple[str, ...]
    sums: Sums

    @property
    def dollars(self) -> float:
        """All that is known."""
        return (self.sums.reported_nanodollars + self.sums.computed_nanodollars) / 1e9

    @property
    def cache_share(self) -> float | None:
        """How much of what models read came from a cache, 0 to 1; None if they read nothing."""
        usage = self.sums.usage
        read = usage.input + usage.cache_read + usage.cache_write + usage.cache_write_1h
        return usage.cache_read / read if read else None


@dataclass(frozen=True, slots=True)
class CostReport:
    """What was spent.

    Attributes:
        rows: The dearest first, days in their order.
        left_out: How many rows there are more; they count in `total`.
        check: What was computed beside what agents report; None where only a model's part is told,
            of which they report nothing.
    """

    since: datetime
    until: datetime
    by: tuple[CostBy, ...]
    rows: tuple[CostRow, ...]
    total: Sums
    left_out: int
    check: CostCheck | None = None


class Costs:
    """Answers what was spent.

    Args:
        zone: In which days begin and end.
        checks: Compares what was computed with what was reported.
    """

    def __init__(self, charted: Charted, zone: tzinfo, checks: CostChecks | None = None) -> None:
        self._charted = charted
        self._checks = checks
        self._zone = zone

    async def report(
        self,
        since: datetime,
        until: datetime,
        by: Sequence[CostBy] = (),
        *,
        agent: str = "",
        kind: str = "",
        model: str = "",
        most: int = MOST_ROWS,
    ) -> CostReport:
        """Return what was spent in a time; its bounds are widened to whole hours.

        Raises:
            InvalidRequestError: The time ends before it begins.
            StoreError: The events cannot be read.
        """
        if since >= until:
            raise InvalidRequestError(
                "the time ends before it begins", hint="Give a since that is before until."
            )
        chosen = tuple(dict.fromkeys(by))
        charted = tuple(_CHARTS[one] for one in chosen if one in _CHARTS)
        wanted = ((ChartBy.AGENT, agent), (ChartBy.AGENT_KIND, kind), (ChartBy.MODEL, model))
        only = tuple(one for one in wanted if one[1])
        check = None
        if self._checks is not None and not model:
            check = await self._checks.check(since, until, only)
        step = ChartStep.HOUR if CostBy.DAY in chosen else None
        rows = await self._charted.chart(ChartQuery(since, until, step, charted, only))
        sums: defaultdict[tuple[str, ...], Sums] = defaultdict(Sums)
        total = Sums()
        for row in rows:
            if not _cost_something(row.sums):
                continue
            names = self._names(row, chosen)
            sums[names] = add_sums(sums[names], row.sums)
            total = add_sums(total, row.sums)
        found = [CostRow(names, one) for names, one in sums.items()]
        found.sort(key=lambda one: (_day(one, chosen), -one.dollars, one.names))
        return CostReport(
            since, until, chosen, tuple(found[:most]), total, max(len(found) - most, 0), check
        )

    def _names(self, row: ChartRow, chosen: Sequence[CostBy]) -> tuple[str, ...]:
        values = iter(row.values)
        day: date = row.at.astimezone(self._zone).date()
        return tuple(day.isoformat() if one is CostBy.DAY else next(values) for one in chosen)


def _cost_something(sums: Sums) -> bool:
    return bool(
        sums.usage.total or sums.unpriced or sums.reported_nanodollars or sums.computed_nanodollars
    )


def _day(row: CostRow, chosen: Sequence[CostBy]) -> str:
    return row.names[chosen.index(CostBy.DAY)] if CostBy.DAY in chosen else ""
