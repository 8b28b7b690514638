from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.told import answer, call, changed, prompt, told, turn_end

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.agents import Agent, Registry
from iterm_mcp.models.event_queries import ChartQuery, ChartRow, Sums
from iterm_mcp.models.events import EventKind
from iterm_mcp.models.history import Direction
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.services.events.history import History
from iterm_mcp.store.events import open_event_store
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterm_mcp.models.events import Event

EAST = timezone(timedelta(hours=5, minutes=30))
NOON = datetime(2026, 11, 18, 12, tzinfo=EAST)
"""A Wednesday."""


class Hours:
    """Sums that were put there, by the hour and the kind of event."""

    def __init__(self, rows: Mapping[tuple[datetime, EventKind], int]) -> None:
        self._rows = rows
        self.asked: list[ChartQuery] = []

    async def chart(self, query: ChartQuery) -> tuple[ChartRow, ...]:
        self.asked.append(query)
        return tuple(
            ChartRow(at, (kind,), Sums(count))
            for (at, kind), count in sorted(self._rows.items())
            if query.since - timedelta(hours=1) < at < query.until
        )


def hour(days_ago: int, at_hour: int = 9) -> datetime:
    day = NOON.replace(hour=at_hour) - timedelta(days=days_ago)
    return day.astimezone(timezone.utc).replace(minute=0)  # noqa: UP017 - as the store has it


def history(rows: Mapping[tuple[datetime, EventKind], int]) -> History:
    return History(Hours(rows), FakeClock(NOON), EAST)


def of(event: Event, agent: str, seconds: float = 0) -> Event:
    at = datetime(2026, 11, 16, 1, tzinfo=EAST) + timedelta(seconds=seconds)
    links = replace(event.links, agent=agent)
    return replace(event, key=f"{agent}/{seconds}/{event.key}", at=at, links=links)


class Members:
    async def load(self) -> Registry:
        ada = Agent(AgentName("ada"), "claude", SessionId("s"), (TeamName("blue"),), "", NOON)
        return Registry((ada,), ())


async def test_weeks_sum_up_who_did_what(tmp_path: Path) -> None:
    async with open_event_store(str(tmp_path / "events"), FakeClock(NOON)) as store:
        await store.append(
            [
                of(prompt(0), "ada"),
                of(answer(1, model="big", nano=10**9), "ada"),
                of(answer(2, model="small", nano=None, tokens=4), "ada"),
                *(of(one, "ada") for one in call("a", 3, 4)),
                *(of(one, "ada") for one in call("b", 5, 6, failed="no")),
                of(told(EventKind.PERMISSION_REQUESTED, 3, call="a"), "ada"),
                of(told(EventKind.PERMISSION_ANSWERED, 4, call="a", took=7.5), "ada"),
                of(changed(5, "/w/a", "modified"), "ada"),
                of(turn_end(6), "ada"),
                of(turn_end(7, EventKind.TURN_FAILED), "bob"),
                of(turn_end(8), "bob", -7200.0),  # on Sunday
            ]
        )
        this, last = await History(store, FakeClock(NOON), EAST, Members()).weeks(2)
    assert (this.begins, this.complete) == (date(2026, 11, 16), False)
    assert (last.begins, last.complete) == (date(2026, 11, 9), True)
    ada, bob = this.rows
    assert (ada.agent, ada.kind, ada.teams) == ("ada", "claude", ("blue",))
    assert [name for name, _ in ada.models] == ["big", "small"]
    did = ada.activity
    assert (did.turns, did.calls, did.failed_calls, did.files) == (1, 2, 1, 1)
    assert (did.waits, did.waited_seconds, did.dollars) == (1, 7.5, 1.0)
    assert (did.sums.usage.total, did.sums.unpriced) == (28, 1)
    assert (bob.teams, bob.activity.failed_turns) == ((), 1)
    assert (this.total.turns, last.total.turns) == (2, 1)


async def test_a_planted_trend_is_claimed_from_the_first_day_on_which_anything_was() -> None:
    rows = {(hour(ago), EventKind.TOOL_ENDED): 50 - ago for ago in range(1, 21)}
    report = await history(rows).trends(60)
    (calls,) = [one for one in report.trends if one.measure == "calls"]
    assert (calls.days, calls.slope, calls.direction) == (20, 1.0, Direction.UP)
    assert "Mann-Kendall" in report.method
    others = {one.direction for one in report.trends if one.measure != "calls"}
    assert others == {Direction.NONE}


async def test_today_does_not_count() -> None:
    report = await history({(hour(0), EventKind.TOOL_ENDED): 9}).trends(30)
    assert {one.days for one in report.trends} == {0}
    assert {one.p for one in report.trends} == {None}
    assert report.until == datetime(2026, 11, 18, tzinfo=EAST)


async def test_idle_days_count_as_such() -> None:
    report = await history({(hour(20), EventKind.TOOL_ENDED): 9}).trends(30)
    by_name = {one.measure: one.days for one in report.trends}
    assert (by_name["calls"], by_name["failed_calls_share"]) == (20, 1)


async def test_peaks_are_hours_that_come_again() -> None:
    rows = {(hour(7 * week + 1, 14), EventKind.TOOL_ENDED): 20 for week in range(4)}
    rows[hour(2, 3), EventKind.TOOL_ENDED] = 500  # once
    report = await history(rows).trends(28)
    (peak,) = report.peaks
    assert (peak.weekday, peak.hour, peak.mean) == (1, 13, 20.0)  # the bucket begins at 13:30
    assert peak.share == pytest.approx(80 / 580)
    assert (await history(rows).trends(13)).peaks == ()


async def test_two_periods_are_set_beside_each_other() -> None:
    rows = {(hour(ago), EventKind.TOOL_FAILED): 10 if ago <= 14 else 2 for ago in range(1, 29)} | {
        (hour(ago), EventKind.TOOL_ENDED): 20 for ago in range(1, 29)
    }
    report = await history(rows).shifts(14)
    by_name = {one.measure: one for one in report.shifts}
    failed = by_name["failed_calls_share"]
    assert (failed.before, failed.after) == pytest.approx((2 / 22, 10 / 30))
    assert failed.direction is Direction.UP
    assert by_name["turns"].direction is Direction.NONE
    assert report.since - report.before_since == timedelta(days=14)


async def test_nothing_is_claimed_against_a_time_before_the_first_event() -> None:
    rows = {(hour(ago), EventKind.TOOL_ENDED): 20 for ago in range(1, 14)}
    report = await history(rows).shifts(14)
    assert {one.direction for one in report.shifts} == {Direction.NONE}
    assert {one.days_before for one in report.shifts} == {0}


async def test_what_is_asked_is_bounded_and_narrowed() -> None:
    hours = Hours({})
    asked = History(hours, FakeClock(NOON), EAST)
    await asked.trends(180, agent="ada", kind="claude")
    assert {len(query.only) for query in hours.asked} == {2}
    assert max(query.until - query.since for query in hours.asked) <= timedelta(days=7)
    for refused in (asked.trends(181), asked.shifts(91), asked.weeks(54), asked.weeks(0)):
        with pytest.raises(InvalidRequestError):
            await refused
