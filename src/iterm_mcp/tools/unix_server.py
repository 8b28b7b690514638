"""MCP over a unix socket: one JSON-RPC message a line, one connection a client."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from mcp.shared._context_streams import create_context_streams
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, jsonrpc_message_adapter
from pydantic import ValidationError

from iterm_mcp.access import CONNECT, AccessError, read_access
from iterm_mcp.tools.clients import CURRENT

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator

    from mcp.server import Server
    from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream
    from prometheus_client import Gauge

    from iterm_mcp.telemetry import McpMetrics
    from iterm_mcp.tools.clients import Client, Clients

MAX_LINE = 16 << 20
"""Bytes of one message; a longer line ends the connection."""

DRAIN_SECONDS = 5.0

log = structlog.get_logger()


class UnixServer:
    """Serves one MCP server to every client that connects; use `open_unix_server`."""

    def __init__(
        self, server: Server[Any], connected: Gauge, clients: Clients, mcp: McpMetrics | None = None
    ) -> None:
        self._server = server
        self._mcp = mcp
        self._connected = connected
        self._clients = clients

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one client until it hangs up."""
        self._connected.inc()
        client, began = self._clients.connect("unix"), perf_counter()
        try:
            await self._converse(reader, writer, client)
        except* (ConnectionError, TimeoutError):  # a task group wraps what its tasks raise
            log.info("client_hung_up")
        finally:
            self._connected.dec()
            if self._mcp is not None:
                self._mcp.session_ended(client.transport, perf_counter() - began)
            with anyio.CancelScope(shield=True), anyio.move_on_after(DRAIN_SECONDS):
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    async def _converse(self, reader: StreamReader, writer: StreamWriter, client: Client) -> None:
        CURRENT.set(client)  # what runs below inherits it
        incoming, requests = create_context_streams[SessionMessage | Exception](0)
        replies, outgoing = create_context_streams[SessionMessage](0)
        async with anyio.create_task_group() as group:
            group.start_soon(self._read, reader, writer, incoming, client)
            group.start_soon(_write, writer, outgoing)
            await self._server.run(requests, replies, self._server.create_initialization_options())
            group.cancel_scope.cancel()

    async def _read(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        incoming: ContextSendStream[SessionMessage | Exception],
        client: Client,
    ) -> None:
        """Hand in one message a line; a line that is no message is answered, not dropped."""
        first = True
        async with incoming:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:  # longer than the limit: where the next starts is unknown
                    writer.write(_error(PARSE_ERROR, f"a message is at most {MAX_LINE} bytes"))
                    return
                if not line:
                    return
                if first and CONNECT.encode() in line:
                    if not self._allow(line, writer, client):
                        return
                    continue
                first = False
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValidationError:
                    if line.strip():
                        writer.write(_complaint(line))
                    continue
                await incoming.send(SessionMessage(message))

    def _allow(self, line: bytes, writer: StreamWriter, client: Client) -> bool:
        """Hear what a relay's client may do; False when that is not to be had, so that it ends."""
        try:
            self._clients.allow(client, read_access(dict(json.loads(line)["params"])))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, AccessError) else "this is no wish"
            writer.write(_error(INVALID_PARAMS, reason, CONNECT))
            return False
        answer = {"jsonrpc": "2.0", "id": CONNECT, "result": client.access.values()}
        writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        return True


@asynccontextmanager
async def open_unix_server(
    server: Server[Any],
    path: str,
    connected: Gauge,
    clients: Clients,
    mcp: McpMetrics | None = None,
) -> AsyncIterator[None]:
    """Listen at `path`, mode 0600, for the length of the block.

    A socket file that an earlier process left behind is replaced: the caller holds the lock
    that says there is no other daemon.

    Args:
        connected: How many clients there are.
        mcp: Told how long each stayed, if anybody wants to know.
    """
    unix = UnixServer(server, connected, clients, mcp)
    await anyio.Path(path).unlink(missing_ok=True)
    async with anyio.create_task_group() as group:

        def accept(reader: StreamReader, writer: StreamWriter) -> None:
            group.start_soon(unix.serve, reader, writer)

        # Its folder is private, so nobody else gets in before the mode is set.
        listener = await asyncio.start_unix_server(accept, path, limit=MAX_LINE)
        await anyio.Path(path).chmod(0o600)
        try:
            yield
        finally:
            listener.close()
            with anyio.CancelScope(shield=True):
                await anyio.Path(path).unlink(missing_ok=True)
            group.cancel_scope.cancel()


async def _write(writer: StreamWriter, outgoing: ContextReceiveStream[SessionMessage]) -> None:
    async with outgoing:
        async for one in outgoing:
            text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
            writer.write(text.encode() + b"\n")
            await writer.drain()


def _complaint(line: bytes) -> bytes:
    """Return the error for a line that is no message, to the request that it meant to be.

    Python and JavaScript clients write half a surrogate pair as JSON, and wait for an answer
    under that request's id.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return _error(PARSE_ERROR, "this line is not JSON")
    meant = message.get("id") if isinstance(message, dict) else None
    return _error(
        INVALID_REQUEST,
        "this line is not a JSON-RPC message in Unicode",
        meant if type(meant) in {int, str} else None,
    )


def _error(code: int, message: str, request_id: object = None) -> bytes:
    answer = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"
