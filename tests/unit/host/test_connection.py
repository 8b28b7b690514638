"""A message leaves at once when nothing is in the way."""

from __future__ import annotations

from typing import Any, cast

import pytest
from websockets.asyncio.messages import Assembler
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
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


class Taker:
    """Takes messages, or leaves them to the library."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.takes = True

    def __call__(self, message: bytes) -> bool:
        self.taken += [message] * self.takes
        return self.takes


def _frame(message: bytes) -> bytes:
    return Frame(Opcode.BINARY, message).serialize(mask=True)


def let_in(connection: Connection) -> None:
    """Do what the library does at the end of the handshake."""
    connection.protocol = ServerProtocol(state=State.OPEN)
    connection.request = Request("/", Headers())
    connection.recv_messages = Assembler()


@pytest.fixture
async def opened(connection: Connection) -> Connection:
    """Return a connection whose handshake has come alone."""
    connection.protocol.state = State.CONNECTING
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
    let_in(connection)
    return connection


async def test_a_whole_message_is_offered_first(opened: Connection) -> None:
    opened.taker = taker = Taker()
    for message in (b"one", b"two"):
        opened.data_received(_frame(message))
    assert taker.taken == [b"one", b"two"]
    assert opened.taker is taker
    assert not len(opened.recv_messages.frames)


async def test_what_is_not_taken_is_the_librarys_as_all_that_follows(opened: Connection) -> None:
    opened.taker = taker = Taker()
    taker.takes = False
    opened.data_received(_frame(b"one"))
    taker.takes = True
    opened.data_received(_frame(b"two"))
    assert taker.taken == []
    assert [await opened.recv(), await opened.recv()] == [b"one", b"two"]


async def test_nothing_is_offered_in_the_middle_of_another_message(opened: Connection) -> None:
    taker = Taker()
    first, inner = _frame(bytes(100)), _frame(b"x" * 20)
    whole = _frame(inner)  # whose content looks like a message of its own
    opened.taker = taker
    opened.data_received(first + whole[: -len(inner)])
    assert await opened.recv() == bytes(100)
    opened.taker = taker
    opened.data_received(whole[-len(inner) :])
    assert await opened.recv() == inner
    opened.taker = taker
    opened.data_received(_frame(b"between"))
    assert taker.taken == [b"between"]


async def test_a_client_that_did_not_wait_is_read_by_the_library_alone(
    connection: Connection,
) -> None:
    connection.protocol.state = State.CONNECTING
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n\x82")
    let_in(connection)
    connection.taker = taker = Taker()
    connection.data_received(_frame(b"one"))
    assert taker.taken == []
    assert await connection.recv() == b"one"
