from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import Result, Way
from iterm_mcp.models.tasks import Outcome, TaskId

if TYPE_CHECKING:
    from iterm_mcp.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
WAY = Way("backlog", "claude", "opus", "high", "direct", "best")


def result(number: int = 1, outcome: Outcome = Outcome.SUCCEEDED, way: Way = WAY) -> Result:
    ended_at = START + timedelta(hours=number)
    return Result(TaskId("t-1"), number, way, outcome, ended_at, 60.0, 0.5, 1000, "drawn")


async def test_an_attempt_that_is_told_twice_counts_once(store: Store) -> None:
    for _ in range(2):
        await store.outcomes.record(result())
    assert await store.outcomes.judged("backlog", "best", START) == (result(),)
    assert await store.outcomes.arms() == {("backlog", "best"): 1}


async def test_what_it_cost_may_be_told_later_and_stays_known(store: Store) -> None:
    unpriced = replace(result(), cost_usd=None, tokens=None)
    await store.outcomes.record(unpriced)
    assert await store.outcomes.judged("backlog", "best", START) == (unpriced,)
    await store.outcomes.record(result())
    await store.outcomes.record(unpriced)
    assert await store.outcomes.judged("backlog", "best", START) == (result(),)


async def test_only_what_tells_of_an_arm_is_found_and_the_newest_of_it(store: Store) -> None:
    other = replace(WAY, arm="cheap")
    for one in (
        result(3), result(1), result(2, Outcome.FAILED), result(4, Outcome.LOST),
        result(5, Outcome.CANCELLED), result(6, way=other),
    ):  # fmt: skip
        await store.outcomes.record(one)
    found = await store.outcomes.judged("backlog", "best", START)
    assert [one.number for one in found] == [1, 2, 3]
    late = await store.outcomes.judged("backlog", "best", START + timedelta(hours=2))
    assert [one.number for one in late] == [2, 3]
    assert [one.number for one in await store.outcomes.judged("backlog", "best", START, 1)] == [3]
    assert await store.outcomes.arms() == {("backlog", "best"): 3, ("backlog", "cheap"): 1}


async def test_what_is_old_is_forgotten(store: Store) -> None:
    await store.outcomes.record(result(1))
    await store.outcomes.record(result(2))
    await store.outcomes.tidy(START + timedelta(hours=2))
    found = await store.outcomes.judged("backlog", "best", START)
    assert [one.number for one in found] == [2]
