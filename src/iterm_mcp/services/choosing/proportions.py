"""What a number of successes tells of how likely a success is. Pure.

Written out, since the libraries that have it are larger than the whole program.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb, exp, inf, lgamma, log, sqrt
from statistics import NormalDist

from iterm_mcp.models.choosing import Interval

CONFIDENCE = 0.95
_TINY = 1e-300
_CLOSE = 1e-14
_STEPS = 500
_NEAR = 1e-10
_HALVINGS = 64


def wilson(successes: int, count: int, confidence: float = CONFIDENCE) -> Interval:
    """Return between which bounds a share lies, by Wilson's score; without any, from 0 to 1."""
    if count == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, square = successes / count, z * z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = z / (1 + square / count) * sqrt(
        share * (1 - share) / count + square / (4 * count * count)
    )  # fmt: skip
    return Interval(
        0.0 if successes == 0 else max(0.0, middle - half),
        1.0 if successes == count else min(1.0, middle + half),
    )


def newcombe(
    successes_a: int,
    count_a: int,
    successes_b: int,
    count_b: int,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return between which bounds the share of b less that of a lies, by Newcombe's method 10."""
    if not count_a or not count_b:
        return Interval(-1.0, 1.0)
    a, b = successes_a / count_a, successes_b / count_b
    bounds_a = wilson(successes_a, count_a, confidence)
    bounds_b = wilson(successes_b, count_b, confidence)
    down = sqrt((b - bounds_b.least) ** 2 + (bounds_a.most - a) ** 2)
    up = sqrt((bounds_b.most - b) ** 2 + (a - bounds_a.least) ** 2)
    return Interval(max(-1.0, b - a - down), min(1.0, b - a + up))


def fisher(successes_a: int, count_a: int, successes_b: int, count_b: int) -> float:
    """Return how likely chance alone parts two shares at least as much: Fisher's exact test."""
    successes, count = successes_a + successes_b, count_a + count_b
    ways = comb(count, successes)
    seen = comb(count_a, successes_a) * comb(count_b, successes_b)
    least, most = max(0, successes - count_b), min(successes, count_a)
    # Whole numbers: what is exactly as likely as what was seen must not be lost to rounding.
    as_far = sum(
        weight
        for one in range(least, most + 1)
        if (weight := comb(count_a, one) * comb(count_b, successes - one)) <= seen
    )
    return as_far / ways


def beta_share(x: float, a: float, b: float) -> float:
    """Return how much of a Beta distribution lies below a value."""
    return _share(x, a, b, _whole(a, b))


@lru_cache(maxsize=4096)
def beta_interval(a: float, b: float, confidence: float = CONFIDENCE) -> Interval:
    """Return between which bounds a Beta distribution has so much, as much below as above."""
    below = (1 - confidence) / 2
    return Interval(_quantile(below, a, b), _quantile(1 - below, a, b))


def _whole(a: float, b: float) -> float:
    """Return the logarithm of what makes the whole of a Beta distribution one."""
    return lgamma(a + b) - lgamma(a) - lgamma(b)


def _share(x: float, a: float, b: float, whole: float) -> float:
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = exp(whole + a * log(x) + b * log(1 - x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _quantile(share: float, a: float, b: float) -> float:
    """Return the value with so much below it: by Newton's steps, halving where they lead astray."""
    least, most, value, whole = 0.0, 1.0, a / (a + b), _whole(a, b)
    for _ in range(_HALVINGS):
        off = _share(value, a, b, whole) - share
        if off < 0:
            least = value
        else:
            most = value
        density = exp(whole + (a - 1) * log(value) + (b - 1) * log(1 - value))
        before, value = value, value - off / density if density else -1.0
        if not least < value < most:
            value = (least + most) / 2
        if abs(value - before) <= _NEAR:
            break
    return value


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of the incomplete Beta function, by Lentz's method."""
    top, bottom = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or _TINY)
    found, before = bottom, inf
    for step in range(1, _STEPS):
        if abs(found - before) <= _CLOSE * abs(found):
            break
        before = found
        last = a + 2 * step
        even = step * (b - step) * x / ((last - 1) * last)
        odd = -(a + step) * (a + b + step) * x / (last * (last + 1))
        for term in (even, odd):
            bottom = 1 / ((1 + term * bottom) or _TINY)
            top = (1 + term / top) or _TINY
            found *= top * bottom
    return found
