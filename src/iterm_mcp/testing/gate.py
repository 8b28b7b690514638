"""Somewhere for calls to wait until a test lets them go on."""

import anyio


class Gate:
    """Holds calls of one method of a `FakeTerminal` before they take effect.

    Attributes:
        waiting: How many calls stand before it now.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._opened = anyio.Event()
        self._arrived = anyio.Event()

    def open(self) -> None:
        """Let all pass, now and from now on."""
        self._opened.set()

    async def wait_arrived(self, calls: int = 1) -> None:
        """Wait until at least so many calls stand before the gate."""
        while self.waiting < calls:
            await self._arrived.wait()

    async def wait_opened(self) -> None:
        """Stand before the gate until it is open."""
        self.waiting += 1
        self._arrived.set()
        self._arrived = anyio.Event()
        try:
            await self._opened.wait()
        finally:
            self.waiting -= 1
