"""Codex's guess that quick characters are a paste, which turns an early Enter into a newline. Pure.

Three characters less than 8 ms apart are a burst; an Enter within 120 ms of it does not submit.
"""

from __future__ import annotations

from dataclasses import dataclass

GAP_SECONDS = 0.008
CHARACTERS = 3
HOLD_SECONDS = 0.12


@dataclass
class Burst:
    """Watches when characters come. Times are monotonic seconds."""

    last: float | None = None
    count: int = 0
    until: float = 0.0

    def typed(self, characters: int, at: float) -> None:
        """Take characters that came together at a time."""
        near = self.last is not None and at - self.last < GAP_SECONDS
        self.count = self.count + characters if near else characters
        self.last = at
        if self.count >= CHARACTERS:
            self.until = at + HOLD_SECONDS

    def clear(self) -> None:
        """Forget what came: a bracketed paste, or a key that is no character."""
        self.last, self.count, self.until = None, 0, 0.0

    def enter_is_newline(self, at: float) -> bool:
        """Tell whether an Enter now only breaks the line; that keeps the burst alive."""
        if at >= self.until:
            self.clear()
            return False
        self.until = at + HOLD_SECONDS
        return True
