"""What a seed decides: how often things happen in a while, and how long they take."""

from __future__ import annotations

from math import exp, log
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")

MANY = 30
"""From so many expected on, a normal distribution is as good as Poisson's, and quicker."""


class Chance:
    """A seeded source of events and durations."""

    def __init__(self, seed: object) -> None:
        self._random = Random(str(seed))

    def times(self, expected: float) -> int:
        """Return how often something happens that is expected so often."""
        if expected >= MANY:
            return max(0, round(self._random.gauss(expected, expected**0.5)))
        limit, product, count = exp(-expected), self._random.random(), 0
        while product > limit:
            product *= self._random.random()
            count += 1
        return count

    def happens(self, share: float) -> bool:
        """Return True in such a share of the cases."""
        return self._random.random() < share

    def seconds(self, median: float, spread: float = 0.6) -> float:
        """Return a duration: half of them are longer, and a few are much longer."""
        return self._random.lognormvariate(log(median), spread)

    def between(self, least: float, most: float) -> float:
        """Return any number between."""
        return self._random.uniform(least, most)

    def one_of(self, choices: Mapping[T, float]) -> T:
        """Return one, by its weight."""
        return self._random.choices(list(choices), list(choices.values()))[0]

    def pick(self, choices: Iterable[T]) -> T:
        """Return one, each as likely."""
        return self._random.choice(list(choices))
