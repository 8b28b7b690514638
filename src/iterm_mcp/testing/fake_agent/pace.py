"""Time as the fake agent spends it: real, and as short as the scenario wants."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.clock import Clock


class Pace:
    """A clock, and sleeping by it.

    Args:
        factor: Durations of scenarios are multiplied by it.
    """

    def __init__(self, clock: Clock, factor: float) -> None:
        self.clock = clock
        self.factor = factor

    async def spend(self, seconds: float) -> None:
        """Let a scenario's seconds pass."""
        await asyncio.sleep(seconds * self.factor)

    def now(self) -> datetime:
        """Return the wall-clock time, in UTC."""
        return self.clock.now()

    def milliseconds(self) -> int:
        """Return the wall-clock time as agents write it down."""
        return int(self.clock.now().timestamp() * 1000)

    def stamp(self) -> str:
        """Return the wall-clock time as ``2026-11-21T15:30:46.281Z``."""
        return self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
