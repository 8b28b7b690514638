"""One client at a time may freeze the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog

if TYPE_CHECKING:
    from iterm_mcp.host.client import Client
    from iterm_mcp.host.world import World

log = structlog.get_logger()

LIMIT_SECONDS = 10.0
"""A transaction that its owner does not end is ended after so long."""


class Transactions:
    """While one is open only its owner's requests run, and no output is taken in.

    Attributes:
        owner: The client inside a transaction, or None.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._free = anyio.Event()
        self.owner: Client | None = None
        self._deadline: float | None = None

    def begin(self, client: Client) -> None:
        """Freeze the world for a client. The caller has waited with `wait_turn`."""
        self.owner = client
        self._free = anyio.Event()
        self._deadline = anyio.current_time() + LIMIT_SECONDS
        for session in self._world.sessions.values():
            session.pause()

    def end(self) -> None:
        """Let everybody go on."""
        self.owner = None
        self._free.set()
        for session in self._world.sessions.values():
            session.resume()

    def end_of(self, client: Client) -> None:
        """End a transaction whose owner has left."""
        if self.owner is client:
            self.end()

    async def wait_turn(self, client: Client) -> None:
        """Wait until no other client is inside a transaction; bounded by `LIMIT_SECONDS`."""
        while self.owner not in {None, client}:
            remaining = (self._deadline or 0) - anyio.current_time()
            with anyio.move_on_after(max(remaining, 0)):
                await self._free.wait()
                continue
            log.warning("transaction_abandoned", after_seconds=LIMIT_SECONDS)
            self.end()
