"""What the host counts of itself, for who watches it.

Bytes pass here all the time, so what is done for each read or write is a few additions in the one
thread that reads and writes: no locks, no metrics library.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from iterm_mcp.telemetry.loop_lag import LoopLag

if TYPE_CHECKING:
    import asyncio

ECHO_BOUNDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds."""

LONGEST_ECHO_SECONDS = 10.0
"""What comes later answers something else, such as a command that ends."""


class Figures:
    """What the programs on one loop have in common.

    Attributes:
        clients: Connections to the API.
        output_bytes: Read from programs.
        input_bytes: Written for programs, the terminal's own answers included.
        pauses: How often a program's output was left unread for a while.
        echoes: How often input was followed by output, by `ECHO_BOUNDS`, and one more above all.
        echo_seconds: The sum of these times.
        lag: Of the loop, while it is watched.
    """

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Figures]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.clients = 0
        self.output_bytes = 0
        self.input_bytes = 0
        self.pauses = 0
        self.echoes = [0] * (len(ECHO_BOUNDS) + 1)
        self.echo_seconds = 0.0
        self.lag = LoopLag()

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Figures:
        """Return those of a loop."""
        if (figures := cls._by_loop.get(loop)) is None:
            figures = cls._by_loop[loop] = cls()
        return figures


class Traffic:
    """Counts what one program reads and writes.

    Args:
        figures: Where it is counted.
    """

    __slots__ = ("_figures", "_typed_at")

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._typed_at: float | None = None  # of the first input that no output has followed yet

    def typed(self, size: int, now: float) -> None:
        """Note input: what is printed next is its echo."""
        self._figures.input_bytes += size
        if self._typed_at is None or now - self._typed_at > LONGEST_ECHO_SECONDS:
            self._typed_at = now

    def answered(self, size: int) -> None:
        """Note input that is the terminal's own answer, and has no echo."""
        self._figures.input_bytes += size

    def printed(self, size: int, now: float) -> None:
        """Note output."""
        figures = self._figures
        figures.output_bytes += size
        if self._typed_at is not None:
            seconds, self._typed_at = now - self._typed_at, None
            if seconds <= LONGEST_ECHO_SECONDS:
                figures.echoes[bisect_left(ECHO_BOUNDS, seconds)] += 1
                figures.echo_seconds += seconds

    def paused(self) -> None:
        """Note that output is left unread for a while."""
        self._figures.pauses += 1
