"""The head and the body of an answer in one write, and so in one packet, to a client read once.

Uvicorn writes them one after the other, and asyncio sends each at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

MOST_HELD_BYTES = 65_536
"""More than that is sent at once."""


class JoiningTransport:
    """A transport that sends together what is written in one step of the event loop.

    All else is the transport's own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._bytes = 0
        self._later: asyncio.Handle | None = None

    def write(self, data: bytes) -> None:
        """Send something, at the latest when the loop comes round again."""
        self._held.append(data)
        self._bytes += len(data)
        if self._bytes >= MOST_HELD_BYTES:
            self.flush()
        elif self._later is None:
            self._later = self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is held."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        held = self._held
        if held:
            self._held, self._bytes = [], 0
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Send what is held, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._transport, name)


class JoiningProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, with each whole answer in one write."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        self._joining = JoiningTransport(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._joining))

    def on_response_complete(self) -> None:
        """Send an answer that is whole, and go on to the next request."""
        self._joining.flush()
        super().on_response_complete()
