"""Whoever reads too slowly is told so, whichever side it stands on; nobody else notices."""

from __future__ import annotations

import json
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.neighbours import quoted, still_serves
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

LONG = json.dumps("x" * 60_000)
TYPED = 20 << 20


async def keep_long_value(wire: WireClient) -> str:
    """Open a session with a long variable; return its id."""
    session: str = (await wire.open_window()).session_id
    value = api_pb2.VariableRequest.Set(name="user.long", value=LONG)
    await wire.ask(api_pb2.VariableRequest(session_id=session, set=[value]))
    return session


def read_often(session: str, times: int) -> api_pb2.VariableRequest:
    return api_pb2.VariableRequest(session_id=session, get=["user.long"] * times)


async def read_on(client: WireClient) -> None:
    while True:
        await client.receive()


async def test_an_answer_too_long_to_send_is_an_error_that_asks_for_less(wire: WireClient) -> None:
    session = await keep_long_value(wire)
    answer = await wire.whole_answer(await wire.send(read_often(session, 1100)))
    assert "ask for less" in answer.error
    assert len((await wire.ask(read_often(session, 100))).values) == 100


@pytest.mark.long
async def test_who_reads_too_late_is_told_why_it_was_dropped_and_nobody_else_waits(
    own_home: Home,
) -> None:
    log = anyio.Path(f"{own_home.paths.logs}/host.log")
    async with open_wire(own_home) as wire, open_wire(own_home) as late:
        session = await keep_long_value(wire)
        late.socket.transport.pause_reading()
        for _ in range(3):
            await late.send(read_often(session, 800))
        await late.send(api_pb2.TransactionRequest(begin=True))  # never taken up
        seconds: list[float] = []

        async def asked_meanwhile() -> str:
            began = perf_counter()
            await wire.ask(api_pb2.ListSessionsRequest())
            seconds.append(perf_counter() - began)
            return await log.read_text()

        await eventually(asked_meanwhile, lambda text: "client_dropped" in text, within_seconds=60)
        late.socket.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as caught:
            await read_on(late)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
        assert "nothing was read for 20 s" in caught.value.rcvd.reason
        await still_serves(wire)
    seconds.sort()
    half, most = (seconds[len(seconds) * part // 100] * 1e3 for part in (50, 99))
    print(f"answers beside a stalled client: p50 {half:.2f} ms, p99 {most:.2f} ms")  # noqa: T201 - a figure


async def test_who_sends_what_is_no_message_is_told_so(host_home: Home) -> None:
    async with open_wire(host_home) as odd:
        await odd.socket.send(b"\xff\xff\xff")
        await odd.send(api_pb2.ListSessionsRequest())
        with pytest.raises(ConnectionClosed) as caught:
            await odd.receive()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1007, "sent what is no message")


async def test_a_program_that_reads_gets_more_than_its_queue_holds(wire: WireClient) -> None:
    counting = f"stty raw -echo; echo ready; head -c {TYPED} | wc -c; exec cat"
    opened = await wire.open_window(quoted(f"/bin/sh -c '{counting}'"))
    await eventually(partial(wire.text, opened.session_id), lambda lines: lines[0] == "ready")
    typed = api_pb2.SendTextRequest(session=opened.session_id, text="x" * TYPED)
    number = await wire.send(typed)
    answer = None
    with anyio.fail_after(60):
        while answer is None:
            try:
                answer = await wire.whole_answer(number)
            except TimeoutError:
                continue
    assert answer.send_text_response.status == api_pb2.SendTextResponse.OK
    assert not answer.error
    await eventually(
        partial(wire.text, opened.session_id),
        lambda lines: any(str(TYPED) in line for line in lines),
        within_seconds=60,
    )


@pytest.mark.long
async def test_text_that_a_program_does_not_read_is_answered_with_how_much_was_taken(
    host_home: Home, wire: WireClient
) -> None:
    opened = await wire.open_window(quoted("/bin/sh -c 'stty raw -echo; echo deaf; sleep 60'"))
    await eventually(partial(wire.text, opened.session_id), lambda lines: lines[0] == "deaf")
    size = 12 << 20
    typed = api_pb2.SendTextRequest(session=opened.session_id, text="x" * size)
    async with open_wire(host_home) as sender:
        await sender.ask(typed)
        number = await sender.send(typed)
        await still_serves(wire)
        with anyio.fail_after(30):
            while True:
                try:
                    answer = await sender.whole_answer(number)
                except TimeoutError:
                    continue
                break
    assert f"0 of {size} bytes were taken" in answer.error
    assert opened.session_id in answer.error
