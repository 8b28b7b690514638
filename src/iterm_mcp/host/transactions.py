"""One client at a time may freeze the world."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.host.client import Client

log = structlog.get_logger()

LIMIT_SECONDS = 10.0
"""A transaction that its owner does not end is ended after so long."""


class Freezable(Protocol):
    """What stands still inside a transaction (world.World)."""

    def freeze(self) -> None:
        """Let nothing happen by itself."""

    def thaw(self) -> None:
        """Let it go on."""


class Transactions:
    """While one is open only its owner's requests run, and no output is taken in.

    Attributes:
        owner: The client inside a transaction, or None.
    """

    def __init__(self, world: Freezable, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._world = world
        self._limit_seconds = limit_seconds
        self._running: set[Client] = set()
        self._changed = anyio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.owner: Client | None = None

    @asynccontextmanager
    async def turn(self, client: Client) -> AsyncIterator[None]:
        """Hold the block back while another client is inside a transaction."""
        while self.owner not in {None, client}:
            await self._changed.wait()
        self._running.add(client)
        try:
            yield
        finally:
            self._running.discard(client)
            if self.owner is not None:
                self._tell()

    async def begin(self, client: Client) -> None:
        """Freeze the world for a client, within its turn, once all others' turns are over."""
        self.owner = client
        while self._running - {client}:
            await self._changed.wait()
        self._world.freeze()
        self._timer = asyncio.get_running_loop().call_later(self._limit_seconds, self._abandon)

    def end(self) -> None:
        """Let everybody go on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.owner = None
        self._world.thaw()
        self._tell()

    def end_of(self, client: Client) -> None:
        """End a transaction whose owner has left."""
        if self.owner is client:
            self.end()

    def _abandon(self) -> None:
        log.warning("transaction_abandoned", after_seconds=self._limit_seconds)
        self.end()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
