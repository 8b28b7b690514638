"""Notices on their way to one reader, who may be slow: the same one waits only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Outbox:
    """Texts to be sent, in the order in which they came; one that waits is not added again.

    So it never holds more than there are different texts, however slow the reader is.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._arrived = anyio.Event()

    def add(self, text: str) -> None:
        """Have a text sent."""
        self._waiting[text] = None
        self._arrived.set()

    async def run(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send what is added, one after the other, until cancelled."""
        while True:
            while not self._waiting:
                self._arrived = anyio.Event()
                await self._arrived.wait()
            text = next(iter(self._waiting))
            del self._waiting[text]
            await send(text)
