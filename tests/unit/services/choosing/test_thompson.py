from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.choosing.outcomes import results

from iterm_mcp.models.choosing import Tally, Weighed, Why
from iterm_mcp.services.choosing.tallies import tally_of
from iterm_mcp.services.choosing.thompson import Picked, Worth, pick, weigh

TALLIES = st.builds(
    lambda good, bad, cost: tally_of(results(good, bad, cost=cost)) if good + bad else Tally(),
    st.integers(0, 30),
    st.integers(0, 30),
    st.floats(0, 20),
)
ARMS = st.lists(st.tuples(TALLIES, st.booleans()), min_size=1, max_size=5).map(
    lambda rows: [
        weigh(f"a{number}", tally, "" if there else "away")
        for number, (tally, there) in enumerate(rows)
    ]
)


@given(ARMS, st.integers(0, 2**32))
def test_what_is_not_available_is_never_taken(arms: list[Weighed], seed: int) -> None:
    found = pick(arms, Worth(), "a0", Random(seed))
    there = {one.arm for one in arms if not one.unavailable}
    assert found.arm in there or (not there and found.why is Why.NOTHING)
    assert [one.arm for one in found.weighed] == [one.arm for one in arms]


@given(ARMS, st.integers(0, 2**32))
def test_the_same_seed_draws_the_same(arms: list[Weighed], seed: int) -> None:
    first, second = (pick(arms, Worth(), "a0", Random(seed)) for _ in range(2))
    assert first == second


@given(ARMS, st.integers(0, 2**32))
def test_what_is_drawn_has_the_highest_worth_of_all_that_are_known(
    arms: list[Weighed], seed: int
) -> None:
    found = pick(arms, Worth(explore=0, warm_up=0), "a0", Random(seed))
    if found.why is Why.DRAWN:
        worths = {one.arm: one.utility for one in found.weighed if one.utility is not None}
        assert worths[found.arm] == max(worths.values())
        assert len(worths) > 1 or len([one for one in arms if not one.unavailable]) == 1


def test_too_little_known_means_the_default() -> None:
    arms = [weigh("a", Tally()), weigh("b", tally_of(results(9, 1)))]
    calm = Worth(explore=0, warm_up=0)
    assert pick(arms, calm, "a", Random(1)) == Picked("a", Why.TOO_LITTLE, tuple(arms))
    away = [weigh("a", Tally(), "away"), weigh("b", Tally()), weigh("c", Tally())]
    found = pick(away, calm, "a", Random(1))
    assert (found.arm, found.why) == ("b", Why.FALLBACK)


def test_while_too_little_is_known_the_least_tried_are_explored() -> None:
    arms = [weigh("a", tally_of(results(9, 1))), weigh("b", Tally()), weigh("c", Tally())]
    found = [pick(arms, Worth(warm_up=0.5), "a", Random(seed)) for seed in range(300)]
    explored = Counter(one.arm for one in found if one.why is Why.EXPLORED)
    assert explored.keys() == {"b", "c"}
    assert 100 < sum(explored.values()) < 200


@given(st.integers(0, 1000))
def test_with_one_arm_there_is_nothing_to_explore(seed: int) -> None:
    (found,) = {pick([weigh("a", Tally())], Worth(explore=1), "a", Random(seed)).arm}
    assert found == "a"


def simulate(
    truths: dict[str, tuple[float, float]], worth: Worth, seed: int, rounds: int = 400
) -> Counter[str]:
    """Return how often each arm was taken in the second half.

    Args:
        truths: How likely each succeeds, and what it costs.
    """
    random = Random(seed)
    good: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for number in range(rounds):
        arms = [
            weigh(
                arm,
                Tally(tried[arm], good[arm], tried[arm], tried[arm], cost, cost / 4, 60.0, 5.0)
                if tried[arm]
                else Tally(),
            )
            for arm, (_, cost) in truths.items()
        ]
        arm = pick(arms, worth, next(iter(truths)), random).arm
        tried[arm] += 1
        good[arm] += random.random() < truths[arm][0]
        if number >= rounds // 2:
            taken[arm] += 1
    return taken


@pytest.mark.parametrize("seed", range(5))
def test_the_better_arm_is_taken_most_of_the_time_in_the_end(seed: int) -> None:
    truths = {"worse": (0.4, 1.0), "better": (0.85, 1.0), "worst": (0.2, 1.0)}
    taken = simulate(truths, Worth(), seed)
    assert taken["better"] > 150
    assert sum(taken.values()) - taken["better"] >= 1  # and the others are not forgotten


@pytest.mark.parametrize("seed", range(3))
def test_what_costs_less_is_taken_when_it_does_as_well(seed: int) -> None:
    truths = {"dear": (0.8, 4.0), "cheap": (0.78, 0.5)}
    assert simulate(truths, Worth(), seed)["cheap"] > 150
    # To whom a success is worth much more, what succeeds more often is worth its price.
    truths = {"dear": (0.95, 4.0), "cheap": (0.5, 0.5)}
    assert simulate(truths, Worth(success_usd=100), seed)["dear"] > 150


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_at_least_the_share_that_is_asked_for_is_explored(seed: int) -> None:
    random = Random(seed)
    arms = [weigh("a", tally_of(results(30, 0))), weigh("b", tally_of(results(1, 29)))]
    found = [pick(arms, Worth(explore=0.2), "a", random) for _ in range(500)]
    explored = [one for one in found if one.why is Why.EXPLORED]
    assert 60 <= len(explored) <= 140
    assert {one.arm for one in explored} == {"a", "b"}


def test_time_counts_as_much_as_the_file_says() -> None:
    slow = Tally(50, 45, 50, 50, 1.0, 0.1, 7200.0, 60.0)
    quick = Tally(50, 40, 50, 50, 1.0, 0.1, 600.0, 60.0)
    arms = [weigh("slow", slow), weigh("quick", quick)]
    worth = Worth(explore=0, hour_usd=10.0)
    assert {pick(arms, worth, "slow", Random(seed)).arm for seed in range(50)} == {"quick"}


def test_an_arm_of_unknown_cost_is_believed_to_cost_what_others_do() -> None:
    known = tally_of(results(20, 0, cost=3.0))
    unknown = Tally(20, 20, 20, 0, None, None, 60.0, 1.0)
    found = pick([weigh("a", known), weigh("b", unknown)], Worth(explore=0), "a", Random(1))
    drawn = {one.arm: one.cost_drawn for one in found.weighed}
    assert drawn["b"] == pytest.approx(3.0, abs=0.5)
    neither = [weigh("a", unknown), weigh("b", unknown)]
    free = pick(neither, Worth(explore=0), "a", Random(1)).weighed
    assert [one.cost_drawn for one in free] == [0.0, 0.0]
    once = Tally(5, 5, 5, 1, 2.0, None, 60.0, 1.0)
    some = pick([weigh("a", once), weigh("b", once)], Worth(explore=0), "a", Random(1)).weighed
    assert all((one.cost_drawn or 0.0) >= 0 for one in some)
