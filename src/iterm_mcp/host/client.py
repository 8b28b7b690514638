"""One connection: what it subscribed to, and what waits to be sent to it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import structlog
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from iterm_mcp.host import wire
from iterm_mcp.host.subscriptions import Subscriptions

if TYPE_CHECKING:
    from iterm_mcp.host.connection import Connection

log = structlog.get_logger()

GONE = "it has gone"

QUEUE_LIMIT = 64 << 20
"""Bytes that may wait for a client that does not read; above it, the client is dropped."""

HIGH_WATER = 8 << 20
"""Above so many waiting bytes, no more of a client's own requests are taken up."""

MAX_ANSWER = QUEUE_LIMIT - HIGH_WATER
"""A longer answer is not sent: an error stands in its place."""

STALL_SECONDS = 20.0
"""How long one message may take to be taken."""

FAREWELL_SECONDS = 5.0
"""How long a client that is dropped may take to hear why."""

_MAX_REASON_BYTES = 123  # what a close frame holds


class Client:
    """A connected script. Sending never waits: what cannot leave at once is queued, to a bound.

    Attributes:
        subscriptions: What it wants to be told.
    """

    def __init__(self, socket: Connection) -> None:
        self.subscriptions = Subscriptions()
        self._socket = socket
        self._queue: deque[tuple[bytes, str]] = deque()
        self._queued = 0
        self._screens: set[str] = set()  # sessions whose screen update waits in the queue
        self._sends = False  # a message has been taken out of the queue, and is on its way
        self._arrivals = -1  # when the last request was taken up
        self._wake = anyio.Event()
        self._emptied = anyio.Event()
        self._sent = anyio.Event()
        self._sending = anyio.CancelScope()
        self._code = CloseCode.POLICY_VIOLATION
        self.dropped = ""

    def send(self, message: wire.ServerOriginatedMessage, *, screen: str = "") -> None:
        """Queue a message.

        Args:
            screen: For a screen update its session: one that waits already stands for both.
        """
        if self.dropped or (screen and screen in self._screens):
            return
        self._send(message.id, message.SerializeToString(), screen)

    def send_answer(self, number: int, data: bytes) -> None:
        """Queue a message that is serialised already, with the id of the request it answers."""
        if not self.dropped:
            self._send(number, data, "")

    def _send(self, number: int, data: bytes, screen: str) -> None:
        if len(data) > MAX_ANSWER:
            data = _too_long(number, len(data)).SerializeToString()
        if not self._queue and not self._sends and self._socket.send_now(data):
            return
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

    def drop(self, reason: str, code: CloseCode = CloseCode.POLICY_VIOLATION) -> None:
        """Send and take nothing more; `farewell` then ends the connection."""
        if not self.dropped:
            self.dropped, self._code = reason, code
            log.warning("client_dropped", reason=reason)
            self._queue.clear()
            self._screens.clear()
            self._queued = 0
            self._sending.cancel()
            self._wake.set()
            self._sent.set()
            self._emptied.set()

    async def pump(self) -> None:
        """Send what is queued until the connection ends, or the client is dropped."""
        try:
            while not self.dropped:
                while self._queue:
                    data, screen = self._queue.popleft()
                    self._queued -= len(data)
                    self._screens.discard(screen)
                    self._sends = True
                    with anyio.move_on_after(STALL_SECONDS) as self._sending:
                        await self._socket.send(data)
                    self._sends = False
                    if self._sending.cancelled_caught:
                        self.drop(f"nothing was read for {STALL_SECONDS:.0f} s")
                    self._sent.set()
                self._emptied.set()
                if not self.dropped:
                    self._wake = anyio.Event()
                    await self._wake.wait()
        except ConnectionClosed:
            # Nobody takes out of the queue what is put into it from now on, or waits in it.
            self.dropped = self.dropped or GONE
            self._sent.set()

    async def farewell(self) -> None:
        """Tell a dropped client why, if it reads within `FAREWELL_SECONDS`; cut the connection."""
        if self.dropped not in {"", GONE}:
            reason = self.dropped.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
            self._socket.close_timeout = FAREWELL_SECONDS
            with anyio.move_on_after(FAREWELL_SECONDS):
                await self._socket.close(self._code, reason)
            self._socket.transport.abort()

    @property
    def has_room(self) -> bool:
        """Whether its next request may be taken up at once."""
        return self._queued <= HIGH_WATER and not self.dropped

    async def wait_room(self) -> bool:
        """Wait until the client has taken most of its answers; False if it has been dropped.

        Others have a turn between any two requests, also if both came at once: a client that
        asks without pause must not be alone.
        """
        if self._arrivals == self._socket.arrivals:  # else the loop has turned to read this one
            await anyio.lowlevel.checkpoint()
        self._arrivals = self._socket.arrivals
        while self._queued > HIGH_WATER and not self.dropped:
            self._sent = anyio.Event()
            await self._sent.wait()
        return not self.dropped

    async def drain(self, seconds: float) -> None:
        """Let what is queued go out, for so long at most."""
        with anyio.move_on_after(seconds):
            while self._queue and not self.dropped:
                await self._emptied.wait()


def _too_long(number: int, size: int) -> wire.ServerOriginatedMessage:
    """Return what stands in place of an answer that would never get through."""
    return wire.ServerOriginatedMessage(
        id=number,
        error=f"The answer has {size} bytes, and no more than {MAX_ANSWER} can be sent at once:"
        " ask for less, such as fewer lines.",
    )
