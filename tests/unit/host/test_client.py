"""A client's queue: ordered, bounded, and never waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import anyio
import pytest
from anyio.lowlevel import checkpoint
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode

from iterm_mcp.host import client as host_client
from iterm_mcp.host import wire
from iterm_mcp.host.client import HIGH_WATER, MAX_ANSWER, QUEUE_LIMIT, Client

if TYPE_CHECKING:
    from iterm_mcp.host.connection import Connection

MEGABYTE = 1 << 20


class Socket:
    """The other side: takes one message whenever `take` is called, or all, or has gone."""

    def __init__(self) -> None:
        self.taken: list[wire.ServerOriginatedMessage] = []
        self.aborted = False
        self.gone = False
        self.farewell: tuple[int, str] | None = None
        self.deaf = False
        self.close_timeout = 0.0
        self.arrivals = 0
        self.free = False
        self.transport = self
        self._allowed = anyio.Semaphore(0)

    async def send(self, data: bytes) -> None:
        if not self.gone:
            await self._allowed.acquire()
        if self.gone:
            raise ConnectionClosedError(None, None)
        self.taken.append(wire.ServerOriginatedMessage.FromString(data))

    def send_now(self, data: bytes) -> bool:
        if self.free:
            self.taken.append(wire.ServerOriginatedMessage.FromString(data))
        return self.free

    def take(self, count: int) -> None:
        for _ in range(count):
            self._allowed.release()

    async def close(self, code: int, reason: str) -> None:
        if self.deaf:
            await anyio.sleep_forever()
        self.farewell = (code, reason)

    def abort(self) -> None:
        self.aborted = True


def client_of(socket: Socket) -> Client:
    return Client(cast("Connection", socket))


def answer(number: int, size: int = 0) -> wire.ServerOriginatedMessage:
    return wire.ServerOriginatedMessage(id=number, error="x" * size)


def screen_update(session: str) -> wire.Notification:
    event = wire.ScreenUpdateNotification(session=session)
    return wire.Notification(screen_update_notification=event)


async def settle() -> None:
    """Let all tasks go as far as they can."""
    for _ in range(10):
        await checkpoint()


async def test_messages_are_sent_in_order_and_waited_for_at_the_end() -> None:
    socket = Socket()
    client = client_of(socket)
    socket.take(100)
    async with anyio.create_task_group() as group:
        group.start_soon(client.pump)
        for number in range(100):
            client.send(answer(number))
        await client.drain(5)
        await settle()
        group.cancel_scope.cancel()
    assert [one.id for one in socket.taken] == list(range(100))


async def test_a_screen_update_that_waits_stands_for_those_that_follow() -> None:
    socket = Socket()
    client = client_of(socket)
    for _ in range(1000):
        client.notify(screen_update("a"), screen="a")
        client.notify(screen_update("b"), screen="b")
    client.send(answer(1))
    client.notify(screen_update("a"), screen="a")
    socket.take(100)
    async with anyio.create_task_group() as group:
        group.start_soon(client.pump)
        await settle()
        client.notify(screen_update("a"), screen="a")  # the first has been taken: news again
        await settle()
        group.cancel_scope.cancel()
    told = [one.notification.screen_update_notification.session or one.id for one in socket.taken]
    assert told == ["a", "b", 1, "a"]


async def test_a_client_that_takes_nothing_is_cut_off_at_the_limit() -> None:
    socket = Socket()
    client = client_of(socket)
    sent = 0
    while not client.dropped:
        client.send(answer(sent, MEGABYTE))
        sent += 1
    assert sent == QUEUE_LIMIT // MEGABYTE
    assert "bytes wait" in client.dropped
    with anyio.fail_after(5):
        await client.pump()
        await client.farewell()
    assert socket.farewell == (1008, client.dropped)
    assert socket.aborted


async def test_a_dropped_clients_pump_ends_and_nothing_more_is_queued() -> None:
    socket = Socket()
    client = client_of(socket)
    client.drop("enough")
    client.send(answer(1))
    with anyio.fail_after(5):
        await client.pump()
        await client.wait_room()
        await client.drain(60)
    assert socket.taken == []
    client.drop("again")
    assert client.dropped == "enough"


async def test_for_a_client_that_has_gone_nothing_is_queued_any_more() -> None:
    socket = Socket()
    socket.gone = True
    client = client_of(socket)
    client.send(answer(1))
    with anyio.fail_after(5):
        await client.pump()
    assert client.dropped
    for number in range(2 * QUEUE_LIMIT // MEGABYTE):
        client.send(answer(number, MEGABYTE))
    with anyio.fail_after(5):
        await client.drain(60)
    assert not socket.aborted


@pytest.mark.parametrize("ends", ["reads", "is dropped", "goes"])
async def test_requests_wait_while_too_many_answers_do(ends: str) -> None:
    socket = Socket()
    client = client_of(socket)
    waited = anyio.Event()

    async def next_request() -> None:
        await client.wait_room()
        waited.set()

    async with anyio.create_task_group() as group:
        group.start_soon(client.pump)
        for number in range(HIGH_WATER // MEGABYTE + 3):
            client.send(answer(number, MEGABYTE))
        group.start_soon(next_request)
        await settle()
        assert not waited.is_set()
        if ends == "reads":
            socket.take(4)
        elif ends == "goes":
            socket.gone = True
            socket.take(1)
        else:
            client.drop("enough")
        with anyio.fail_after(5):
            await waited.wait()
        group.cancel_scope.cancel()


async def test_the_end_waits_for_what_is_queued_but_not_for_ever() -> None:
    socket = Socket()
    client = client_of(socket)
    client.send(answer(1))
    client.send(answer(2))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(client.pump)
            await client.drain(0.01)
            assert socket.taken == []
            group.cancel_scope.cancel()


async def test_what_is_being_sent_when_a_client_is_dropped_is_waited_for_no_longer() -> None:
    socket = Socket()
    client = client_of(socket)
    client.send(answer(1))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(client.pump)
            await settle()
            client.drop("no message: ü" + "x" * 200, CloseCode.INVALID_DATA)
        await client.farewell()
    assert socket.farewell is not None
    assert socket.farewell[0] == 1007
    assert len(socket.farewell[1].encode()) == 123


@pytest.mark.parametrize("stalled", ["the message", "the farewell too"])
async def test_a_client_that_reads_nothing_is_cut_off_in_the_end(
    stalled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_client, "STALL_SECONDS", 0.01)
    monkeypatch.setattr(host_client, "FAREWELL_SECONDS", 0.01)
    socket = Socket()
    socket.deaf = stalled != "the message"
    client = client_of(socket)
    client.send(answer(1))
    with anyio.fail_after(5):
        await client.pump()
        await client.farewell()
    assert "nothing was read" in client.dropped
    assert (socket.farewell is None) == socket.deaf
    assert socket.aborted


async def test_nobody_says_farewell_to_a_client_that_is_not_dropped() -> None:
    socket = Socket()
    client = client_of(socket)
    await client.farewell()
    assert (socket.farewell, socket.aborted) == (None, False)


async def test_an_answer_that_would_never_get_through_is_an_error_that_says_what_to_do() -> None:
    socket = Socket()
    client = client_of(socket)
    socket.take(2)
    async with anyio.create_task_group() as group:
        group.start_soon(client.pump)
        client.send(answer(7, MAX_ANSWER))
        client.send(answer(8))
        await settle()
        group.cancel_scope.cancel()
    assert [one.id for one in socket.taken] == [7, 8]
    assert "ask for less, such as fewer lines" in socket.taken[0].error
    assert not client.dropped


async def test_what_can_leave_at_once_waits_for_nobody() -> None:
    socket = Socket()
    client = client_of(socket)
    socket.free = True
    client.send(answer(1))
    client.send_answer(2, answer(2).SerializeToString())
    assert [one.id for one in socket.taken] == [1, 2]


async def test_nothing_overtakes_what_waits_or_is_on_its_way() -> None:
    socket = Socket()
    client = client_of(socket)
    client.send(answer(1))
    client.send(answer(2))
    socket.free = True
    client.send(answer(3))
    async with anyio.create_task_group() as group:
        group.start_soon(client.pump)
        await settle()
        socket.take(1)
        await settle()
        client.send(answer(4))
        socket.take(1)
        await settle()
        client.send(answer(5))  # while 3 is on its way
        socket.take(3)
        await settle()
        client.send(answer(6))
        group.cancel_scope.cancel()
    assert [one.id for one in socket.taken] == [1, 2, 3, 4, 5, 6]


async def test_a_dropped_client_is_sent_no_answer() -> None:
    socket = Socket()
    client = client_of(socket)
    socket.free = True
    client.drop("enough")
    client.send_answer(1, answer(1).SerializeToString())
    assert socket.taken == []


async def test_others_have_a_turn_between_requests_that_came_at_once() -> None:
    socket = Socket()
    client = client_of(socket)
    turns: list[str] = []

    async def other() -> None:
        turns.append("other")

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        socket.arrivals = 1
        await client.wait_room()
        turns.append("first")  # the loop has turned to read it
        await client.wait_room()
        turns.append("second")
    assert turns == ["first", "other", "second"]
