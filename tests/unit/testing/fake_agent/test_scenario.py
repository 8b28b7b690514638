from __future__ import annotations

import pytest

from iterm_mcp.testing.fake_agent.scenario import build
from iterm_mcp.testing.fake_agent.steps import Step, StepError, in_message, parse


def test_orders_stand_in_a_message_between_brackets() -> None:
    text = "Please [[work 2]] then [[tool Bash echo [hi]]] and [[nonsense 3]] [[say]]"

    assert in_message(text) == [
        Step("work", "2"),
        Step("tool", "Bash echo [hi"),
        Step("say", ""),
    ]


def test_an_unknown_order_says_which_ones_there_are() -> None:
    with pytest.raises(StepError, match=r"no such order: 'wrok'; there are .*work"):
        parse("wrok 2")


def test_a_number_that_is_none_is_named() -> None:
    with pytest.raises(StepError, match="work needs a number, not 'long'"):
        parse("work long").number()
    assert parse("work").number(3.0) == 3.0
    assert parse("background 2 sleep 9").rest() == "sleep 9"


def test_the_message_wins_over_rules_and_rules_over_the_default() -> None:
    scenario = build(
        {
            "default": ["say by default"],
            "rule": [{"match": "deploy", "times": 1, "do": ["work 1", "say deployed"]}],
        }
    )

    assert scenario.steps("deploy [[say mine]]") == [Step("say", "mine")]
    assert scenario.steps("now deploy") == [Step("work", "1"), Step("say", "deployed")]
    assert scenario.steps("now deploy") == [Step("say", "by default")]


def test_the_same_seed_draws_the_same_faults() -> None:
    data = {"chances": {"strand 1": 0.5, "crash KILL": 0.1}}
    first, second = build(data, seed=7), build(data, seed=7)
    drawn = [first.draw() for _ in range(50)]

    assert drawn == [second.draw() for _ in range(50)]
    assert any(drawn)
    assert drawn != [build(data, seed=8).draw() for _ in range(50)]


@pytest.mark.parametrize(
    "data",
    [
        {"ruel": []},
        {"rule": [{"match": "("}]},
        {"rule": [{"match": "x", "do": ["fly"]}]},
        {"time_factor": "slow"},
        {"chances": ["strand"]},
    ],
)
def test_a_scenario_that_is_not_understood_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(StepError):
        build(data)
