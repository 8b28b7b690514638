"""Where clients come in: one listening socket, whoever serves it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from websockets.protocol import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.asyncio.server import Server, ServerConnection

    from iterm_mcp.host.server import ApiServer

SHUT_SECONDS = 5.0
SETTLE_SECONDS = 0.5
_PAUSE_SECONDS = 0.005


class Front:
    """Listens at a path. While it is shut, whoever connects waits.

    Args:
        inherited: The descriptor of a socket that listens there already, if there is one.
    """

    def __init__(self, server: ApiServer, path: str, inherited: int | None = None) -> None:
        self._server = server
        self._path = Path(path)
        self._socket = None if inherited is None else socket.socket(fileno=inherited)
        self._serving: Server | None = None

    @property
    def descriptor(self) -> int:
        """The socket's; -1 before the first `open`."""
        return -1 if self._socket is None else self._socket.fileno()

    async def open(self) -> None:
        """Let clients in. A stale socket file is replaced."""
        if self._socket is None:
            self._socket = self._bind()
        # What serves it closes what it got; the socket itself stays.
        self._serving = await self._server.listen(self._socket.dup())

    async def shut(self) -> None:
        """Answer what is asked, and send all clients away; others wait until `open`.

        Raises:
            TimeoutError: Something that was asked for takes longer than `SHUT_SECONDS`.
        """
        serving, self._serving = self._serving, None
        if serving is not None:
            await _settle(serving)
            await self._server.stop()
            serving.close(close_connections=True)
            with anyio.fail_after(SHUT_SECONDS):
                await serving.wait_closed()

    async def close(self) -> None:
        """Listen no more; takes two seconds at most."""
        if self._serving is not None:
            self._serving.close(close_connections=True)
            with anyio.move_on_after(2):
                await self._serving.wait_closed()
        if self._socket is not None:
            self._socket.close()
            self._path.unlink(missing_ok=True)

    def _bind(self) -> socket.socket:
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        try:
            listening.bind(str(self._path))
            self._path.chmod(0o600)
        except OSError:
            listening.close()
            raise
        return listening


async def _settle(serving: Server) -> None:
    """Accept nobody more, and let in whoever is at the door: he would be refused, not wait."""
    for listening in serving.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    with anyio.move_on_after(SETTLE_SECONDS):
        connecting = True
        while connecting:
            await anyio.sleep(_PAUSE_SECONDS)  # nobody tells when somebody is in
            connecting = any(one.state is State.CONNECTING for one in _connections(serving))


def _connections(serving: Server) -> Iterable[ServerConnection]:
    """Return all connections, those that are being opened included."""
    every: Iterable[ServerConnection] | None = getattr(serving, "all_connections", None)
    return getattr(serving, "handlers", ()) if every is None else every  # before version 16
