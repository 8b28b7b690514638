"""How long an event loop keeps what is due waiting."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERIOD_SECONDS = 0.25
"""Between two looks: what holds the loop up for longer is seen for certain."""

KEPT_SECONDS = 60.0
"""A lag is told for so long, and for twice as long at most: a scrape a minute misses none."""


class LoopLag:
    """Remembers the worst lag of the last one to two minutes, whoever reads it and how often.

    Args:
        clock: Tells seconds as the loop's own clock does.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._due = float("inf")
        self._turns = clock() + KEPT_SECONDS
        self._worst = self._before = 0.0

    def worst(self) -> float:
        """Return the worst lag, in seconds; from any thread, also while the loop is held up."""
        return max(self._worst, self._before, self._clock() - self._due)

    def note(self) -> None:
        """Take the lag of what was due, and be due again."""
        now = self._clock()
        if now >= self._turns:
            self._before = self._worst if now < self._turns + KEPT_SECONDS else 0.0
            self._worst, self._turns = 0.0, now + KEPT_SECONDS
        self._worst = max(self._worst, now - self._due)
        self._due = now + PERIOD_SECONDS

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the running loop for the length of the block; it costs four wake-ups a second."""
        loop = asyncio.get_running_loop()
        self._due = self._clock() + PERIOD_SECONDS
        self._next = loop.call_later(PERIOD_SECONDS, self._look, loop)
        try:
            yield
        finally:
            self._next.cancel()
            self._due = float("inf")

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self.note()
        self._next = loop.call_later(PERIOD_SECONDS, self._look, loop)
