"""How things went over weeks: summaries, trends, peaks, and two periods beside each other.

All of it is made from the sums that are kept beside the events, never from the events one by one.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import ChartBy, ChartQuery, ChartStep, Sums
from iterm_mcp.models.history import ShiftReport, TrendReport, Week
from iterm_mcp.services.events.activity import (
    activity_of,
    daily_measures,
    find_peaks,
    week_rows,
)
from iterm_mcp.services.events.conversations import add_sums
from iterm_mcp.services.events.significance import (
    ALPHA,
    CONFIDENCE,
    SHIFT_METHOD,
    TREND_METHOD,
    find_shifts,
    find_trends,
)

if TYPE_CHECKING:
    from datetime import date, tzinfo

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.events.activity import Hours, KindSums
    from iterm_mcp.services.events.costs import Charted
    from iterm_mcp.services.events.intake import Registered

MOST_WEEKS = 53
MOST_TREND_DAYS = 180
CHUNK = timedelta(days=7)
"""Of hours by kind; a chart has so many values at most."""


class History:
    """Answers how things went.

    Args:
        zone: In which days and weeks begin and end; bounds are widened to whole hours of UTC.
        agents: Tells which teams agents are members of; without it none is told.
    """

    def __init__(
        self,
        charted: Charted,
        clock: Clock,
        zone: tzinfo,
        agents: Registered | None = None,
    ) -> None:
        self._charted = charted
        self._clock = clock
        self._zone = zone
        self._agents = agents

    async def weeks(self, count: int) -> tuple[Week, ...]:
        """Return the last weeks, this one too, the newest first.

        Raises:
            InvalidRequestError: There are too many, or none.
            StoreError: The events cannot be read.
        """
        if not 1 <= count <= MOST_WEEKS:
            raise InvalidRequestError(
                f"1 to {MOST_WEEKS} weeks can be summed up, not {count}", hint="Ask for fewer."
            )
        known = () if self._agents is None else (await self._agents.load()).agents
        teams: dict[str, tuple[str, ...]] = {one.name: (*one.teams,) for one in known}
        today = self._clock.now().astimezone(self._zone).date()
        monday = today - timedelta(days=today.weekday())
        by = (ChartBy.KIND, ChartBy.AGENT_KIND, ChartBy.AGENT, ChartBy.MODEL)
        found: list[Week] = []
        for back in range(count):
            begins = monday - timedelta(weeks=back)
            since, until = self._begin(begins), self._begin(begins + timedelta(weeks=1))
            rows = await self._charted.chart(ChartQuery(since, until, None, by))
            sums: defaultdict[str, Sums] = defaultdict(Sums)
            for row in rows:
                sums[row.values[0]] = add_sums(sums[row.values[0]], row.sums)
            found.append(Week(begins, back > 0, activity_of(sums), week_rows(rows, teams)))
        return tuple(found)

    async def trends(self, days: int, *, agent: str = "", kind: str = "") -> TrendReport:
        """Return where daily figures go, and at which hours of the week most is done.

        Only whole days are looked at, from the first of them on which anything happened.

        Raises:
            InvalidRequestError: There are too many days, or none.
            StoreError: The events cannot be read.
        """
        if not 1 <= days <= MOST_TREND_DAYS:
            raise InvalidRequestError(
                f"1 to {MOST_TREND_DAYS} days can be looked at, not {days}", hint="Ask for fewer."
            )
        today = self._clock.now().astimezone(self._zone).date()
        first = today - timedelta(days=days)
        hours = await self._hours(first, today, agent, kind)
        by_day = self._days(hours, first, today)
        trends = await to_thread.run_sync(find_trends, daily_measures(by_day))
        return TrendReport(
            self._begin(first), self._begin(today), TREND_METHOD, ALPHA,
            trends, find_peaks(self._local(hours), first, today),
        )  # fmt: skip

    async def shifts(self, days: int, *, agent: str = "", kind: str = "") -> ShiftReport:
        """Return how the last whole days differ from as many before them; raises as `trends`."""
        if not 1 <= days <= MOST_TREND_DAYS // 2:
            raise InvalidRequestError(
                f"1 to {MOST_TREND_DAYS // 2} days can be compared, not {days}",
                hint="Ask for fewer.",
            )
        today = self._clock.now().astimezone(self._zone).date()
        middle = today - timedelta(days=days)
        first = middle - timedelta(days=days)
        hours = await self._hours(first, today, agent, kind)
        earlier = self._days(hours, first, middle)
        before = daily_measures(earlier)
        after = daily_measures(self._days(hours, middle, today, begun=bool(earlier)))
        shifts = await to_thread.run_sync(
            find_shifts, {name: (before[name], after[name]) for name in before}
        )
        return ShiftReport(
            self._begin(first), self._begin(middle), self._begin(today), SHIFT_METHOD, ALPHA,
            CONFIDENCE, shifts,
        )  # fmt: skip

    async def _hours(self, first: date, end: date, agent: str, kind: str) -> Hours:
        wanted = ((ChartBy.AGENT, agent), (ChartBy.AGENT_KIND, kind))
        only = tuple(one for one in wanted if one[1])
        found: dict[datetime, dict[str, Sums]] = {}
        since, until = self._begin(first), self._begin(end)
        while since < until:
            chunk = min(since + CHUNK, until)
            query = ChartQuery(since, chunk, ChartStep.HOUR, (ChartBy.KIND,), only)
            for row in await self._charted.chart(query):
                found.setdefault(row.at, {})[row.values[0]] = row.sums
            since = chunk
        return found

    def _days(self, hours: Hours, first: date, end: date, *, begun: bool = False) -> list[KindSums]:
        """Return the sums of each day, idle ones included, from the first on which anything was.

        Args:
            begun: Something was before.
        """
        by_day: dict[date, dict[str, Sums]] = {}
        for at, sums in self._local(hours).items():
            day = by_day.setdefault(at.date(), {})
            for kind, one in sums.items():
                day[kind] = add_sums(day.get(kind, Sums()), one)
        seen = [day for day in by_day if first <= day < end]
        if not seen and not begun:
            return []
        start = first if begun else min(seen)
        return [by_day.get(start + timedelta(days=one), {}) for one in range((end - start).days)]

    def _local(self, hours: Hours) -> Hours:
        return {at.astimezone(self._zone): sums for at, sums in hours.items()}

    def _begin(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)
