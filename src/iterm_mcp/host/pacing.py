"""Who types comes before who floods.

A program that writes without pause takes all the processor's time that it gets, its terminal's
reader as much again, and what a person types elsewhere waits behind both. So while somebody
types, programs that flood are read in turns, a slice each. They wait in their next write
meanwhile: that is what a terminal is. While nobody types, nothing is held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio

TYPING_SECONDS = 0.05
"""For so long after a key somebody counts as typing."""

FLOOD_BYTES = 1 << 14
SLICE_BYTES = 1 << 12
WINDOW_SECONDS = 0.1
"""A program floods that writes `FLOOD_BYTES` within this time; then it is given slices."""

GAP_SECONDS = 0.005
"""One slice is read in this time, however many flood."""

LONGEST_REST_SECONDS = 0.1


class Pace:
    """What the programs on one loop share."""

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Pace]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.typed_at = float("-inf")
        self._free_at = 0.0

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Pace:
        """Return the one of a loop."""
        if (pace := cls._by_loop.get(loop)) is None:
            pace = cls._by_loop[loop] = cls()
        return pace

    def rest(self, now: float) -> float:
        """Return how long a program that has had its slice is not read; 0 if nobody types."""
        if now - self.typed_at > TYPING_SECONDS:
            return 0.0
        longest = now + LONGEST_REST_SECONDS
        self._free_at = min(max(self._free_at, now) + GAP_SECONDS, longest)
        return self._free_at - now


class Flow:
    """What one program has written lately."""

    __slots__ = ("_pace", "_since", "_written")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._since = float("-inf")
        self._written = 0

    def typed(self, now: float) -> None:
        """Note input; that of a program that floods is its terminal's own answers."""
        if self._written < FLOOD_BYTES - SLICE_BYTES or now - self._since > WINDOW_SECONDS:
            self._pace.typed_at = now

    def rest_after(self, size: int, now: float) -> float:
        """Note output; return for how long no more is to be read."""
        if now - self._since > WINDOW_SECONDS:
            self._since, self._written = now, 0
        self._written += size
        if self._written < FLOOD_BYTES:
            return 0.0
        seconds = self._pace.rest(now)
        self._since, self._written = now, FLOOD_BYTES - SLICE_BYTES
        return seconds
