"""One WebSocket to a terminal that speaks iTerm2's API.

The `iterm2` library builds and parses the requests. Its own read loop is replaced, because
there a request that is pending when the connection ends waits for ever, and a reply that
arrives before its waiter is registered is lost. Here a request has its future before its bytes
leave, and every future ends with the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, cast

import anyio
import anyio.to_thread
import iterm2
import iterm2.api_pb2 as wire
from google.protobuf.message import DecodeError
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.legacy.client import unix_connect
from websockets.legacy.exceptions import InvalidStatusCode

from iterm_mcp import __version__
from iterm_mcp.errors import TerminalUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from websockets.typing import Subprotocol

    from iterm_mcp.terminal.endpoint import Endpoint

CONNECT_SECONDS = 5.0
_LIBRARY_VERSION = "2.30"


class Connection(iterm2.Connection):
    """A connection on which requests of the `iterm2` library can be made.

    Attributes:
        endpoint: What it is connected to.
    """

    def __init__(
        self, endpoint: Endpoint, on_notification: Callable[[wire.Notification], None]
    ) -> None:
        super().__init__()
        self.endpoint = endpoint
        self._on_notification = on_notification
        self._pending: dict[int, asyncio.Future[wire.ServerOriginatedMessage]] = {}
        self._closed = False

    async def read_until_closed(self) -> None:
        """Dispatch what arrives until the connection ends; then fail what is pending.

        What is no message of the API ends it too: nothing after it could be understood.
        """
        socket = self.websocket
        if socket is None:
            return
        try:
            with contextlib.suppress(ConnectionClosed):
                while (message := _parse(await socket.recv())) is not None:
                    self._dispatch(message)
        finally:
            self._closed = True
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(lost())
                    future.exception()  # seen: its request may have failed while being sent
            self._pending.clear()

    def _dispatch(self, message: wire.ServerOriginatedMessage) -> None:
        if message.HasField("notification"):
            self._on_notification(message.notification)
            return
        future = self._pending.pop(message.id, None)
        if future is not None and not future.done():
            future.set_result(message)

    async def async_send_message(self, message: wire.ClientOriginatedMessage) -> None:
        """Send a request whose reply `async_dispatch_until_id` will return."""
        if self._closed or self.websocket is None:
            raise lost()
        self._pending[message.id] = asyncio.get_running_loop().create_future()
        try:
            await self.websocket.send(message.SerializeToString())
        except ConnectionClosed:
            self._pending.pop(message.id, None)
            raise lost() from None
        except BaseException:
            self._pending.pop(message.id, None)
            raise

    async def async_dispatch_until_id(self, reqid: int) -> wire.ServerOriginatedMessage:
        """Wait for the reply to a request that was sent.

        Raises:
            TerminalUnavailableError: The connection ended first.
        """
        future = self._pending.get(reqid)
        if future is None:
            raise lost()
        try:
            return await future
        finally:
            self._pending.pop(reqid, None)


@contextlib.asynccontextmanager
async def open_connection(
    endpoint: Endpoint, on_notification: Callable[[wire.Notification], None]
) -> AsyncIterator[Connection]:
    """Connect and authenticate; the caller must run `Connection.read_until_closed`.

    Raises:
        TerminalUnavailableError: Nothing answers there, or it will not let us in.
    """
    connection = Connection(endpoint, on_notification)
    headers = await _headers(connection, endpoint)
    try:
        with anyio.fail_after(CONNECT_SECONDS):
            connection.websocket = await unix_connect(
                endpoint.socket_path,
                "ws://localhost/",
                ping_interval=None,
                close_timeout=1,
                extra_headers=headers,
                subprotocols=[cast("Subprotocol", "api.iterm2.com")],
                max_size=None,
                compression=None,
            )
    except InvalidStatusCode as error:
        raise TerminalUnavailableError(
            f"{endpoint.name} refused the connection with status {error.status_code}",
            hint=endpoint.refusal_hint,
        ) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise TerminalUnavailableError(
            f"{endpoint.name} does not answer on its socket: {str(error) or type(error).__name__}",
            hint=endpoint.absence_hint,
        ) from None
    try:
        yield connection
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(2):
            await connection.websocket.close()


async def _headers(connection: Connection, endpoint: Endpoint) -> dict[str, str]:
    headers = {
        "origin": "ws://localhost/",
        "x-iterm2-library-version": f"python {_LIBRARY_VERSION}",
        "x-iterm2-disable-auth-ui": "true",
        "x-iterm2-advisory-name": f"iterm-mcp {__version__}",
    }
    if endpoint.cookie:
        headers["x-iterm2-cookie"] = endpoint.cookie
    elif endpoint.kind == "iterm2":
        # May ask iTerm2 for a cookie through AppleScript, which takes a process.
        await anyio.to_thread.run_sync(connection.authenticate, False)  # noqa: FBT003 - its signature
        cookie = os.environ.pop("ITERM2_COOKIE", "")
        key = os.environ.pop("ITERM2_KEY", "")
        headers |= {"x-iterm2-cookie": cookie} if cookie else {}
        headers |= {"x-iterm2-key": key} if key else {}
    return headers


def _parse(data: str | bytes) -> wire.ServerOriginatedMessage | None:
    if isinstance(data, str):
        return None
    try:
        return wire.ServerOriginatedMessage.FromString(data)
    except DecodeError:
        return None


def lost() -> TerminalUnavailableError:
    """Return the error for what a terminal went away over."""
    return TerminalUnavailableError(
        "the connection to the terminal was lost; what was asked may or may not have happened",
        hint="Look at the session with read_screen before you try again.",
    )
