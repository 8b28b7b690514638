"""What a report computes stands beside what agents say, each conversation as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.told import answer, at

from iterm_mcp.models.events import Event, EventKind, Links
from iterm_mcp.services.events import cost_checking
from iterm_mcp.services.events.cost_checking import Apart, CostChecks
from iterm_mcp.services.events.costs import Costs
from iterm_mcp.store.events import EventStore, open_event_store
from iterm_mcp.testing.fake_clock import FakeClock
from iterm_mcp.tools import event_answers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DAY = 86_400.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    async with open_event_store(str(tmp_path / "events"), FakeClock(at(3 * DAY))) as one:
        yield one


def spent(conversation: str, seconds: float, nano: int | None) -> Event:
    one = answer(seconds, model="big", nano=nano, tokens=10)
    return replace(
        one,
        key=f"{conversation}/{seconds}",
        links=replace(one.links, conversation=conversation, kind="claude", agent="ada"),
    )


def says(conversation: str, seconds: float, dollars: float, name: str = "cost.total") -> Event:
    return Event(
        f"{conversation}/said/{seconds}/{name}", at(seconds), EventKind.METRIC_REPORTED, "test",
        links=Links(conversation=conversation, kind="claude", agent="ada"),
        payload={"name": name, "value": dollars, "unit": "USD"},
    )  # fmt: skip


async def test_the_dearest_conversations_are_compared_as_a_whole(store: EventStore) -> None:
    await store.append(
        [
            spent("same", 0, 1_000_000_000), spent("same", DAY, 1_000_000_000),
            says("same", DAY, 2.0),
            spent("apart", DAY, 1_500_000_000), says("apart", DAY, 1.0),
            spent("silent", DAY, 10_000),
            spent("unknown", DAY, None), says("unknown", DAY, 9.0),
        ]
    )  # fmt: skip

    found = await CostChecks(store).check(at(DAY), at(2 * DAY))

    assert (found.conversations, found.compared) == (3, 2)
    assert (found.computed, found.reported) == (3_500_000_000, 3_000_000_000)
    assert found.difference_percent == pytest.approx(100 / 6)
    assert found.apart == (Apart("apart", "claude", 1_500_000_000, 1_000_000_000),)


async def test_what_is_said_in_many_parts_adds_up(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_checking, "PAGE_EVENTS", 2)
    parts = [says("c", DAY + second, 0.5, "answer.cost") for second in range(5)]
    await store.append([spent("c", DAY, 2_500_000_000), *parts, says("c", DAY, 7.0, "other")])

    found = await CostChecks(store).check(at(DAY), at(2 * DAY))

    assert (found.reported, found.difference_percent, found.apart) == (2_500_000_000, 0.0, ())


async def test_where_nothing_was_spent_there_is_nothing_to_compare(store: EventStore) -> None:
    found = await CostChecks(store).check(at(0), at(DAY))

    assert (found.conversations, found.compared, found.difference_percent) == (0, 0, None)


async def test_a_report_tells_both_sides_but_not_of_a_part(store: EventStore) -> None:
    await store.append([spent("c", 0, 1_000_000_000), says("c", 0, 0.5)])
    costs = Costs(store, FakeClock(at(0)).now().tzinfo, CostChecks(store))  # type: ignore[arg-type]
    end = at(0) + timedelta(days=1)

    whole = await costs.report(at(0), end, agent="ada")
    part = await costs.report(at(0), end, model="big")

    assert part.check is None
    assert "agents_say" not in event_answers.costs(part)
    assert event_answers.costs(whole)["agents_say"] == {
        "conversations": 1, "of": 1, "dollars": 0.5, "computed_dollars": 1.0,
        "difference_percent": 100.0,
        "apart": [{"conversation": "c", "dollars": 0.5, "computed_dollars": 1.0}],
    }  # fmt: skip
