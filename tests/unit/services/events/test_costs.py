from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.told import answer, at, prompt

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.events.costs import CostBy, Costs
from iterm_mcp.store.events import open_event_store
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.events import Event
    from iterm_mcp.services.events.costs import CostReport

DAY = 86_400.0
WEST = timezone(timedelta(hours=-10))
"""Where the day begins at 10:00 UTC; events begin at 9:00."""


def of(agent: str, event: Event) -> Event:
    return replace(event, key=f"{agent}/{event.key}", links=replace(event.links, agent=agent))


@pytest.fixture
async def costs(tmp_path: Path) -> AsyncIterator[Costs]:
    async with open_event_store(str(tmp_path / "events"), FakeClock(at(3 * DAY))) as store:
        await store.append(
            [
                prompt(0),
                of("ada", answer(1, model="big", nano=500, tokens=10)),
                of("ada", answer(7200, model="small", nano=30, tokens=5)),
                of("bob", answer(DAY, model="big", nano=700, tokens=10)),
                of("bob", answer(DAY + 1, model="odd", nano=None, tokens=3)),
            ]
        )
        yield Costs(store, WEST)


def table(report: CostReport) -> list[tuple[tuple[str, ...], int, int]]:
    return [(row.names, row.sums.computed_nanodollars, row.sums.usage.total) for row in report.rows]


async def test_all_together(costs: Costs) -> None:
    report = await costs.report(at(0), at(2 * DAY))
    assert table(report) == [((), 1230, 56)]
    assert report.total.unpriced == 1
    assert report.rows[0].dollars == pytest.approx(1230e-9)


async def test_by_agent_and_model_the_dearest_first(costs: Costs) -> None:
    report = await costs.report(at(0), at(2 * DAY), [CostBy.AGENT, CostBy.MODEL])
    assert table(report) == [
        (("bob", "big"), 700, 20),
        (("ada", "big"), 500, 20),
        (("ada", "small"), 30, 10),
        (("bob", "odd"), 0, 6),
    ]


async def test_a_day_is_that_of_the_user(costs: Costs) -> None:
    report = await costs.report(at(0), at(2 * DAY), [CostBy.DAY])
    assert table(report) == [
        (("2026-10-31",), 500, 20),
        (("2026-11-01",), 730, 36),
    ]
    by_model = await costs.report(at(0), at(2 * DAY), [CostBy.MODEL, CostBy.DAY])
    assert [row.names for row in by_model.rows] == [
        ("big", "2026-10-31"), ("big", "2026-11-01"), ("small", "2026-11-01"),
        ("odd", "2026-11-01"),
    ]  # fmt: skip


async def test_only_some(costs: Costs) -> None:
    assert table(await costs.report(at(0), at(2 * DAY), model="big")) == [((), 1200, 40)]
    assert table(await costs.report(at(0), at(2 * DAY), agent="ada")) == [((), 530, 30)]
    assert table(await costs.report(at(0), at(7200 - 60), kind="claude")) == [((), 500, 20)]
    nobody = await costs.report(at(0), at(2 * DAY), kind="codex")
    assert (table(nobody), nobody.total.count) == ([], 0)


async def test_what_is_left_out_still_counts(costs: Costs) -> None:
    report = await costs.report(at(0), at(2 * DAY), [CostBy.CONVERSATION, CostBy.AGENT], most=1)
    assert table(report) == [(("c1", "bob"), 700, 26)]
    assert (report.left_out, report.total.computed_nanodollars) == (1, 1230)


async def test_how_much_came_from_a_cache(costs: Costs) -> None:
    (row,) = (await costs.report(at(0), at(2 * DAY))).rows
    assert row.cache_share == 0
    usage = replace(row.sums.usage, cache_read=84)
    assert replace(row, sums=replace(row.sums, usage=usage)).cache_share == pytest.approx(0.75)
    nothing = replace(row.sums.usage, input=0)
    assert replace(row, sums=replace(row.sums, usage=nothing)).cache_share is None


async def test_time_does_not_run_backwards(costs: Costs) -> None:
    with pytest.raises(InvalidRequestError):
        await costs.report(at(1), at(1))
