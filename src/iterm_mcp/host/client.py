"""One connection: what it subscribed to, and what waits to be sent to it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import structlog
from websockets.exceptions import ConnectionClosed

from iterm_mcp.host import wire
from iterm_mcp.host.subscriptions import Subscriptions

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

log = structlog.get_logger()

QUEUE_LIMIT = 64 << 20
"""Bytes that may wait for a client that does not read; above it, the client is dropped."""

HIGH_WATER = 8 << 20
"""Above so many waiting bytes, no more of a client's own requests are taken up."""

STALL_SECONDS = 20.0
"""How long one message may take to be taken."""


class Client:
    """A connected script. Sending never waits: a queue of bounded size lies in between.

    Attributes:
        subscriptions: What it wants to be told.
    """

    def __init__(self, socket: ServerConnection) -> None:
        self.subscriptions = Subscriptions()
        self._socket = socket
        self._queue: deque[tuple[bytes, str]] = deque()
        self._queued = 0
        self._screens: set[str] = set()  # sessions whose screen update waits in the queue
        self._wake = anyio.Event()
        self._emptied = anyio.Event()
        self._sent = anyio.Event()
        self.dropped = ""

    def send(self, message: wire.ServerOriginatedMessage, *, screen: str = "") -> None:
        """Queue a message.

        Args:
            screen: For a screen update its session: one that waits already stands for both.
        """
        if self.dropped or (screen and screen in self._screens):
            return
        data = message.SerializeToString()
        if self._queued + len(data) > QUEUE_LIMIT:
            self.drop(f"{self._queued} bytes wait to be read")
            return
        if not self._queue:
            self._emptied = anyio.Event()
        self._queue.append((data, screen))
        self._queued += len(data)
        if screen:
            self._screens.add(screen)
        self._wake.set()

    def notify(self, notification: wire.Notification, *, screen: str = "") -> None:
        """Queue a notification. It carries no id."""
        self.send(wire.ServerOriginatedMessage(notification=notification), screen=screen)

    def drop(self, reason: str) -> None:
        """Cut the connection at once, without waiting for the other side."""
        if not self.dropped:
            self.dropped = reason
            log.warning("client_dropped", reason=reason)
            self._socket.transport.abort()
            self._wake.set()
            self._sent.set()

    async def pump(self) -> None:
        """Send what is queued until the connection ends."""
        try:
            while not self.dropped:
                while self._queue:
                    data, screen = self._queue.popleft()
                    self._queued -= len(data)
                    self._screens.discard(screen)
                    with anyio.fail_after(STALL_SECONDS):
                        await self._socket.send(data)
                    self._sent.set()
                self._emptied.set()
                self._wake = anyio.Event()
                await self._wake.wait()
        except TimeoutError:
            self.drop(f"nothing was read for {STALL_SECONDS:.0f} s")
        except ConnectionClosed:
            # Nobody takes out of the queue what is put into it from now on, or waits in it.
            self.dropped = self.dropped or "it has gone"
            self._sent.set()

    async def wait_room(self) -> None:
        """Wait until the client has taken most of its answers, or is dropped for not doing so.

        Always lets others have a turn: a client that asks without pause must not be alone.
        """
        await anyio.lowlevel.checkpoint()
        while self._queued > HIGH_WATER and not self.dropped:
            self._sent = anyio.Event()
            await self._sent.wait()

    async def drain(self, seconds: float) -> None:
        """Let what is queued go out, for so long at most."""
        with anyio.move_on_after(seconds):
            while self._queue and not self.dropped:
                await self._emptied.wait()
