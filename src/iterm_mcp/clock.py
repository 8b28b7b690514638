"""Time, as something that can be passed in and set in tests."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two kinds of time: one to write down, one to measure with."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC. It may jump."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow, from an arbitrary start."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the system's monotonic seconds."""
        return time.monotonic()
