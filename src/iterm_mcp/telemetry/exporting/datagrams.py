"""Lines in datagrams, handed to the system without ever waiting for anybody."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, NamedTuple

import anyio
from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iterm_mcp.telemetry.exporting.statsd import Line

MOST_BYTES = 1432
"""Of a datagram: what fits into one packet on nearly every network."""

BURST, PAUSE_SECONDS = 16, 0.005
"""After so many datagrams there is a pause: what comes too fast is lost by UDP."""

BEHIND_SECONDS = 2.0
"""How long a reader that is behind is waited for, at each reading."""

_ADDRESS = re.compile(r"^(?:udp://)?(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/@\s]+)):(\d{1,5})$")
_SOCKET = re.compile(r"^unix:(?://)?(/.+)$")
_MOST_PORT = 65535


class Sink(NamedTuple):
    """Where datagrams go: a socket's path, or a host with a port."""

    path: str = ""
    host: str = ""
    port: int = 0


def read_sink(text: str) -> Sink:
    """Return what ``HOST:PORT``, ``[ADDRESS]:PORT`` or ``unix:/PATH`` names.

    Raises:
        ValueError: It is none of these.
    """
    if local := _SOCKET.match(text):
        return Sink(path=local[1])
    if remote := _ADDRESS.match(text):
        port = int(remote[3])
        if 0 < port <= _MOST_PORT:
            return Sink(host=remote[1] or remote[2], port=port)
    raise ValueError("it is HOST:PORT, or unix:/PATH of a socket that takes datagrams")


def packed(
    lines: Iterable[Line], most_bytes: int = MOST_BYTES
) -> Iterator[tuple[bytes, list[Line]]]:
    """Yield datagrams of whole lines, each with what stands in it; a longer line is left out."""
    body = bytearray()
    held: list[Line] = []
    for line in lines:
        text = line.text.encode()
        if len(text) > most_bytes:
            continue
        if held and len(body) + 1 + len(text) > most_bytes:
            yield bytes(body), held
            body, held = bytearray(), []
        if held:
            body += b"\n"
        body += text
        held.append(line)
    if held:
        yield bytes(body), held


class Datagrams:
    """Sends to one sink, without ever blocking the event loop.

    UDP tells nobody whether anything listens. A socket's path does: where nobody does, sending
    fails at once; a reader that is behind is waited for a little.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._socket: socket.socket | None = None
        self._address: tuple[object, ...] = ()

    async def open(self) -> None:
        """Be able to send; a name is looked up in a thread.

        Raises:
            OSError: There is nobody, or no such name.
        """
        if self._socket is not None:
            return
        if self._sink.path:
            opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            opened.settimeout(0)
            try:
                opened.connect(self._sink.path)
            except OSError:
                opened.close()
                raise
        else:
            family, self._address = await to_thread.run_sync(
                _look_up, self._sink.host, self._sink.port, abandon_on_cancel=True
            )
            opened = socket.socket(family, socket.SOCK_DGRAM)
            opened.settimeout(0)
        self._socket = opened

    async def send(self, datagrams: Sequence[bytes]) -> int:
        """Send as many as are taken, in order; return how many. The sink is closed when not all.

        A name is looked up anew then, and a socket's path opened anew.
        """
        sent = 0
        try:
            with anyio.move_on_after(BEHIND_SECONDS):
                for one in datagrams:
                    await self._send(one)
                    sent += 1
                    if sent % BURST == 0:
                        await anyio.sleep(PAUSE_SECONDS)
        except OSError:
            pass
        if sent < len(datagrams):
            self.close()
        return sent

    async def _send(self, datagram: bytes) -> None:
        """Hand over one, as soon as there is room for it."""
        assert self._socket is not None  # noqa: S101 - `open` comes first
        while True:
            try:
                if self._address:
                    self._socket.sendto(datagram, self._address)
                else:
                    self._socket.send(datagram)
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            else:
                return

    def close(self) -> None:
        """Let go of the socket; `open` may be called again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _look_up(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    return family, address
