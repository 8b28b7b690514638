"""Whatever clients do, or stop doing, the host stays bounded and answers the others."""

from __future__ import annotations

import signal
import socket
import struct
from contextlib import AsyncExitStack, suppress
from functools import partial
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.neighbours import (
    FLOOD,
    host_process,
    pid_of,
    quoted,
    still_echoes,
    still_serves,
)
from tests.integration.host.wire_client import open_wire
from tests.integration.programs import wait_gone
from tests.waiting import eventually
from websockets.exceptions import ConnectionClosed

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

SCREENS = api_pb2.NotificationRequest(
    session="all", subscribe=True, notification_type=api_pb2.NOTIFY_ON_SCREEN_UPDATE
)
MUCH = "/bin/sh -c 'seq -f \"a line of text with its number %g\" 12000; exec cat'"
LONG_HISTORY = api_pb2.LineRange(trailing_lines=10_000)


async def fill(client: WireClient, session_id: str, requests: int | None = None) -> None:
    """Ask for much and read nothing, so often or until the host takes up no more requests."""
    request = api_pb2.GetBufferRequest(session=session_id, line_range=LONG_HISTORY)
    client.socket.transport.pause_reading()
    with suppress(ConnectionClosed), anyio.move_on_after(1):
        for _ in count() if requests is None else range(requests):
            await client.send(request)


@pytest.mark.long
async def test_a_subscriber_that_stops_reading_is_cut_off_and_costs_no_memory(
    own_home: Home,
) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire, open_wire(own_home) as deaf:
        healthy = await wire.open_window()
        opened = await wire.open_window(quoted(FLOOD))
        await wire.ask(SCREENS)
        await deaf.ask(SCREENS)
        await eventually(
            lambda: wire.text(opened.session_id, 20_000), lambda lines: len(lines) > 10_000
        )
        await fill(deaf, opened.session_id)
        full = process.memory_info().rss
        await still_echoes(wire, healthy.session_id)
        for _ in range(100):
            await wire.notified(
                lambda one: one.session == opened.session_id, "screen_update_notification"
            )
        await eventually(
            partial(host_log, own_home), lambda log: "client_dropped" in log, within_seconds=60
        )
        assert process.memory_info().rss < full + (64 << 20)
        await still_serves(wire)
        deaf.socket.transport.abort()


async def test_a_subscriber_that_reads_late_is_told_together_of_what_it_missed(
    own_home: Home,
) -> None:
    def of_calm(update: Any) -> bool:  # noqa: ANN401 - what the wire has it be
        return bool(update.session == calm)

    async with open_wire(own_home) as wire, open_wire(own_home) as late:
        calm = (await wire.open_window()).session_id
        await wire.ask(SCREENS)
        await late.ask(SCREENS)
        long = await wire.open_window(quoted(MUCH))
        await eventually(
            lambda: wire.text(long.session_id, 20_000), lambda lines: len(lines) > 10_000
        )
        await fill(late, long.session_id, 60)
        # Who reads nothing for 20 s is sent away, so no more is done than is needed.
        for _ in range(60):
            await wire.ask(api_pb2.SendTextRequest(session=calm, text="x\n"))
            await wire.notified(of_calm, "screen_update_notification")
        late.socket.transport.resume_reading()
        updates = 0
        number = await late.send(api_pb2.FocusRequest())
        while (message := await late.receive()).id != number:
            told = message.notification
            updates += told.HasField("screen_update_notification") and of_calm(
                told.screen_update_notification
            )
        assert 1 <= updates < 30


@pytest.mark.parametrize(
    "sent",
    [
        b"\x82\xfe\xff\xff\x00\x00\x00\x00half of 65535 bytes",
        b"\x82\xff" + struct.pack(">Q", 1 << 62) + b"\x00\x00\x00\x00four exbibytes",
        b"\x02\x85\x00\x00\x00\x00first",
        b"\x82\x05plain",
        b"\x8f\x80\x00\x00\x00\x00",
        b"\x88\x81\x00\x00\x00\x00x",
    ],
    ids=["half", "too long", "a fragment", "unmasked", "no opcode", "a bad farewell"],
)
@pytest.mark.parametrize("stays", [False, True], ids=["goes", "stays"])
async def test_a_broken_frame_harms_nobody(
    host_home: Home, wire: WireClient, sent: bytes, *, stays: bool
) -> None:
    async with open_wire(host_home) as odd:
        raw = odd.socket.transport.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(raw.fileno())) as other_end:
            other_end.send(sent)
        if not stays:
            odd.socket.transport.abort()
        await still_serves(wire)
        odd.socket.transport.abort()


async def test_fifty_clients_that_vanish_while_they_are_told_things_leave_nothing(
    own_home: Home,
) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire:
        opened = await wire.open_window(quoted(FLOOD))
        healthy = await wire.open_window()

        async def visit() -> None:
            async with open_wire(own_home) as visitor:
                await visitor.ask(SCREENS)
                request = api_pb2.GetBufferRequest(
                    session=opened.session_id, line_range=LONG_HISTORY
                )
                await visitor.send(request)
                visitor.socket.transport.abort()

        await visit()
        before = process.num_fds()
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(visit)
        await eventually(process.num_fds, lambda count: count <= before, within_seconds=30)
        await still_echoes(wire, healthy.session_id)


async def test_what_a_vanished_client_was_opening_can_be_closed_by_others(
    own_home: Home,
) -> None:
    async with open_wire(own_home) as wire:
        for _ in range(10):
            async with open_wire(own_home) as hasty:
                await hasty.send(api_pb2.CreateTabRequest())
                hasty.socket.transport.abort()
        await still_serves(wire)
        process = host_process(own_home)
        listing = await wire.ask(api_pb2.ListSessionsRequest())
        sessions = [window.tabs[0].root.links[0].session for window in listing.windows]
        assert len(sessions) == len(process.children())
        close = api_pb2.CloseRequest
        ids = [one.unique_identifier for one in sessions]
        await wire.ask(close(sessions=close.CloseSessions(session_ids=ids)))
        await eventually(process.children, lambda left: left == [], within_seconds=10)


async def stuck_session(wire: WireClient) -> str:
    """Open a session whose program has more to read than it will; typing into it takes long."""
    opened = await wire.open_window(quoted("/bin/sh -c 'stty raw -echo; echo deaf; sleep 60'"))
    await eventually(lambda: wire.text(opened.session_id), lambda lines: lines[0] == "deaf")
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="x" * (15 << 20)))
    return str(opened.session_id)


@pytest.mark.behaves("shutdown", source="1.4")
async def test_a_request_under_way_at_the_end_is_answered_with_an_error(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        session_id = await stuck_session(wire)
        pid = await pid_of(wire, session_id)
        number = await wire.send(api_pb2.SendTextRequest(session=session_id, text="x" * (2 << 20)))
        async with open_wire(own_home) as other:
            await still_serves(other)  # the request is under way by now
        host_process(own_home).send_signal(signal.SIGTERM)
        answer = await wire.whole_answer(number)
        assert "stopping" in answer.error
        with pytest.raises(ConnectionClosed):
            await wire.receive()
    await wait_gone(pid)


async def test_the_end_does_not_wait_for_clients_that_do_not_read(own_home: Home) -> None:
    async with AsyncExitStack() as connections, open_wire(own_home) as wire:
        long = await wire.open_window()
        await wire.feed(long.session_id, b"a line of text, " * 20_000)
        session_id = await stuck_session(wire)
        typed = api_pb2.SendTextRequest(session=session_id, text="x" * (2 << 20))
        lines = api_pb2.LineRange(trailing_lines=4_000)
        history = api_pb2.GetBufferRequest(session=long.session_id, line_range=lines)
        for _ in range(60):
            deaf = await connections.enter_async_context(open_wire(own_home))
            deaf.socket.transport.pause_reading()
            connections.callback(deaf.socket.transport.abort)
            for request in (history, history, typed):
                await deaf.send(request)
        await still_serves(wire)
        host_process(own_home).send_signal(signal.SIGTERM)
        await eventually(
            lambda: lock_holder(own_home.paths.host_lock),
            lambda pid: pid is None,
            within_seconds=10,
        )


async def host_log(home: Home) -> str:
    return await anyio.Path(f"{home.paths.logs}/host.log").read_text()


async def test_others_are_answered_while_one_reads_a_long_history(own_home: Home) -> None:
    row = "".join(f"\x1b[38;5;{color}m\u65e5x" for color in range(24)) + "\r\n"
    async with open_wire(own_home) as reader, open_wire(own_home) as other:
        opened = await reader.open_window(**{"Scrollback Lines": "10000"})
        for _ in range(3):
            await reader.feed(opened.session_id, (row * 1000).encode())
        number = await reader.send(
            api_pb2.GetBufferRequest(
                session=opened.session_id, line_range=LONG_HISTORY, include_styles=True
            )
        )
        read: list[int] = []

        async def wait_for_it() -> None:
            whole = await reader.whole_answer(number)
            read.append(len(whole.get_buffer_response.contents))

        longest = 0.0
        began = monotonic()
        with anyio.fail_after(110):
            async with anyio.create_task_group() as group:
                group.start_soon(wait_for_it)
                while not read:
                    asked = monotonic()
                    await other.ask(api_pb2.ListSessionsRequest())
                    longest = max(longest, monotonic() - asked)
        whole = monotonic() - began

    assert 3000 <= read[0] <= 3030
    assert longest < whole / 3  # unsliced it takes nearly the whole time
