"""The HTTP listener: its port, and an end that waits for nobody."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest

from iterm_mcp.web.server import STOP_SECONDS, bind_loopback, open_http

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

SECONDS = 10


def test_a_taken_port_is_replaced_by_a_free_one_unless_it_was_asked_for() -> None:
    with closing(bind_loopback(0, exact=True)) as first:
        port = first.getsockname()[1]
        with closing(bind_loopback(port, exact=False)) as second:
            assert second.getsockname()[0] == "127.0.0.1"
            assert second.getsockname()[1] not in {0, port}
        with pytest.raises(OSError, match="in use"):
            bind_loopback(port, exact=True)


async def test_what_is_sent_does_not_wait_until_what_went_before_is_acknowledged() -> None:
    looked, found = anyio.Event(), list[int]()

    async def look(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = writer.get_extra_info("socket")
        found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        looked.set()
        writer.close()

    with closing(bind_loopback(0, exact=True)) as listener, anyio.fail_after(SECONDS):
        async with (
            await asyncio.start_server(look, sock=listener),
            await anyio.connect_tcp(*listener.getsockname()),
        ):
            await looked.wait()

    assert found == [1]


async def test_an_answer_that_never_ends_does_not_keep_it_from_ending() -> None:
    begun = anyio.Event()

    async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data", "more_body": True})
        begun.set()
        await anyio.sleep_forever()

    async def listen(url: str) -> None:
        async with httpx2.AsyncClient(timeout=SECONDS) as client:
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get(url)

    with anyio.fail_after(SECONDS + STOP_SECONDS):
        async with (
            anyio.create_task_group() as group,
            open_http(endless, bind_loopback(0, exact=True)) as url,
        ):
            group.start_soon(listen, url)
            await begun.wait()
