"""What was done in a time, out of the sums of its events by kind. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iterm_mcp.models.event_queries import Sums
from iterm_mcp.models.events import EventKind
from iterm_mcp.models.history import Activity, Peak, WeekRow
from iterm_mcp.services.events.conversations import add_sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from iterm_mcp.models.event_queries import ChartRow

    KindSums = Mapping[str, Sums]
    Hours = Mapping[datetime, KindSums]

DAYS_OF_WEEK = 7
LEAST_WEEKS = 2
"""For peaks: what happened once is no habit."""
MOST_PEAKS = 5

TURNS, FAILED_TURNS, CALLS, FAILED_CALLS = "turns", "failed_turns", "calls", "failed_calls_share"
DOLLARS, TOKENS, WAITED = "dollars", "tokens", "waited_seconds"
DOLLARS_OF_TURN = "dollars_per_turn"

_TURN_KINDS = (EventKind.TURN_ENDED, EventKind.TURN_FAILED, EventKind.TURN_INTERRUPTED)


def activity_of(by_kind: KindSums) -> Activity:
    """Return what was done, from the sums of each kind of event."""

    def count(*kinds: EventKind) -> int:
        return sum(by_kind[kind].count for kind in kinds if kind in by_kind)

    total = Sums()
    for one in by_kind.values():
        total = add_sums(total, one)
    return Activity(
        turns=count(*_TURN_KINDS),
        failed_turns=count(EventKind.TURN_FAILED),
        calls=count(EventKind.TOOL_ENDED, EventKind.TOOL_FAILED),
        failed_calls=count(EventKind.TOOL_FAILED),
        waits=count(EventKind.PERMISSION_REQUESTED, EventKind.QUESTION_ASKED),
        waited_seconds=by_kind.get(EventKind.PERMISSION_ANSWERED, Sums()).duration_seconds,
        files=count(EventKind.FILE_CHANGED),
        commits=count(EventKind.COMMIT_MADE),
        sums=total,
    )


def week_rows(
    rows: Iterable[ChartRow], teams: Mapping[str, tuple[str, ...]]
) -> tuple[WeekRow, ...]:
    """Return one row of each kind and agent, the dearest first.

    Args:
        rows: By kind of event, kind of agent, agent and model.
        teams: Of each agent.
    """
    kinds: defaultdict[tuple[str, str], dict[str, Sums]] = defaultdict(dict)
    models: defaultdict[tuple[str, str], dict[str, Sums]] = defaultdict(dict)
    for row in rows:
        kind, agent_kind, agent, model = row.values
        who = (agent_kind, agent)
        kinds[who][kind] = add_sums(kinds[who].get(kind, Sums()), row.sums)
        if model and row.sums.usage.total:
            models[who][model] = add_sums(models[who].get(model, Sums()), row.sums)
    found = [
        WeekRow(kind, agent, teams.get(agent, ()), activity_of(sums), _dearest(models[kind, agent]))
        for (kind, agent), sums in kinds.items()
    ]
    found.sort(key=lambda one: (-one.activity.dollars, one.kind, one.agent))
    return tuple(found)


def daily_measures(days: Sequence[KindSums]) -> dict[str, list[float]]:
    """Return each measure's values of these days; shares only of days that have any."""
    found = [activity_of(one) for one in days]
    return {
        TURNS: [float(one.turns) for one in found],
        FAILED_TURNS: [float(one.failed_turns) for one in found],
        CALLS: [float(one.calls) for one in found],
        FAILED_CALLS: [one.failed_calls / one.calls for one in found if one.calls],
        DOLLARS: [one.dollars for one in found],
        DOLLARS_OF_TURN: [one.dollars / one.turns for one in found if one.turns],
        TOKENS: [float(one.sums.usage.total) for one in found],
        WAITED: [one.waited_seconds for one in found],
    }


def find_peaks(hours: Hours, first: date, end: date) -> tuple[Peak, ...]:
    """Return the hours of the week with the most calls of tools, if there are weeks enough.

    Only hours count in which something was done in at least two different weeks, and on average
    twice as much as in an hour like any other.

    Args:
        hours: By their beginnings, in the time of the place.
    """
    weeks = (end - first).days / DAYS_OF_WEEK
    if weeks < LEAST_WEEKS:
        return ()
    sums: defaultdict[tuple[int, int], int] = defaultdict(int)
    seen: defaultdict[tuple[int, int], set[date]] = defaultdict(set)
    for at, kinds in hours.items():
        calls = activity_of(kinds).calls
        if calls:
            place = (at.weekday(), at.hour)
            sums[place] += calls
            seen[place].add(at.date())
    total = sum(sums.values())
    usual = total / (DAYS_OF_WEEK * 24)
    busy = sorted(
        (one for one in sums if len(seen[one]) >= LEAST_WEEKS and sums[one] >= 2 * usual),
        key=lambda one: (-sums[one], one),
    )
    return tuple(
        Peak(weekday, hour, sums[weekday, hour] / weeks, sums[weekday, hour] / total)
        for weekday, hour in busy[:MOST_PEAKS]
    )


def _dearest(models: Mapping[str, Sums]) -> tuple[tuple[str, Sums], ...]:
    def nanodollars(one: tuple[str, Sums]) -> int:
        return one[1].reported_nanodollars + one[1].computed_nanodollars

    return tuple(sorted(models.items(), key=lambda one: (-nanodollars(one), one[0])))
