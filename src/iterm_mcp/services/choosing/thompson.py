"""Choosing among arms by draws from what is known of each: Thompson sampling. Pure, but for draws.

An arm's share of successes is drawn from its Beta distribution, and its cost and its time from
around their means, the wider the less is known. What comes out highest in dollars is chosen: what
is good is chosen often, and what is unknown often enough to become known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import Weighed, Why
from iterm_mcp.services.choosing.proportions import beta_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from iterm_mcp.models.choosing import Tally

HOUR_SECONDS = 3600.0
PRIOR_WEIGHT = 1.0
"""So many attempts at the mean of all arms is what is believed of one before its first."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What counts how much.

    Attributes:
        success_usd: What a success is worth; more makes costs matter less.
        hour_usd: What an hour of waiting costs.
        explore: The least share of choices that are made at random, to notice what has changed.
        warm_up: That share while too little is known.
        least: So many attempts of an arm are too little below.
    """

    success_usd: float = 5.0
    hour_usd: float = 0.0
    explore: float = 0.05
    warm_up: float = 0.3
    least: int = 5


@dataclass(frozen=True, slots=True)
class Picked:
    """What came out, with every arm as it was looked at.

    Attributes:
        arm: Empty when no arm is available.
    """

    arm: str
    why: Why
    weighed: tuple[Weighed, ...]


def weigh(arm: str, tally: Tally, unavailable: str = "") -> Weighed:
    """Return what is known of an arm."""
    a, b = 1 + tally.successes, 1 + tally.attempts - tally.successes
    return Weighed(arm, tally, a / (a + b), beta_interval(a, b), unavailable)


def pick(weighed: Sequence[Weighed], worth: Worth, default: str, random: Random) -> Picked:
    """Return the arm to take now.

    Args:
        default: Taken while too little is known; another one when it is not available.
    """
    there = [one for one in weighed if not one.unavailable]
    if not there:
        return Picked("", Why.NOTHING, tuple(weighed))
    known = [one for one in there if one.tally.attempts >= worth.least]
    # With a single arm there is nothing to compare and nothing to explore.
    compare = len(known) == len(there) or len(known) > 1
    share = worth.explore if len(known) == len(there) else max(worth.explore, worth.warm_up)
    if len(there) > 1 and random.random() < share:
        fewest = min(one.tally.attempts for one in there)
        wanting = [one for one in there if one.tally.attempts == fewest]
        among = there if len(known) == len(there) else wanting
        return Picked(random.choice(among).arm, Why.EXPLORED, tuple(weighed))
    if not compare:
        if any(one.arm == default for one in there):
            return Picked(default, Why.TOO_LITTLE, tuple(weighed))
        return Picked(there[0].arm, Why.FALLBACK, tuple(weighed))
    drawn = {one.arm: one for one in _drawn(known, worth, random)}
    best = max(drawn.values(), key=lambda one: one.utility or 0.0)
    return Picked(best.arm, Why.DRAWN, tuple(drawn.get(one.arm, one) for one in weighed))


def _drawn(weighed: Sequence[Weighed], worth: Worth, random: Random) -> list[Weighed]:
    tallies = [one.tally for one in weighed]
    cost = _Means([(one.costs, one.mean_cost_usd, one.spread_cost_usd) for one in tallies])
    time = _Means([(one.attempts, one.mean_seconds, one.spread_seconds) for one in tallies])
    drawn = []
    for one in weighed:
        tally = one.tally
        share = random.betavariate(1 + tally.successes, 1 + tally.attempts - tally.successes)
        dollars = cost.draw(tally.costs, tally.mean_cost_usd, random)
        seconds = time.draw(tally.attempts, tally.mean_seconds, random)
        utility = worth.success_usd * share - dollars - worth.hour_usd * seconds / HOUR_SECONDS
        drawn.append(
            replace(
                one, share_drawn=share, cost_drawn=dollars, seconds_drawn=seconds, utility=utility
            )
        )
    return drawn


class _Means:
    """Draws means of arms around what they were, and around that of all where they are unknown.

    Args:
        values: Of each arm: how many, their mean, and their deviation.
    """

    def __init__(self, values: Sequence[tuple[int, float | None, float | None]]) -> None:
        known = [(count, mean, spread) for count, mean, spread in values if mean is not None]
        total = sum(count for count, _, _ in known)
        self._mean = sum(count * mean for count, mean, _ in known) / total if total else 0.0
        freedoms = sum(count - 1 for count, _, spread in known if spread is not None)
        squares = sum((count - 1) * spread**2 for count, _, spread in known if spread is not None)
        # Without two values of the same arm, a mean may be off by as much as it is.
        self._spread = sqrt(squares / freedoms) if freedoms else self._mean

    def draw(self, count: int, mean: float | None, random: Random) -> float:
        weight = count + PRIOR_WEIGHT
        middle = (count * (mean or 0.0) + PRIOR_WEIGHT * self._mean) / weight
        return max(0.0, random.gauss(middle, self._spread / sqrt(weight)))
