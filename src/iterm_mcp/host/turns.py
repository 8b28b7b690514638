"""Telling something once a turn of the event loop, however often it happens in that turn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class OncePerTurn:
    """Calls a function soon after it was asked to, once for all the asking in between."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._due = False

    def soon(self) -> None:
        """Have it called before the loop's next turn."""
        if not self._due:
            self._due = True
            self._loop.call_soon(self.now)

    def now(self) -> None:
        """Call it at once, if it is due."""
        if self._due:
            self._due = False
            self._tell()
