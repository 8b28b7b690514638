"""A message leaves at once when nothing is in the way."""

from __future__ import annotations

from typing import Any, cast

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from iterm_mcp.host.connection import AT_ONCE_BYTES, Connection


class Transport:
    """Takes bytes, or keeps them."""

    def __init__(self) -> None:
        self.written = b""
        self.waiting = 0
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing


@pytest.fixture
async def transport() -> Transport:
    return Transport()


@pytest.fixture
async def connection(transport: Transport) -> Connection:
    protocol = ServerProtocol()
    protocol.state = State.OPEN
    one = Connection(protocol, cast("Any", None), close_timeout=1)
    one.transport = cast("Any", transport)
    return one


async def test_a_message_is_on_its_way_at_once(
    connection: Connection, transport: Transport
) -> None:
    assert connection.send_now(b"hello")
    assert transport.written == Frame(Opcode.BINARY, b"hello").serialize(mask=False)


@pytest.mark.parametrize("reason", ["long", "unread", "closing", "closed"])
async def test_what_is_in_the_way_is_not_pushed_aside(
    connection: Connection, transport: Transport, reason: str
) -> None:
    transport.waiting = int(reason == "unread")
    transport.closing = reason == "closing"
    if reason == "closed":
        connection.protocol.state = State.CLOSING
    size = AT_ONCE_BYTES + 1 if reason == "long" else 1
    assert not connection.send_now(bytes(size))
    assert transport.written == b""


async def test_it_is_counted_how_often_something_came(connection: Connection) -> None:
    assert connection.arrivals == 0
    connection.data_received(b"half")
    connection.data_received(b" a line")
    assert connection.arrivals == 2
