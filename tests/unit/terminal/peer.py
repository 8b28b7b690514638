"""The far end of a connection, without a socket: answers requests as a test says."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from anyio.lowlevel import checkpoint
from iterm2 import api_pb2 as wire
from websockets.exceptions import ConnectionClosedError

from iterm_mcp.terminal.connection import Connection
from iterm_mcp.terminal.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import anyio

    from iterm_mcp.errors import TerminalUnavailableError

HOST = Endpoint("headless", "/nowhere/socket", "cookie")


def sessions_response(*session_ids: str) -> wire.ServerOriginatedMessage:
    """Return a listing with these sessions side by side in one tab of one window."""
    message = wire.ServerOriginatedMessage()
    listing = message.list_sessions_response
    tab = listing.windows.add(window_id="window-1").tabs.add(tab_id="tab-1")
    tab.root.vertical = True
    for session_id in session_ids:
        leaf = tab.root.links.add().session
        leaf.unique_identifier = session_id
        leaf.grid_size.width, leaf.grid_size.height = 80, 24
    return message


class Peer:
    """Plays a terminal for one connection after the other; use `connect` as a link's opener.

    Attributes:
        answers: What is answered to each kind of request; for None nothing ever is.
        asked: Every request so far, in order.
        refusals: Raised instead of connecting, one each time.
        stillborn: How many of the next connections end before anything is said.
        connections: How many were made.
    """

    def __init__(self) -> None:
        subscribed = wire.ServerOriginatedMessage()
        subscribed.notification_response.status = wire.NotificationResponse.Status.OK
        self.answers: dict[str, wire.ServerOriginatedMessage | None] = {
            "notification_request": subscribed,
            "list_sessions_request": sessions_response("one"),
        }
        self.asked: list[wire.ClientOriginatedMessage] = []
        self.refusals: list[TerminalUnavailableError] = []
        self.stillborn = 0
        self.connections = 0
        self.socket = FakeSocket(self)

    async def find(self) -> Endpoint:
        return HOST

    @asynccontextmanager
    async def connect(
        self, endpoint: Endpoint, on_notification: Callable[[wire.Notification], None]
    ) -> AsyncIterator[Connection]:
        if self.refusals:
            raise self.refusals.pop(0)
        self.connections += 1
        self.socket = FakeSocket(self)
        connection = Connection(endpoint, on_notification)
        connection.websocket = cast("Any", self.socket)
        if self.stillborn:
            self.stillborn -= 1
            self.socket.hang_up()
        yield connection

    def requests(self, kind: str) -> list[Any]:
        """Return the requests of one kind."""
        return [getattr(one, kind) for one in self.asked if one.HasField(cast("Any", kind))]


class FakeSocket:
    """One WebSocket, of which only the near end exists.

    Attributes:
        full: Set to an event, it holds what is sent until that is set.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._arrived: asyncio.Queue[bytes | str | None] = asyncio.Queue()
        self._closed = False
        self.full: anyio.Event | None = None
        self.sending = 0

    async def send(self, data: bytes) -> None:
        if self._closed:
            raise ConnectionClosedError(None, None)
        self.sending += 1
        await checkpoint()
        if self.full is not None:
            await self.full.wait()
        self.sending -= 1
        if self._closed:
            raise ConnectionClosedError(None, None)
        request = wire.ClientOriginatedMessage.FromString(data)
        self._peer.asked.append(request)
        answer = self._peer.answers[request.WhichOneof("submessage") or ""]
        if answer is not None:
            self.answer(request.id, answer)

    def answer(self, request_id: int, answer: wire.ServerOriginatedMessage) -> None:
        reply = wire.ServerOriginatedMessage()
        reply.CopyFrom(answer)
        reply.id = request_id
        self.push(reply.SerializeToString())

    def push(self, data: bytes | str) -> None:
        self._arrived.put_nowait(data)

    def notify(self, notification: wire.Notification) -> None:
        self.push(wire.ServerOriginatedMessage(notification=notification).SerializeToString())

    def hang_up(self) -> None:
        """Close the connection; what was pushed before still arrives."""
        self._closed = True
        self._arrived.put_nowait(None)

    async def recv(self) -> bytes | str:
        data = await self._arrived.get()
        if data is None:
            raise ConnectionClosedError(None, None)
        return data
