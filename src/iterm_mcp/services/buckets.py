"""How much of something one that asks has left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock


class Bucket:
    """Fills at a steady rate; what is taken from it may leave it below nothing.

    Args:
        rate: What comes in a second; with 0 it is never empty.
        size: What it holds at most, and at first.
    """

    def __init__(self, rate: float, size: float, clock: Clock) -> None:
        self._rate, self._size, self._clock = rate, size, clock
        self._level = size
        self._seen = clock.monotonic()

    def level(self) -> float:
        """Return what is in it now."""
        if not self._rate:
            return math.inf
        now = self._clock.monotonic()
        self._level = min(self._size, self._level + (now - self._seen) * self._rate)
        self._seen = now
        return self._level

    def take(self, amount: float) -> None:
        """Take something out, whether it is there or not."""
        self.level()
        self._level -= amount

    def seconds_until(self, amount: float) -> float:
        """Return how long it takes until so much is in it."""
        return max(0.0, (amount - self.level()) / self._rate) if self._rate else 0.0
