from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.history import Direction
from iterm_mcp.services.events.significance import (
    ALPHA,
    MOST_DAYS,
    find_shifts,
    find_trends,
    holm,
    mann_kendall,
    permutation,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Days = st.lists(st.floats(-1e6, 1e6), max_size=40)
TRIES = 400
NOISE: dict[str, Callable[[Random], float]] = {
    "even": lambda random: random.random(),
    "gaussian": lambda random: random.gauss(10, 3),
    "skewed": lambda random: random.expovariate(0.1),
    "counts": lambda random: float(int(random.expovariate(0.5))),
}


def noise(random: Random, kind: str, days: int) -> list[float]:
    return [NOISE[kind](random) for _ in range(days)]


@pytest.mark.parametrize("days", [10, 28])
@pytest.mark.parametrize("kind", NOISE)
def test_noise_is_seldom_called_a_trend(kind: str, days: int) -> None:
    random = Random(days)
    wrong = 0
    for _ in range(TRIES):
        (found,) = find_trends({"it": noise(random, kind, days)})
        wrong += found.direction is not Direction.NONE
    assert wrong / TRIES <= ALPHA


def test_of_many_measures_of_noise_seldom_any_is_called_a_trend() -> None:
    random = Random(1)
    wrong = 0
    for _ in range(100):
        days = {str(one): noise(random, "gaussian", 28) for one in range(8)}
        wrong += any(one.direction is not Direction.NONE for one in find_trends(days))
    assert wrong / 100 <= ALPHA


def test_days_that_resemble_the_days_before_are_not_taken_for_a_trend_much_more_often() -> None:
    random, wrong = Random(2), 0
    for _ in range(TRIES):
        values = [0.0]
        while len(values) < 28:
            values.append(0.4 * values[-1] + random.gauss(0, 1))
        wrong += (mann_kendall(values) or 1) <= ALPHA
    assert wrong / TRIES <= 0.1


@pytest.mark.parametrize(("way", "direction"), [(1, Direction.UP), (-1, Direction.DOWN)])
def test_a_planted_trend_is_found(way: int, direction: Direction) -> None:
    random, right = Random(3), 0
    for _ in range(100):
        values = [way * 0.15 * day + random.gauss(0, 1) for day in range(28)]
        (found,) = find_trends({"it": values})
        right += found.direction is direction
        assert found.slope * way > 0
    assert right >= 95


def test_the_slope_is_that_of_most_days_not_of_one_that_is_far_off() -> None:
    values = [2.0 * day for day in range(20)]
    values[5] = 1e6
    (found,) = find_trends({"it": values})
    assert found.slope == pytest.approx(2.0)
    assert found.direction is Direction.UP


def test_of_few_days_nothing_is_said() -> None:
    (found,) = find_trends({"it": [1.0, 2, 3, 4, 5, 6, 7, 8, 9]})
    assert (found.p, found.direction, found.days, found.slope) == (None, Direction.NONE, 9, 1.0)
    assert [one.slope for one in find_trends({"none": [], "one": [1.0]})] == [0.0, 0.0]


def test_days_that_are_all_the_same_have_no_trend() -> None:
    (found,) = find_trends({"it": [4.0] * 30})
    assert (found.p, found.direction) == (1.0, Direction.NONE)


def test_of_very_many_days_the_newest_count() -> None:
    values = [float(-day) for day in range(30)] + [0.0] * MOST_DAYS
    (found,) = find_trends({"it": values})
    assert (found.days, found.direction) == (MOST_DAYS, Direction.NONE)


@given(Days)
def test_a_trend_turned_round_is_its_opposite(values: list[float]) -> None:
    (found,) = find_trends({"it": values})
    (turned,) = find_trends({"it": [-one for one in values]})
    assert turned.p == pytest.approx(found.p)
    assert turned.slope == pytest.approx(-found.slope)
    opposite = {Direction.UP: Direction.DOWN, Direction.DOWN: Direction.UP}
    assert turned.direction is opposite.get(found.direction, Direction.NONE)
    assert found.p is None or 0 <= found.p <= 1


@pytest.mark.parametrize(
    ("days", "tries"), [(5, 600), (7, 150), pytest.param(14, 600, marks=pytest.mark.long)]
)
def test_noise_in_two_periods_is_seldom_called_a_shift(days: int, tries: int) -> None:
    random, wrong = Random(days), 0
    for _ in range(tries):
        p = permutation(noise(random, "skewed", days), noise(random, "skewed", days))
        wrong += p is not None and p <= ALPHA
    # The test is exact; so many tries measure it no better than this.
    assert wrong / tries <= ALPHA + 2 * (ALPHA * (1 - ALPHA) / tries) ** 0.5


def test_a_planted_shift_is_found_with_its_size() -> None:
    random = Random(4)
    before = [random.gauss(10, 1) for _ in range(14)]
    after = [random.gauss(13, 1) for _ in range(14)]
    (found,) = find_shifts({"it": (before, after)})
    assert found.direction is Direction.UP
    assert found.least <= found.difference <= found.most
    assert 2 < found.difference < 4
    (back,) = find_shifts({"it": (after, before)})
    assert back.direction is Direction.DOWN


def test_of_few_days_no_shift_is_claimed() -> None:
    few, none = find_shifts({"few": ([1.0] * 4, [9.0] * 20), "none": ([], [])})
    assert (few.p, few.direction, few.difference) == (None, Direction.NONE, 8.0)
    assert (few.least, few.most) == (8.0, 8.0)
    assert (none.before, none.after) == (0.0, 0.0)


def test_all_partitions_are_looked_at_where_they_are_few() -> None:
    # Two of the 252 ways to part ten values are as far out: this one and the other way round.
    assert permutation([1.0, 2, 3, 4, 5], [6.0, 7, 8, 9, 10]) == pytest.approx(2 / 252)


def test_days_that_are_all_the_same_do_not_differ() -> None:
    assert permutation([0.1] * 20, [0.1] * 20) == 1.0


def test_what_is_tested_together_is_corrected_together() -> None:
    assert holm({"a": 0.04, "b": 0.01, "c": None, "d": 0.9}) == {
        "a": pytest.approx(0.08), "b": pytest.approx(0.03), "c": None, "d": pytest.approx(0.9)
    }  # fmt: skip


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_correcting_makes_nothing_likelier_and_keeps_the_order(found: dict[str, float]) -> None:
    corrected = holm(found)
    for one, p in found.items():
        mine = corrected[one]
        assert mine is not None
        assert p <= mine <= 1
        assert all((corrected[other] or 0) >= mine for other, q in found.items() if q > p)
