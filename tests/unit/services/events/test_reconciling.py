"""What is computed stands beside what agents say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.events.claude_transcript_events import ClaudeTranscriptEvents
from iterm_mcp.agents.events.otlp_events import read_logs, read_metrics
from iterm_mcp.models.events import Cost, CostBasis, Event, EventKind, Links, TokenUsage
from iterm_mcp.services.events.prices import Prices, _load_listed
from iterm_mcp.services.events.reconciling import GROWING, ONE_ANSWER, SINCE_LAST, reconcile

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
OTLP = Path(__file__).parents[3] / "fixtures" / "jobs" / "otlp"


def answer(nanodollars: int, basis: CostBasis = CostBasis.COMPUTED, name: str = "c") -> Event:
    return Event(
        "k", NOW, EventKind.MODEL_ANSWERED, "test", links=Links(kind="claude", conversation=name),
        usage=TokenUsage(input=10, output=5), cost=Cost(nanodollars, basis),
    )  # fmt: skip


def said(name: str, dollars: Json, **more: Json) -> Event:
    payload: dict[str, Json] = {"name": name, "value": dollars, "unit": "USD", **more}
    return Event(
        "m", NOW, EventKind.METRIC_REPORTED, "test", links=Links(conversation="c"), payload=payload
    )


def test_what_claude_says_of_a_real_job_is_what_is_computed() -> None:
    told: list[Event] = []
    for name in ("transcript", "subagent"):
        reader = ClaudeTranscriptEvents()
        lines = (OTLP / f"claude_{name}.jsonl").read_bytes().splitlines()
        told += reader.read(lines) + reader.finish()
    prices = Prices(_load_listed())
    told = [
        one if one.usage is None
        else replace(one, cost=prices.cost(one.usage, one.links.model, "claude", one.at))
        for one in told
    ]  # fmt: skip
    for line in (OTLP / "claude.jsonl").read_text("utf-8").splitlines():
        export = json.loads(line)
        if export["path"] == "/v1/logs":
            told += read_logs(export["body"], NOW).events
        elif export["path"] == "/v1/metrics":
            told += read_metrics(export["body"], NOW).events
    (found,) = [one for one in reconcile(told) if one.answers]
    assert found.kind == "claude"
    assert found.unpriced == 0
    assert found.basis is CostBasis.REPORTED
    assert found.difference_percent == pytest.approx(0, abs=0.1)
    assert found.agrees()


def test_without_a_report_the_computed_cost_counts() -> None:
    (found,) = reconcile([answer(5), answer(7)])
    assert (found.nanodollars, found.basis, found.reported) == (12, CostBasis.COMPUTED, None)
    assert found.difference_percent is None
    assert found.agrees() is None


def test_what_has_no_price_is_shown_and_not_compared() -> None:
    (found,) = reconcile([answer(0, CostBasis.UNPRICED)])
    assert (found.unpriced, found.basis, found.nanodollars) == (15, CostBasis.UNPRICED, 0)
    (mixed,) = reconcile([answer(0, CostBasis.UNPRICED), answer(8), said(ONE_ANSWER, 1e-8)])
    assert (mixed.unpriced, mixed.difference_percent, mixed.nanodollars) == (15, None, 10)


def test_a_difference_is_told_in_percent_of_what_is_reported() -> None:
    (found,) = reconcile([answer(1_100_000_000), said(ONE_ANSWER, 0.6), said(ONE_ANSWER, 0.4)])
    assert found.difference_percent == pytest.approx(10)
    assert (found.agrees(), found.agrees(within_percent=11)) == (False, True)


def test_of_sums_that_grow_the_last_counts_and_of_several_reports_the_largest() -> None:
    (found,) = reconcile(
        [said(GROWING, 1), said(GROWING, 3), said(GROWING, 2), said(SINCE_LAST, 1)]
    )
    assert found.reported == 3_000_000_000
    (so_far,) = reconcile([said(SINCE_LAST, 1, sum="so_far"), said(SINCE_LAST, 2, sum="so_far")])
    assert so_far.reported == 2_000_000_000


def test_what_is_said_with_an_answer_is_on_both_sides() -> None:
    (found,) = reconcile([answer(5, CostBasis.REPORTED)])
    assert (found.reported, found.computed, found.difference_percent) == (5, 5, 0)


@pytest.mark.parametrize("value", [True, "1", -1, float("nan"), 1e12, None])
def test_what_is_no_cost_is_none(value: Json) -> None:
    assert reconcile([said(ONE_ANSWER, value)]) == ()


def test_what_is_no_cost_by_its_unit_or_name_is_none() -> None:
    assert reconcile([said(ONE_ANSWER, 1, unit="EUR"), said("other", 1)]) == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**12)), max_size=20))
def test_nothing_is_lost_between_conversations(costs: list[tuple[str, int]]) -> None:
    found = reconcile([answer(cost, name=name) for name, cost in costs])
    assert sum(one.computed for one in found) == sum(cost for _, cost in costs)
    assert [one.conversation for one in found] == sorted({name for name, _ in costs})
