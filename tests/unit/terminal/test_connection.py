"""Requests and replies on one connection: none is mixed up, and none waits for ever."""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import asynccontextmanager
from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2 as wire
from iterm2 import rpc
from tests.unit.terminal.peer import HOST, Peer, sessions_response
from tests.waiting import eventually

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.terminal.connection import Connection, _headers
from iterm_mcp.terminal.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 5


def ignore(_notification: wire.Notification) -> None:
    pass


@pytest.fixture
def peer() -> Peer:
    return Peer()


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[Connection]:
    with anyio.fail_after(SECONDS):
        async with peer.connect(HOST, ignore) as connection, anyio.create_task_group() as group:
            group.start_soon(connection.read_until_closed)
            yield connection
            peer.socket.hang_up()


def listed(reply: wire.ServerOriginatedMessage) -> list[str]:
    tab = reply.list_sessions_response.windows[0].tabs[0]
    return [link.session.unique_identifier for link in tab.root.links]


async def test_replies_find_their_requests_in_whatever_order_they_come(peer: Peer) -> None:
    peer.answers["list_sessions_request"] = None
    answers: dict[str, list[str]] = {}

    async def ask(name: str) -> None:
        answers[name] = listed(await rpc.async_list_sessions(connection))

    async with connected(peer) as connection, anyio.create_task_group() as group:
        for count, name in enumerate(["first", "second"], start=1):
            group.start_soon(ask, name)
            await eventually(partial(len, peer.asked), partial(eq, count))
        first, second = (request.id for request in peer.asked)
        peer.socket.answer(second, sessions_response("b"))
        peer.socket.answer(first, sessions_response("a"))
    assert answers == {"first": ["a"], "second": ["b"]}


async def test_a_reply_that_came_too_late_or_to_nobody_is_dropped(peer: Peer) -> None:
    peer.answers["focus_request"] = None
    async with connected(peer) as connection:
        with anyio.move_on_after(0.01):
            await rpc.async_get_focus_info(connection)
        late = peer.asked[0].id
        for nobody in (late, 999_999, 0):
            peer.socket.answer(nobody, wire.ServerOriginatedMessage())
        assert listed(await rpc.async_list_sessions(connection)) == ["one"]


async def test_an_error_of_the_terminal_is_the_librarys_error(peer: Peer) -> None:
    peer.answers["list_sessions_request"] = wire.ServerOriginatedMessage(error="malformed")
    async with connected(peer) as connection:
        with pytest.raises(rpc.RPCException, match="malformed"):
            await rpc.async_list_sessions(connection)


async def test_every_request_in_flight_is_told_of_the_loss(peer: Peer) -> None:
    peer.answers["list_sessions_request"] = None
    lost: list[int] = []

    async def ask(number: int) -> None:
        with pytest.raises(TerminalUnavailableError, match="may or may not have happened"):
            await rpc.async_list_sessions(connection)
        lost.append(number)

    async with connected(peer) as connection, anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(ask, number)
        await eventually(lambda: len(peer.asked), lambda count: count == 5)
        peer.socket.hang_up()
    assert sorted(lost) == list(range(5))


async def test_a_request_after_the_loss_is_refused_at_once(peer: Peer) -> None:
    async with connected(peer) as connection:
        peer.socket.hang_up()
        await eventually(lambda: connection._closed)
        with pytest.raises(TerminalUnavailableError):
            await rpc.async_list_sessions(connection)
    assert peer.asked == []


async def test_before_there_is_a_socket_nothing_can_be_asked_or_read() -> None:
    connection = Connection(HOST, ignore)
    await connection.read_until_closed()
    with pytest.raises(TerminalUnavailableError):
        await rpc.async_list_sessions(connection)


async def test_nobody_waits_for_a_reply_to_what_was_never_sent(peer: Peer) -> None:
    async with connected(peer) as connection:
        with pytest.raises(TerminalUnavailableError):
            await connection.async_dispatch_until_id(12345)


async def test_a_loss_while_a_request_is_still_leaving_is_told_once(peer: Peer) -> None:
    """asyncio complains about errors that nobody took: there must be none."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def ask() -> None:
        with pytest.raises(TerminalUnavailableError):
            await rpc.async_list_sessions(connection)

    async with connected(peer) as connection, anyio.create_task_group() as group:
        peer.socket.full = anyio.Event()
        group.start_soon(ask)
        await eventually(lambda: peer.socket.sending)
        peer.socket.hang_up()
        await eventually(lambda: connection._closed)
        peer.socket.full.set()
    gc.collect()
    assert complaints == []


async def test_a_request_that_was_given_up_while_leaving_waits_for_nothing(peer: Peer) -> None:
    async with connected(peer) as connection:
        peer.socket.full = anyio.Event()
        with anyio.move_on_after(0.01):
            await rpc.async_list_sessions(connection)
        assert connection._pending == {}


async def test_our_host_is_shown_its_cookie() -> None:
    headers = await _headers(Connection(HOST, ignore), HOST)
    assert headers["x-iterm2-cookie"] == "cookie"
    assert headers["x-iterm2-disable-auth-ui"] == "true"
    assert headers["x-iterm2-advisory-name"].startswith("iterm-mcp ")
    assert "x-iterm2-key" not in headers


async def test_a_host_without_a_cookie_is_shown_none() -> None:
    host = Endpoint("headless", "/nowhere/socket")
    assert "x-iterm2-cookie" not in await _headers(Connection(host, ignore), host)


async def test_what_iterm2_gave_us_is_shown_once_and_kept_from_our_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cookie opens the door once; the next connection has to ask for another."""
    monkeypatch.setenv("ITERM2_COOKIE", "given")
    monkeypatch.setenv("ITERM2_KEY", "key")
    app = Endpoint("iterm2", "/nowhere/socket")
    headers = await _headers(Connection(app, ignore), app)
    assert (headers["x-iterm2-cookie"], headers["x-iterm2-key"]) == ("given", "key")
    assert not {"ITERM2_COOKIE", "ITERM2_KEY"} & set(os.environ)
