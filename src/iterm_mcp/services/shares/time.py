"""A clock on the wall that is not believed when it goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.clock import Clock

TOLERATED = timedelta(minutes=5)
"""Clocks are corrected by seconds now and then."""


class SteadyTime:
    """The wall-clock time, or what it must be by what was seen and what has passed since."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen = clock.now()
        self._seen_at = clock.monotonic()

    def believe(self, at: datetime) -> None:
        """Take a time that is known to have been."""
        if at > self.now():
            self._seen, self._seen_at = at, self._clock.monotonic()

    def now(self) -> datetime:
        """Return the time; it never goes back."""
        told, passed = self._clock.now(), self._clock.monotonic()
        steady = self._seen + timedelta(seconds=passed - self._seen_at)
        if told > steady:
            self._seen, self._seen_at = told, passed
            return told
        return steady

    @property
    def is_ahead(self) -> bool:
        """Whether the clock on the wall was set back by more than a correction."""
        return self.now() - self._clock.now() > TOLERATED
