"""Whatever one session or one client does, the host goes on serving all others."""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from iterm2 import api_pb2
from tests.integration.host.neighbours import (
    FLOOD,
    close_windows,
    host_process,
    pid_of,
    quoted,
    still_serves,
)
from tests.integration.host.wire_client import headers, open_wire
from tests.waiting import eventually
from websockets.exceptions import ConnectionClosed

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient


async def test_a_shell_that_ignores_the_hang_up_is_ended_all_the_same(wire: WireClient) -> None:
    stubborn = "/bin/sh -c 'trap \"\" HUP TERM INT; echo deaf; while :; do sleep 1; done'"
    opened = await wire.open_window(quoted(stubborn))
    await eventually(lambda: wire.text(opened.session_id), lambda lines: lines[0] == "deaf")
    pid = await pid_of(wire, opened.session_id)
    await close_windows(wire, opened.window_id)
    await still_serves(wire)
    await eventually(lambda: psutil.pid_exists(pid), lambda alive: not alive, within_seconds=15)


async def test_a_program_that_floods_its_screen_slows_nobody_else(wire: WireClient) -> None:
    opened = await wire.open_window(quoted(FLOOD))
    await eventually(lambda: wire.text(opened.session_id, 2000), lambda lines: len(lines) > 1000)
    await still_serves(wire)
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text="\x03"))
    listing = api_pb2.ListSessionsRequest()

    async def open_ids() -> set[str]:
        return {window.window_id for window in (await wire.ask(listing)).windows}

    await eventually(open_ids, lambda ids: opened.window_id not in ids)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (r'printf "\377\376ok\300\200\n"', "\ufffd\ufffdok\ufffd\ufffd"),
        (r'printf "\000\001\002ok\n"', "ok"),
        (r'printf "\033[999999999999;3Hok\033[H\n\n"', ""),
        (r'printf "\033]0;never ended"; printf "\030ok\n"', "ok"),
    ],
    ids=["invalid UTF-8", "control bytes", "absurd numbers", "an unended sequence"],
)
async def test_bytes_that_make_no_sense_are_shown_as_best_they_can(
    wire: WireClient, program: str, expected: str
) -> None:
    opened = await wire.open_window(quoted(f"/bin/sh -c '{program}; cat'"))
    await eventually(lambda: wire.text(opened.session_id), lambda lines: lines[0] == expected)
    await still_serves(wire)


async def test_a_line_of_ten_megabytes_is_taken_in(wire: WireClient) -> None:
    program = "/bin/sh -c 'head -c 10000000 /dev/zero | tr \"\\\\0\" x; echo; echo done; cat'"
    opened = await wire.open_window(quoted(program))
    await eventually(
        lambda: wire.text(opened.session_id), lambda lines: "done" in lines, within_seconds=30
    )
    await still_serves(wire)


async def test_nothing_is_left_of_sessions_that_were_closed(own_home: Home) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire:
        before = 0
        for turn in range(3):  # the first round makes threads and caches that stay
            opened = [await wire.open_window("/bin/sh") for _ in range(20)]
            await close_windows(wire, *(one.window_id for one in opened))
            await eventually(process.children, lambda left: left == [], within_seconds=15)
            if turn == 0:
                before = process.num_fds()
        await eventually(process.num_fds, lambda count: count <= before)
    zombies = [one for one in process.children() if one.status() == psutil.STATUS_ZOMBIE]
    assert zombies == []


async def test_without_descriptors_opening_fails_clearly_and_works_again_later(
    own_home: Home,
) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire:
        first = await wire.open_window()
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 6,) * 2)
        create = api_pb2.CreateTabRequest(window_id=first.window_id)
        refused = ""
        opened = []
        for _ in range(8):
            answer = await wire.whole_answer(await wire.send(create))
            refused = answer.error
            if refused:
                break
            opened.append(answer.create_tab_response.session_id)
        assert "too many files are open" in refused
        assert opened
        close = api_pb2.CloseRequest
        await wire.ask(close(sessions=close.CloseSessions(session_ids=opened)))

        async def opens() -> bool:
            return not (await wire.whole_answer(await wire.send(create))).error

        await eventually(opens, within_seconds=15)
        listing = await wire.ask(api_pb2.ListSessionsRequest())
        assert len(listing.windows) == 1


async def test_clients_that_come_and_go_leave_nothing(own_home: Home) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire:
        before = process.num_fds()
        for _ in range(5):
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(_come_and_go, own_home)
        await eventually(process.num_fds, lambda count: count <= before, within_seconds=30)
        await still_serves(wire)


async def _come_and_go(home: Home) -> None:
    async with open_wire(home) as one:
        await one.send(api_pb2.ListSessionsRequest())
        one.socket.transport.abort()


async def test_half_a_handshake_and_half_a_frame_harm_nobody(
    host_home: Home, wire: WireClient
) -> None:
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers(host_home).items())
    whole = (
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: api.iterm2.com\r\n{lines}\r\n"
    ).encode()
    for sent in (b"GET / HT", whole + b"\x82\xfe\xff\xff", b"\x00" * 5000):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(host_home.paths.host_socket)
            raw.sendall(sent)
    await still_serves(wire)


async def test_a_client_that_does_not_read_is_bounded_and_others_go_on(own_home: Home) -> None:
    process = host_process(own_home)
    async with open_wire(own_home) as wire, open_wire(own_home) as deaf:
        opened = await wire.open_window(Rows="200", Columns="200")
        await wire.feed(opened.session_id, b"x" * 4_000_000)
        request = api_pb2.GetBufferRequest(
            session=opened.session_id, line_range=api_pb2.LineRange(trailing_lines=10_000)
        )
        before = process.memory_info().rss
        deaf.socket.transport.pause_reading()
        with suppress(ConnectionClosed), anyio.move_on_after(3):
            for _ in range(100_000):
                await deaf.send(request)
        await still_serves(wire)
        assert process.memory_info().rss - before < 400 << 20
        deaf.socket.transport.abort()


async def test_at_the_end_a_waiting_request_is_answered_or_cut_never_left(own_home: Home) -> None:
    async with open_wire(own_home) as owner, open_wire(own_home) as waiting:
        await owner.ask(api_pb2.TransactionRequest(begin=True))
        number = await waiting.send(api_pb2.ListSessionsRequest())
        host_process(own_home).send_signal(signal.SIGTERM)
        try:
            answer = await waiting.whole_answer(number)
        except ConnectionClosed:
            pass
        else:
            assert answer.error
    await eventually(
        lambda: lock_holder(own_home.paths.host_lock), lambda pid: pid is None, within_seconds=10
    )


async def test_it_does_not_die_of_what_dies_in_it(wire: WireClient) -> None:
    opened = await wire.open_window("/bin/sh")
    pid = await pid_of(wire, opened.session_id)
    psutil.Process(pid).kill()
    await eventually(lambda: psutil.pid_exists(pid), lambda alive: not alive)
    await still_serves(wire)


async def test_a_window_that_goes_while_a_tab_is_being_opened_in_it(wire: WireClient) -> None:
    opened = await wire.open_window()
    create = await wire.send(api_pb2.CreateTabRequest(window_id=opened.window_id))
    close = api_pb2.CloseRequest
    await wire.send(close(windows=close.CloseWindows(window_ids=[opened.window_id])))
    answer = await wire.whole_answer(create)
    assert answer.HasField("create_tab_response")
    await wire.receive()
    await still_serves(wire)
