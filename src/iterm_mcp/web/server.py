"""The HTTP listener, on loopback only."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import anyio
import structlog
import uvicorn

from iterm_mcp.web.joined_writes import JoiningProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

STOP_SECONDS = 3

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the daemon has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def open_http(app: ASGIApp, listener: socket.socket) -> AsyncIterator[str]:
    """Serve `app` on a bound socket for the length of the block; yields its base URL."""
    config = uvicorn.Config(
        app,
        http=JoiningProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nobody stands between a client and us, and none may say so
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)
    ended = anyio.Event()

    async def serve() -> None:
        try:
            await server.serve([listener])
        finally:
            ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            with anyio.CancelScope(shield=True), anyio.move_on_after(STOP_SECONDS + 1):
                await ended.wait()
            group.cancel_scope.cancel()


def url_of(listener: socket.socket) -> str:
    """Return where a bound listener is asked."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def bind_loopback(port: int, *, exact: bool) -> socket.socket:
    """Take a loopback port: who connects from now on waits until it is served.

    Args:
        exact: Fail when it is taken; otherwise take a free one instead, and say so.

    Raises:
        OSError: It is taken and `exact` was asked for.
    """
    try:
        return _listening(port)
    except OSError as error:
        if exact:
            raise
        log.warning("http_port_taken", port=port, reason=str(error))
        return _listening(0)


def _listening(port: int) -> socket.socket:
    # Where the protocol is not named, asyncio leaves Nagle's algorithm on, and an answer's body
    # waits 40 ms for its head to be acknowledged.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()  # until then another may bind it, too
    except OSError:
        listener.close()
        raise
    return listener
