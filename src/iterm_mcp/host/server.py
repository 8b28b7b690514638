"""The API's front door: WebSocket on a unix socket, as the ``iterm2`` library expects it."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
import struct
import sys
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import structlog
from google.protobuf.message import DecodeError
from websockets.asyncio.server import unix_serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.host import wire
from iterm_mcp.host.calls import Calls
from iterm_mcp.host.client import Client
from iterm_mcp.host.connection import Connection
from iterm_mcp.host.figures import Figures
from iterm_mcp.host.requests import AT_ONCE, HANDLERS
from iterm_mcp.host.requests.context import Context, Later, Serialised

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup
    from google.protobuf.message import Message
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

    from iterm_mcp.host.notifier import Notifier
    from iterm_mcp.host.settings import Settings
    from iterm_mcp.host.transactions import Transactions
    from iterm_mcp.host.upgrade.upgrader import Upgrader
    from iterm_mcp.host.world import World

log = structlog.get_logger()

PROTOCOL_VERSION = "1.18"
SUBPROTOCOL = "api.iterm2.com"
OLDEST_PYTHON_LIBRARY = (0, 24)
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
MAX_MESSAGE = 64 << 20
HANDSHAKE_SECONDS = 30.0
STOP_SECONDS = 0.5
UNKNOWN_REQUEST = "Invalid request. Upgrade iTerm2 to a newer version."
STOPPING = "The host is stopping."

_KEEP_FILE: dict[str, Any] = {} if sys.version_info < (3, 13) else {"cleanup_socket": False}
"""The socket's file is not asyncio's to remove: somebody else may serve it next."""

UNTIMED = {"server_originated_rpc_result_request"}
"""Taken up inside another client's transaction too: its owner may be who waits for it."""


class ApiServer:
    """Serves the world to every script that may come in."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        notifier: Notifier,
        transactions: Transactions,
        cookie: str,
    ) -> None:
        self._world = world
        self._settings = settings
        self._notifier = notifier
        self._transactions = transactions
        self._cookie = cookie
        self._calls = Calls()
        self.upgrader: Upgrader | None = None
        self._answering: list[tuple[Client, int]] = []  # clients and the ids of their requests

    async def listen(self, listening: socket.socket) -> Server:
        """Let clients in at a socket that is bound; it is closed when that ends."""
        return await unix_serve(
            self._serve,
            sock=listening,
            process_request=self._admit,
            process_response=_name_version,
            create_connection=Connection,
            subprotocols=[SUBPROTOCOL],
            compression=None,
            open_timeout=HANDSHAKE_SECONDS,
            close_timeout=1,
            ping_interval=None,
            max_size=MAX_MESSAGE,
            server_header=None,
            **_KEEP_FILE,
        )

    async def stop(self) -> None:
        """Answer what is still being worked on with an error: the library waits for ever.

        Takes `STOP_SECONDS` at most, however many clients do not read.
        """
        async with anyio.create_task_group() as group:
            for client, number in self._answering:
                client.send(wire.ServerOriginatedMessage(id=number, error=STOPPING))
            for client in self._notifier.clients:
                group.start_soon(client.drain, STOP_SECONDS)

    # The handshake.

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        status = self._check(connection, request)
        if status is None:
            return None
        log.warning("client_refused", status=status.value)
        return connection.respond(status, f"{status.phrase}\n")

    def _check(self, connection: ServerConnection, request: Request) -> HTTPStatus | None:
        """Check a client in the app's order; None lets it in."""
        peer: socket.socket = connection.transport.get_extra_info("socket")
        if peer_uid(peer) != os.geteuid():
            return HTTPStatus.UNAUTHORIZED
        headers = request.headers
        origin = urlsplit(headers.get("Origin", "")).hostname
        host = headers.get("Host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if (
            request.path != "/"
            or headers.get("Upgrade", "").lower() != "websocket"
            or "upgrade" not in headers.get("Connection", "").lower()
            or headers.get("Sec-WebSocket-Protocol", "").lower() != SUBPROTOCOL
            or origin != "localhost"
            or name not in LOOPBACK
        ):
            return HTTPStatus.BAD_REQUEST
        match headers.get("X-iTerm2-Library-Version", "").split(" "):
            case [language, version]:
                pass
            case _:
                return HTTPStatus.BAD_REQUEST
        if language == "python" and not _new_enough(version):
            return HTTPStatus.NOT_ACCEPTABLE
        cookie = headers.get("X-iTerm2-Cookie", "")
        if not hmac.compare_digest(cookie.encode(), self._cookie.encode()):
            return HTTPStatus.UNAUTHORIZED
        return None

    # The conversation.

    async def _serve(self, connection: ServerConnection) -> None:
        connection = cast("Connection", connection)  # as `listen` says
        client = Client(connection)
        self._notifier.clients.add(client)
        figures = Figures.of(asyncio.get_running_loop())
        figures.clients += 1
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._pump, client)
                await self._converse(connection, client, group)
                group.cancel_scope.cancel()
        finally:
            figures.clients -= 1
            self._let_go(client)

    async def _pump(self, client: Client) -> None:
        await client.pump()
        self._let_go(client)  # nobody waits for it while it is told why
        await client.farewell()

    def _let_go(self, client: Client) -> None:
        self._notifier.clients.discard(client)
        self._answering = [one for one in self._answering if one[0] is not client]
        self._calls.leave(client)
        self._transactions.end_of(client)

    async def _converse(self, connection: Connection, client: Client, group: TaskGroup) -> None:
        """Answer requests one after the other, in the order in which they came."""
        context = self._context(client)
        taker = partial(self._answer_at_once, context, group)
        try:
            connection.taker = taker
            async for data in connection:
                # Nothing is taken past a request that is being worked on.
                connection.taker = None
                await self._converse_once(data, context, group)
                connection.taker = taker  # what waits in the library already comes before all else
        except ConnectionClosed:
            return

    async def _converse_once(self, data: str | bytes, context: Context, group: TaskGroup) -> None:
        client = context.client
        if isinstance(data, str) or client.dropped:
            return  # the API is binary; the app ignores text as well
        request = wire.ClientOriginatedMessage()
        try:
            request.ParseFromString(data)
        except DecodeError:
            # Unanswered it would leave the script waiting for ever.
            client.drop("sent what is no message", CloseCode.INVALID_DATA)
            return
        if not await client.wait_room():
            return
        self._answering.append((client, request.id))
        if request.WhichOneof("submessage") in UNTIMED:
            await self._take_up(context, request, group)
        else:
            async with self._transactions.turn(client):
                await self._take_up(context, request, group)

    def _answer_at_once(self, context: Context, group: TaskGroup, data: bytes) -> bool:
        """Answer a request as it is read; False if that would take long, or wait for anything."""
        client = context.client
        request = wire.ClientOriginatedMessage()
        try:
            request.ParseFromString(data)
        except DecodeError:
            return False
        name = request.WhichOneof("submessage") or ""
        comes_at_once = AT_ONCE.get(name)
        if (
            comes_at_once is None
            or not client.has_room
            or self._transactions.owner not in {None, client}
            or not comes_at_once(context, getattr(request, name))
        ):
            return False
        try:
            self._take_up(context, request, group).send(None)
        except StopIteration:
            return True
        raise RuntimeError(f"{name} waits for something")

    async def _take_up(
        self, context: Context, request: wire.ClientOriginatedMessage, group: TaskGroup
    ) -> None:
        client = context.client
        name = request.WhichOneof("submessage") or ""
        handler = HANDLERS.get(name)
        if handler is None:
            self._send(client, wire.ServerOriginatedMessage(id=request.id, error=UNKNOWN_REQUEST))
            return
        work = partial(handler, context, getattr(request, name))
        await self._answer(client, request, work, group)

    def _context(self, client: Client) -> Context:
        return Context(
            self._world,
            client,
            self._transactions,
            self._settings,
            self._calls,
            self.upgrader,
        )

    async def _answer(
        self,
        client: Client,
        request: wire.ClientOriginatedMessage,
        work: Callable[[], Awaitable[Message | Later | Serialised]],
        group: TaskGroup,
    ) -> None:
        """Answer one request, now or later; there always is one answer, and it echoes the id."""
        message = wire.ServerOriginatedMessage(id=request.id)
        name = request.WhichOneof("submessage") or ""
        try:
            response = await work()
        except ItermMcpError as error:  # no response has a status for a full disk
            message.error = str(error)
        except Exception:  # the per-client boundary: one script's request ends no session
            incident = uuid4().hex[:12]
            log.exception("request_crashed", request=name, incident=incident)
            message.error = f"Internal error {incident}; the host's log has it."
        else:
            if isinstance(response, Later):
                group.start_soon(self._answer, client, request, response.rest, group)
                return
            if isinstance(response, Serialised):
                self._answered(client, request.id)
                client.send_answer(request.id, response.answer(request.id))
                return
            getattr(message, name.replace("_request", "_response")).CopyFrom(response)
        self._send(client, message)

    def _send(self, client: Client, answer: wire.ServerOriginatedMessage) -> None:
        self._answered(client, answer.id)
        client.send(answer)

    def _answered(self, client: Client, number: int) -> None:
        if (client, number) in self._answering:  # else it has been let go of
            self._answering.remove((client, number))


def peer_uid(peer: socket.socket) -> int:
    """Return the user at the other end of a unix socket."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[1])
    # macOS: struct xucred of LOCAL_PEERCRED (sys/un.h): version, uid, groups.
    local_peercred = 1
    raw = peer.getsockopt(0, local_peercred, 76)
    return int(struct.unpack_from("=Ii", raw)[1])


def _new_enough(version: str) -> bool:
    """Tell whether a python library is one that the app still speaks to."""
    major, _, minor = version.partition(".")
    if not (major.isdigit() and minor.isdigit()):
        return False
    return float(f"{major}.{minor}") >= float("{}.{}".format(*OLDEST_PYTHON_LIBRARY))


def _name_version(_connection: ServerConnection, _request: Request, response: Response) -> Response:
    response.headers["X-iTerm2-Protocol-Version"] = PROTOCOL_VERSION
    return response
