"""A client that sends anything, and knows which of it must be answered."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Self

import anyio
from google.protobuf.message import DecodeError
from iterm2 import api_pb2
from tests.integration.host.wire_client import headers
from websockets.asyncio.client import ClientConnection, unix_connect

if TYPE_CHECKING:
    from tests.integration.homes import Home

_SESSION = re.compile('unique_identifier: "([^"]+)"')
_OPEN_SECONDS = 20.0


class DroppedError(Exception):
    """The connection is over."""


class UnansweredError(Exception):
    """A request got no answer in time."""


class RawClient:
    """One connection.

    Attributes:
        ids: Those that the last listing named, by kind.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._awaited: list[int] = []
        self._errors: list[str] = []
        self._last = 0
        self._calls: list[str] = []
        self.ids: dict[str, list[str]] = {}

    @classmethod
    async def open(cls, home: Home) -> Self:
        """Connect."""
        with anyio.fail_after(_OPEN_SECONDS):
            return cls(
                await unix_connect(
                    home.paths.host_socket,
                    uri="ws://localhost/",
                    additional_headers=headers(home),
                    subprotocols=["api.iterm2.com"],
                    compression=None,
                    max_size=None,
                    ping_interval=None,
                    close_timeout=1,
                )
            )

    def next_id(self) -> int:
        self._last += 1
        return self._last

    def take_errors(self) -> list[str]:
        errors, self._errors = self._errors, []
        return errors

    async def send(self, kind: str, data: bytes, seconds: float) -> int:
        """Send, and wait for all that must be answered; return how many answers came.

        Args:
            kind: ``ask``, ``only send``, ``await``, ``garbage``, ``text`` or ``hang up``.

        Raises:
            DroppedError: The connection is over.
            UnansweredError: An answer did not come.
        """
        if kind == "text":
            await self._socket.send(data.decode())
            return 0
        if kind != "await":
            await self._socket.send(data)
            if kind == "hang up":
                self._socket.transport.abort()
                raise DroppedError
            self._expect(data)
        if kind == "only send":
            return 0
        return await self._receive_all(seconds)

    async def close(self) -> None:
        """Hang up."""
        self._socket.transport.abort()
        with anyio.move_on_after(5):
            await self._socket.wait_closed()

    def _expect(self, data: bytes) -> None:
        try:
            message = api_pb2.ClientOriginatedMessage.FromString(data)
        except DecodeError:
            self._awaited.append(-1)  # such a client is dropped
        else:
            self._awaited.append(message.id)

    async def _receive_all(self, seconds: float) -> int:
        received = 0
        try:
            with anyio.fail_after(seconds):
                while self._awaited:
                    received += await self._receive()
        except TimeoutError:
            raise UnansweredError from None
        calls, self._calls = self._calls, []
        for number in calls[:5]:  # functions of ours that were called
            message = api_pb2.ClientOriginatedMessage(id=self.next_id())
            result = message.server_originated_rpc_result_request
            result.request_id, result.json_value = number, json.dumps([1, None])
            await self._socket.send(message.SerializeToString())
            self._awaited.append(message.id)
        return received

    async def _receive(self) -> int:
        data = await self._socket.recv()
        assert isinstance(data, bytes)
        message = api_pb2.ServerOriginatedMessage.FromString(data)
        if message.WhichOneof("submessage") == "notification":
            call = message.notification.server_originated_rpc_notification
            if call.request_id:
                self._calls.append(call.request_id)
            return 0
        if message.id not in self._awaited:
            raise UnansweredError  # an answer to what was not asked
        self._awaited.remove(message.id)
        if message.error:
            self._errors.append(message.error)
        if message.HasField("list_sessions_response"):
            self.ids = _ids_of(message.list_sessions_response)
        return 1


def _ids_of(listing: api_pb2.ListSessionsResponse) -> dict[str, list[str]]:
    return {
        "session": _SESSION.findall(str(listing)),
        "tab": [tab.tab_id for window in listing.windows for tab in window.tabs],
        "window": [window.window_id for window in listing.windows],
    }
