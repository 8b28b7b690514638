from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.told import answer

from iterm_mcp.models.agents import Registry
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Cost, CostBasis, TokenUsage
from iterm_mcp.services.events.opening import open_events
from iterm_mcp.services.events.spool import Spool
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


class Nobody:
    async def load(self) -> Registry:
        return Registry((), ())


async def test_what_is_taken_in_is_found_again(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("[m]\ninput = 1\noutput = 1")
    folder = str(tmp_path / "events")
    async with open_events(folder, str(prices), FakeClock(), Nobody()) as events:
        assert events.problems == ()
        told = answer(1, tokens=1_000_000, nano=7)
        kept = await events.intake.take([told])
        assert (kept.new, kept.repeated) == (1, 0)
    async with open_events(folder, str(prices), FakeClock(), Nobody()) as events:
        page = await events.store.query(EventQuery())
        assert [one.event for one in page.events] == [told]
        prices_of = await events.prices.get()
        usage = TokenUsage(input=2_000_000)
        assert prices_of.cost(usage, "m", "", told.at) == Cost(2_000_000_000, CostBasis.COMPUTED)


async def test_prices_that_mean_nothing_are_told_and_hold_nothing_up(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("[m]\ninput = 1")
    async with open_events(str(tmp_path / "e"), str(prices), FakeClock(), Nobody()) as events:
        (problem,) = events.problems
        assert "lacks 'output'" in problem
        await events.intake.take([answer(1)])
        assert (await events.store.count(EventQuery())).number == 1


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool in which one event lies."""
    one = Spool(str(tmp_path / "spool"))
    one.make()
    one.write("claude", b"{}", ("", "", ""), "d")
    one.claim(0.0)
    return one


async def test_what_waits_was_lost_or_left_out_is_told(tmp_path: Path, spool: Spool) -> None:
    async with open_events(str(tmp_path / "e"), "", FakeClock(), Nobody()) as events:
        events.recorder.dropped = 7
        events.changes.skipped = 8
        told = events.intake_stats(spool)
    assert (told.own_waiting, told.own_dropped, told.looks_skipped) == (0, 7, 8)
    assert (told.spool_files, told.spool_torn) == (1, 0)
    assert told.spool_bytes > 0
