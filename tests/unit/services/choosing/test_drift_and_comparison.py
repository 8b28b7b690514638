from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from tests.unit.services.choosing.outcomes import result, results

from iterm_mcp.models.alerts import AlertKind, Severity
from iterm_mcp.models.choosing import Drift, Result, Tally
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.services.choosing.comparing import ADAPTIVE, compare
from iterm_mcp.services.choosing.drifting import find_drift, finding_of
from iterm_mcp.services.choosing.tallies import tally_of
from iterm_mcp.services.choosing.wording import comparison_lines, drift_line


def drift(*those: Result, alpha: float = 0.01) -> Drift | None:
    return find_drift(those, recent=20, least_past=20, alpha=alpha)


def test_what_adds_up_is_what_was_judged() -> None:
    lost = result(9, Outcome.LOST)
    assert tally_of([*results(3, 1, cost=2.0), lost]) == Tally(4, 3, 4, 4, 2.0, 0.0, 60.0, 0.0)
    unpriced = tally_of([result(1, cost=None), replace(result(1, cost=3.0), number=2)])
    assert unpriced == Tally(2, 2, 1, 1, 3.0, None, 60.0, 0.0)
    assert tally_of([lost]) == Tally()


def test_an_arm_that_gets_worse_is_noticed() -> None:
    found = drift(*results(36, 4), *results(8, 12))
    assert found is not None
    assert (found.task, found.arm, found.worse) == ("backlog", "a", True)
    assert (found.past.attempts, found.recent.successes) == (40, 8)
    told = finding_of(found)
    assert (told.kind, told.subject, told.severity) == (
        AlertKind.DRIFT, "backlog/a", Severity.WARNING,
    )  # fmt: skip
    assert told.text.startswith(
        "a succeeds less often at 'backlog' than it used to: 8 of the last 20 attempts, "
        "36 of 40 before (p = "
    )
    assert drift_line(found).startswith("a succeeds less often than it used to: 8 of 20 now")


def test_an_arm_that_gets_better_is_no_warning() -> None:
    found = drift(*results(10, 30), *results(19, 1))
    assert found is not None
    assert not found.worse
    assert finding_of(replace(found, task="")).severity is Severity.INFO
    assert "more often than it used" in finding_of(replace(found, task="")).text


def test_of_too_few_nothing_is_said() -> None:
    assert drift(*results(19, 0), *results(0, 20)) is None
    assert drift(*results(19, 0), result(50, Outcome.LOST), *results(0, 20)) is None
    assert drift() is None


def test_chance_is_seldom_taken_for_a_change() -> None:
    random = Random(3)

    def luck() -> list[Result]:
        return [
            result(n, Outcome.SUCCEEDED if random.random() < 0.7 else Outcome.FAILED)
            for n in range(60)
        ]

    alarms = sum(drift(*luck(), alpha=0.05) is not None for _ in range(300))
    assert alarms / 300 <= 0.05


def test_two_arms_are_compared_by_success_dollars_and_seconds() -> None:
    ones = results(30, 10, cost=1.0)
    others = [
        replace(one, cost_usd=3.0 + number / 100, seconds=60.0 + number % 2)
        for number, one in enumerate(results(12, 28, "b"))
    ]
    found = compare("backlog", "a", "b", ones, others)
    success, dollars, seconds = found.measures
    assert (success.value_a, success.value_b, success.count_b) == (0.75, 0.3, 40)
    assert success.difference is not None
    assert success.difference.least < -0.45 < success.difference.most < 0
    assert success.interval_a is not None
    assert success.interval_a.least < 0.75 < success.interval_a.most
    assert (success.better, dollars.better, seconds.better) == ("a", "a", "a")
    assert success.p is not None
    assert success.p < 0.001
    assert found.caution == ""
    lines = comparison_lines(found)
    assert lines[0] == "a and b at backlog"
    assert lines[1].startswith("  success: 75% (n = 40) and 30% (n = 40); b has -")
    assert lines[1].endswith("a is better")
    turned = compare("backlog", "b", "a", others, ones)
    assert [one.better for one in turned.measures] == ["a", "a", "a"]


def test_what_may_be_chance_is_not_claimed() -> None:
    found = compare("", "a", "b", results(7, 3), results(6, 4, "b"))
    assert [one.better for one in found.measures] == ["", "", ""]
    lines = comparison_lines(found)
    assert lines[0] == "a and b at work of no kind"
    assert lines[1].endswith("this may be chance")


def test_of_a_few_attempts_nothing_is_said() -> None:
    found = compare("backlog", "a", "b", results(4, 0), [])
    assert [one.p for one in found.measures] == [None, None, None]
    assert found.measures[1].difference is None
    assert all(one.endswith("too few to say anything") for one in comparison_lines(found)[1:4])


def test_that_arms_were_chosen_by_how_they_did_is_said() -> None:
    drawn = [result(number, why="drawn") for number in range(6)]
    found = compare("backlog", "a", "b", drawn, results(6, 0, "b"))
    assert found.caution == ADAPTIVE
    assert comparison_lines(found)[-1] == f"caution: {ADAPTIVE}"


@pytest.mark.parametrize("seed", range(3))
def test_costs_that_are_alike_are_seldom_told_apart(seed: int) -> None:
    random = Random(seed)
    claims = 0
    for _ in range(15):
        sides = [
            [result(n, cost=random.expovariate(1), seconds=random.random()) for n in range(12)]
            for _ in range(2)
        ]
        found = compare("backlog", "a", "b", *sides)
        claims += any(one.better for one in found.measures)
    assert claims <= 3
