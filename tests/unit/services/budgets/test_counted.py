"""How far budgets are used, as metrics tell it, by the keeper of budgets itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.services.budgets.keepers import DAILY, DOLLAR, staged
from tests.unit.services.budgets.spenders import answer

from iterm_mcp.telemetry import Metrics

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.services.budgets.keepers import Stage

EACH = """
time_zone = "UTC"
[budgets.each]
scope = "agent"
period = "day"
tokens = 100
[budgets.all]
period = "day"
dollars = 2
tokens = 1000
"""


def counted(stage: Stage) -> Metrics:
    """Have a stage's keeper counted, as a new daemon does."""
    metrics = Metrics()
    stage.keeper._observer = metrics.costs
    return metrics


def ratios(metrics: Metrics) -> dict[str, float]:
    return {
        sample.labels["budget"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "iterm_mcp_budget_used_ratio"
    }


def pauses(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("iterm_mcp_budget_pauses_total")


async def test_a_budget_is_told_from_zero_to_beyond_all_of_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        metrics = counted(stage)
        assert ratios(metrics) == {}
        await stage.look()
        assert ratios(metrics) == {"daily": 0}
        stage.events.keep(answer(DOLLAR // 4))
        await stage.look()
        assert ratios(metrics) == {"daily": 0.25}
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        assert ratios(metrics) == {"daily": 1.25}


async def test_of_a_budget_that_each_has_the_most_used_one_is_told(tmp_path: Path) -> None:
    async with staged(tmp_path, EACH) as stage:
        metrics = counted(stage)
        stage.events.keep(answer(DOLLAR, 30), answer(1, 80, agent="bob"))
        await stage.look()
        assert ratios(metrics) == {"each": 0.8, "all": (DOLLAR + 1) / (2 * DOLLAR)}


async def test_a_budget_that_is_taken_away_is_told_of_no_more(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        metrics = counted(stage)
        await stage.look()
        stage.path.write_text(DAILY.replace("daily", "dayly"))
        await stage.look()
        assert ratios(metrics) == {"dayly": 0}
        stage.path.write_text("")
        await stage.look()
        assert ratios(metrics) == {}


async def test_a_step_that_holds_agents_counts_once_also_for_the_next_daemon(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        metrics = counted(stage)
        stage.events.keep(answer(DOLLAR // 2))
        await stage.look()
        assert pauses(metrics) == 0, "half of it is only a warning"
        stage.events.keep(answer(DOLLAR // 2))
        for _ in range(3):
            await stage.look()
        assert pauses(metrics) == 1
        stage.again()
        later = counted(stage)
        await stage.look()
        assert pauses(later) == 0
        stage.clock.advance(86400)
        stage.events.keep(answer(DOLLAR, at=stage.clock.now()))
        await stage.look()
        assert pauses(later) == 1


async def test_budgets_that_come_too_late_are_told_together_by_the_most_used(
    tmp_path: Path,
) -> None:
    many = "".join(f'[budgets.b{at}]\nperiod = "day"\ntokens = {1000 - at}\n' for at in range(30))
    async with staged(tmp_path, f'time_zone = "UTC"\n{many}') as stage:
        metrics = counted(stage)
        stage.events.keep(answer(1, 97))
        await stage.look()
        told = ratios(metrics)
        assert len(told) == 21
        assert told["other"] == 97 / 971
