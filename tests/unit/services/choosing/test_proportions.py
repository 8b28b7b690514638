from __future__ import annotations

from math import comb
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iterm_mcp.models.choosing import Interval
from iterm_mcp.services.choosing.proportions import (
    beta_interval,
    beta_share,
    fisher,
    newcombe,
    wilson,
)

COUNTS = st.integers(0, 60).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count)))
SHAPES = st.integers(1, 80)


def near(interval: Interval, least: float, most: float, within: float = 0.0005) -> bool:
    return abs(interval.least - least) <= within and abs(interval.most - most) <= within


def test_published_values_come_out() -> None:
    # Newcombe 1998, Statistics in Medicine 17: 857-872 (one share) and 873-890 (two shares).
    assert near(wilson(81, 263), 0.2553, 0.3662)
    assert near(wilson(15, 148), 0.0624, 0.1605)
    assert near(wilson(0, 20), 0.0, 0.1611)
    assert near(wilson(1, 29), 0.0061, 0.1718)
    assert near(newcombe(48, 80, 56, 70), 0.0524, 0.3339)
    assert near(newcombe(3, 10, 9, 10), 0.1705, 0.8090)
    assert near(newcombe(0, 10, 10, 10), 0.6075, 1.0)
    # Fisher's tea, and a table that is worked through in many places.
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)
    assert fisher(1, 10, 11, 14) == pytest.approx(0.002759456, abs=1e-8)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)
    assert newcombe(0, 0, 3, 3) == newcombe(3, 3, 0, 0) == Interval(-1.0, 1.0)
    assert fisher(0, 0, 3, 5) == 1.0


@given(COUNTS)
def test_an_interval_holds_the_share_and_narrows_with_confidence(counts: tuple[int, int]) -> None:
    successes, count = counts
    assume(count)
    wide, narrow = wilson(successes, count, 0.99), wilson(successes, count, 0.8)
    assert 0 <= wide.least <= narrow.least <= successes / count <= narrow.most <= wide.most <= 1


@given(COUNTS, COUNTS)
def test_the_interval_of_a_difference_holds_it_and_turns_with_its_sides(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assume(one[1] and other[1])
    found, turned = newcombe(*one, *other), newcombe(*other, *one)
    assert -1 <= found.least <= other[0] / other[1] - one[0] / one[1] <= found.most <= 1
    assert found.least == pytest.approx(-turned.most)
    assert found.most == pytest.approx(-turned.least)


@given(COUNTS, COUNTS)
def test_fishers_test_is_a_likelihood_and_has_no_sides(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert 0 < fisher(*one, *other) <= 1
    assert fisher(*one, *other) == fisher(*other, *one)


@given(st.floats(0.001, 0.999), SHAPES, SHAPES)
def test_beta_shares_are_those_of_the_binomial(x: float, a: int, b: int) -> None:
    n = a + b - 1
    exact = sum(comb(n, one) * x**one * (1 - x) ** (n - one) for one in range(a, n + 1))
    assert beta_share(x, a, b) == pytest.approx(exact, abs=1e-9)


@given(SHAPES, SHAPES)
def test_a_beta_interval_has_as_much_above_as_below(a: int, b: int) -> None:
    found = beta_interval(a, b)
    assert beta_share(found.least, a, b) == pytest.approx(0.025, abs=1e-6)
    assert beta_share(found.most, a, b) == pytest.approx(0.975, abs=1e-6)
    assert found.least < a / (a + b) < found.most


def test_beyond_its_bounds_a_beta_distribution_has_nothing() -> None:
    assert (beta_share(-1, 2, 3), beta_share(0, 2, 3), beta_share(1, 2, 3)) == (0, 0, 1)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_intervals_hold_the_truth_about_as_often_as_they_say(share: float) -> None:
    random = Random(7)
    trials, held, parted = 600, 0, 0
    for _ in range(trials):
        one = sum(random.random() < share for _ in range(40))
        other = sum(random.random() < share for _ in range(30))
        bounds, between = wilson(one, 40), newcombe(one, 40, other, 30)
        held += bounds.least <= share <= bounds.most
        parted += not between.least <= 0 <= between.most
    assert held / trials >= 0.92
    assert parted / trials <= 0.08


def test_fishers_test_claims_nothing_of_nothing_more_often_than_it_says() -> None:
    random = Random(11)
    claims = sum(
        fisher(
            sum(random.random() < 0.7 for _ in range(30)), 30,
            sum(random.random() < 0.7 for _ in range(20)), 20,
        ) <= 0.05
        for _ in range(400)
    )  # fmt: skip
    assert claims / 400 <= 0.05
