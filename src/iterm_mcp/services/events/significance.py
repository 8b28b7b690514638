"""Whether numbers of days tell of anything but chance. Pure.

What is tested together is corrected together (Holm), so that of all claims about nothing at most
one in twenty reports holds one.
"""

from __future__ import annotations

from itertools import combinations, pairwise, starmap
from math import comb, erfc, sqrt
from operator import gt, lt, sub, truediv
from random import Random
from statistics import fmean, median
from typing import TYPE_CHECKING

from iterm_mcp.models.history import Direction, Shift, Trend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALPHA = 0.05
CONFIDENCE = 0.95
LEAST_TREND_DAYS = 10
"""Below it the normal approximation of Mann and Kendall's test is none."""
LEAST_SHIFT_DAYS = 5
"""Of each period: four and four days cannot be parted in enough ways once corrected."""
MOST_DAYS = 400
DRAWS = 4000
RESAMPLES = 1000

TREND_METHOD = (
    "Mann-Kendall test of daily values, corrected for ties and for autocorrelation of ranks"
    " (Yue and Wang), with the slope of Theil and Sen; corrected for several tests by Holm"
)
SHIFT_METHOD = (
    "two-sided permutation test of the difference of daily means, all partitions where they are"
    " few and 4000 random ones otherwise; bootstrap interval; corrected for several tests by Holm"
)


def find_trends(days: Mapping[str, Sequence[float]], alpha: float = ALPHA) -> tuple[Trend, ...]:
    """Return what each measure's daily values, oldest first, tell; of many days the newest.

    Args:
        alpha: How often at most a trend may be claimed in any of them when there is none.
    """
    kept = {name: list(values[-MOST_DAYS:]) for name, values in days.items()}
    found = {name: mann_kendall(values) for name, values in kept.items()}
    corrected = holm(found)
    trends: list[Trend] = []
    for name, values in kept.items():
        slope, p = _slope(values), corrected[name]
        trends.append(Trend(name, len(values), slope, p, _direction(_score(values), p, alpha)))
    return tuple(trends)


def find_shifts(
    days: Mapping[str, tuple[Sequence[float], Sequence[float]]], alpha: float = ALPHA
) -> tuple[Shift, ...]:
    """Return how each measure's daily values differ between two periods."""
    kept = {
        name: (list(before[-MOST_DAYS:]), list(after[-MOST_DAYS:]))
        for name, (before, after) in days.items()
    }
    corrected = holm({name: permutation(*both) for name, both in kept.items()})
    shifts: list[Shift] = []
    for name, (before, after) in kept.items():
        p = corrected[name]
        mean_before = fmean(before) if before else 0.0
        mean_after = fmean(after) if after else 0.0
        difference = mean_after - mean_before
        least, most = bootstrap(before, after) if p is not None else (difference, difference)
        shifts.append(
            Shift(
                name, len(before), len(after), mean_before, mean_after, least, most, p,
                _direction(difference, p, alpha),
            )
        )  # fmt: skip
    return tuple(shifts)


def mann_kendall(values: Sequence[float]) -> float | None:
    """Return how likely chance alone makes values go up or down so steadily.

    None when there are too few; 1 when all are the same.
    """
    count = len(values)
    if count < LEAST_TREND_DAYS:
        return None
    score = _score(values)
    ties = [values.count(one) for one in set(values)]
    variance = (
        count * (count - 1) * (2 * count + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)
    ) / 18
    if variance <= 0 or score == 0:
        return 1.0
    variance *= _inflation(values)
    z = (abs(score) - 1) / sqrt(variance)
    return erfc(z / sqrt(2))


def permutation(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return how likely chance alone parts all values so that the means differ as much.

    None when there are too few on either side.
    """
    if min(len(before), len(after)) < LEAST_SHIFT_DAYS:
        return None
    everything = [*before, *after]
    total, count, size = sum(everything), len(everything), len(before)
    expected = total * size / count
    # Rounding must not decide whether a partition is as far out as the one that was seen.
    seen = abs(sum(before) - expected) * (1 - 1e-9) - 1e-12
    ways = comb(count, size)
    if ways <= DRAWS:
        sums = map(sum, combinations(everything, size))
        as_far = sum(abs(one - expected) >= seen for one in sums)
        return as_far / ways
    random = Random(count)  # noqa: S311 - no secret; the same days give the same answer
    as_far = sum(abs(sum(random.sample(everything, size)) - expected) >= seen for _ in range(DRAWS))
    return (as_far + 1) / (DRAWS + 1)


def holm(found: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the probabilities corrected for having tested all of them; None stays None."""
    tested = sorted((p, name) for name, p in found.items() if p is not None)
    corrected: dict[str, float | None] = dict.fromkeys(found)
    reached = 0.0
    for place, (p, name) in enumerate(tested):
        reached = max(reached, min(1.0, p * (len(tested) - place)))
        corrected[name] = reached
    return corrected


def _score(values: Sequence[float]) -> int:
    up: int = sum(starmap(lt, combinations(values, 2)))
    down: int = sum(starmap(gt, combinations(values, 2)))
    return up - down


def _slope(values: Sequence[float]) -> float:
    if len(values) < 2:  # noqa: PLR2004 - a slope has two ends
        return 0.0
    rises = starmap(sub, combinations(values[::-1], 2))
    days = starmap(sub, combinations(range(len(values))[::-1], 2))
    slope: float = median(map(truediv, rises, days))
    return slope


def _inflation(values: Sequence[float]) -> float:
    """Return by how much the score's variance grows because days resemble the days before them.

    Days that follow each other are no independent witnesses. The trend itself is taken out first,
    or it would count as resemblance.
    """
    slope = _slope(values)
    ranks = _ranks([value - slope * day for day, value in enumerate(values)])
    mean = fmean(ranks)
    spread = sum((one - mean) ** 2 for one in ranks)
    if spread == 0:
        return 1.0
    count = len(ranks)
    told = sum((one - mean) * (later - mean) for one, later in pairwise(ranks)) / spread
    # Of so few days, and with a trend taken out, resemblance shows smaller than it is.
    alike = min((count * told + 2) / (count - 4), 0.9)
    if alike <= 0:
        return 1.0
    return 1 + 2 * sum((1 - lag / count) * alike**lag for lag in range(1, count))


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the place of each value among them; equal ones share the middle of theirs."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [fmean(places[one]) for one in values]


def bootstrap(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Return between which bounds the difference of the means lies; each side has a value."""
    random = Random(len(before))  # noqa: S311 - as above
    drawn = sorted(
        fmean(random.choices(after, k=len(after))) - fmean(random.choices(before, k=len(before)))
        for _ in range(RESAMPLES)
    )
    outside = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return drawn[outside], drawn[-outside - 1]


def _direction(way: float, p: float | None, alpha: float) -> Direction:
    if p is None or p > alpha or way == 0:
        return Direction.NONE
    return Direction.UP if way > 0 else Direction.DOWN
