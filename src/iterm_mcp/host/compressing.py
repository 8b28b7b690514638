"""Compressing what rests, a little at a time, so that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_SECONDS = 0.001
"""Between two steps. A step takes ~0.2 ms, so five sixths of the time are everybody else's."""


class Compressor:
    """Takes one step at a time, of one terminal after the other, however many there are."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], bool]] = deque()
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None

    def add(self, step: Callable[[], bool]) -> None:
        """Have a step repeated until it says that it was the last."""
        self._waiting.append(step)
        if self._next is None:
            self._next = self._loop.call_later(PAUSE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if self._waiting[0]():
            self._waiting.popleft()
        self._next = self._loop.call_later(PAUSE_SECONDS, self._go_on) if self._waiting else None
