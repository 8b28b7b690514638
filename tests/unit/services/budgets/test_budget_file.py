from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.budgets import DEFAULT_STEPS, Act, Budget, Budgets, Period, Scope, Step
from iterm_mcp.services.budgets.budget_file import BudgetFile, read_budgets

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
time_zone = "Europe/Berlin"

[budgets.daily]
period = "day"
dollars = 19.99
steps = { 100 = "pause", 80 = "warn" }

[budgets.each]
scope = "conversation"
tokens = 5_000_000
"""


def test_a_file_says_what_may_be_spent() -> None:
    steps = (Step(80, Act.WARN), Step(100, Act.PAUSE))
    assert read_budgets(TEXT) == Budgets(
        (
            Budget("daily", Period.DAY, nanodollars=19_990_000_000, steps=steps),
            Budget("each", Period.EVER, Scope.CONVERSATION, tokens=5_000_000, steps=DEFAULT_STEPS),
        ),
        ZoneInfo("Europe/Berlin"),
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("day = 1", "'day'"),
        ("budgets = 1", "budgets"),
        ("[budgets]\nx = 1", "no table"),
        ("[budgets.x]\nperiod = 'day'", "has no limit"),
        ("[budgets.x]\nperiod = 'year'\ntokens = 1", "'year' as its period"),
        ("[budgets.x]\ntokens = 1", "lacks a period"),
        ("[budgets.x]\nperiod = 'day'\ntokens = 1\nmoney = 2", "'money'"),
        ("[budgets.x]\nperiod = 'day'\ntokens = -1", "tokens"),
        ("[budgets.x]\nperiod = 'day'\ntokens = 1.5", "tokens"),
        ("[budgets.x]\nperiod = 'day'\ndollars = true", "dollars"),
        ("[budgets.x]\nperiod = 'day'\ndollars = nan", "dollars"),
        ("[budgets.x]\nperiod = 'day'\ndollars = inf", "dollars"),
        ("[budgets.x]\nperiod = 'day'\ntokens = 1\nof = 'ada'", "an of"),
        ("[budgets.x]\nperiod = 'day'\ntokens = 1\nsteps = 5", "steps"),
        ("[budgets.x]\nperiod = 'day'\ntokens = 1\nsteps = {x = 'warn'}", "'x'"),
        ("[budgets.x]\nperiod = 'day'\ntokens = 1\nsteps = {50 = 'cry'}", "'cry'"),
        ("time_zone = 'Mars/Base'", "'Mars/Base'"),
        ("time_zone = '../x'", "'../x'"),
    ],
)
def test_what_means_nothing_is_refused(text: str, part: str) -> None:
    with pytest.raises(InvalidRequestError, match=part) as caught:
        read_budgets(text)
    assert caught.value.hint


async def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    file = BudgetFile(str(path))
    assert await file.load() == Budgets()
    path.write_text(TEXT)
    assert len((await file.load()).budgets) == 2
    path.write_text("nonsense")
    with pytest.raises(InvalidRequestError, match="cannot be used") as caught:
        await file.load()
    assert caught.value.code == "bad_budget_file"
    assert len(file.last.budgets) == 2
    path.write_text("#" * 300_000)
    with pytest.raises(InvalidRequestError, match="more than"):
        await file.load()
    path.unlink()
    assert await file.load() == file.last == Budgets()
