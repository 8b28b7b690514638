"""MCP line by line, between a stream that a test feeds and a writer that remembers."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from anyio.lowlevel import checkpoint
from mcp.types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR
from prometheus_client import Gauge
from tests.waiting import eventually

from iterm_mcp.telemetry import Metrics
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.server import build_server
from iterm_mcp.tools.tool import ENDS, READS, ToolRow
from iterm_mcp.tools.unix_server import UnixServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 5
LIMIT = 1000


class Writer:
    """What a client would read. Once it has hung up, draining fails as it does on a socket."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.hung_up = False

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        await checkpoint()
        if self.hung_up:
            raise BrokenPipeError

    def close(self) -> None:
        self.closed = True

    async def wait_closed(self) -> None:
        await checkpoint()
        if self.hung_up:
            raise BrokenPipeError


class Line:
    """One client's connection."""

    def __init__(self, connected: Gauge) -> None:
        self.reader = asyncio.StreamReader(limit=LIMIT)
        self.writer = Writer()
        self._connected = connected

    def say(self, *lines: object) -> None:
        for one in lines:
            text = one if isinstance(one, bytes) else json.dumps(one).encode()
            self.reader.feed_data(text + b"\n")

    def heard(self) -> list[dict[str, Any]]:
        return [json.loads(one) for one in self.writer.written.splitlines()]

    async def hear(self, count: int) -> list[dict[str, Any]]:
        return await eventually(self.heard, lambda answers: len(answers) == count)

    def connected(self) -> float:
        (sample,) = next(iter(self._connected.collect())).samples
        return sample.value


CONNECT = "iterm-mcp/connect"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def wish(**params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": CONNECT, "method": CONNECT, "params": params}


async def wait_for_ever() -> str:
    """Wait."""
    await anyio.sleep_forever()
    return "never"


async def end_all() -> str:
    """End all."""
    return "ended"


@asynccontextmanager
async def opened() -> AsyncIterator[Line]:
    metrics = Metrics()
    rows = [ToolRow(wait_for_ever, "Wait", READS), ToolRow(end_all, "End", ENDS)]
    connected = Gauge("clients", "Clients.", registry=None)
    calls = Calls(metrics.tools)
    unix = UnixServer(build_server(rows, calls), connected, calls.clients)
    line = Line(connected)
    with anyio.fail_after(2 * SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(unix.serve, line.reader, cast("asyncio.StreamWriter", line.writer))
            yield line
            if not line.reader.at_eof():
                line.reader.feed_eof()
    assert line.writer.closed
    assert line.connected() == 0


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
WAIT = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {"name": "wait_for_ever", "arguments": {}},
}


async def test_a_client_is_greeted_and_counted_while_it_is_there() -> None:
    async with opened() as line:
        line.say(INITIALIZE)
        (answer,) = await line.hear(1)
        assert line.connected() == 1
    assert (answer["id"], answer["result"]["serverInfo"]["name"]) == (1, "iterm-mcp")


@pytest.mark.parametrize(
    ("said", "code", "request_id"),
    [
        (b"this is no JSON", PARSE_ERROR, None),
        (b"[" * 900, PARSE_ERROR, None),
        (b"\xff\xfe", PARSE_ERROR, None),
        (b"[]", INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","what":1}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":5,"method":7}', INVALID_REQUEST, 5),
        (b'{"jsonrpc":"2.0","id":"a","method":"x","params":"\\ud800"}', INVALID_REQUEST, "a"),
        (b'{"jsonrpc":"2.0","id":true,"method":7}', INVALID_REQUEST, None),
    ],
)
async def test_a_line_that_is_no_message_is_answered_to_whom_it_concerns(
    said: bytes, code: int, request_id: object
) -> None:
    async with opened() as line:
        line.say(said, INITIALIZE)
        complaint, greeting = await line.hear(2)
    assert (complaint["error"]["code"], complaint["id"]) == (code, request_id)
    assert greeting["id"] == 1


async def test_empty_lines_are_nothing() -> None:
    async with opened() as line:
        line.say(b"", b"  ", INITIALIZE)
        (greeting,) = await line.hear(1)
    assert greeting["id"] == 1


async def test_a_line_beyond_the_limit_ends_the_connection_with_a_reason() -> None:
    async with opened() as line:
        line.say(b"x" * (3 * LIMIT))
        (complaint,) = await line.hear(1)
        await eventually(lambda: line.writer.closed)
    assert complaint["error"]["code"] == PARSE_ERROR
    assert "at most" in complaint["error"]["message"]


async def test_a_client_that_hangs_up_amid_a_call_ends_that_call() -> None:
    async with opened() as line:
        line.say(INITIALIZE)
        await line.hear(1)
        line.say(INITIALIZED, WAIT)
        line.reader.feed_eof()
        await eventually(lambda: line.writer.closed)


async def test_a_client_that_no_longer_reads_is_let_go() -> None:
    async with opened() as line:
        line.writer.hung_up = True
        line.say(INITIALIZE)
        await eventually(lambda: line.writer.closed)


async def test_a_connection_that_breaks_is_let_go() -> None:
    async with opened() as line:
        line.say(INITIALIZE)
        await line.hear(1)
        line.reader.set_exception(ConnectionResetError())
        await eventually(lambda: line.writer.closed)


async def test_a_relay_may_say_first_what_its_client_may_do() -> None:
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "end_all"}}
    async with opened() as line:
        line.say(wish(tier="read"), INITIALIZE)
        granted, _ = await line.hear(2)
        assert granted["result"] == {"tier": "read", "tools": "all"}
        line.say({"jsonrpc": "2.0", "method": "notifications/initialized"}, call)
        *_, refused = await line.hear(3)
        assert refused["result"]["structuredContent"]["code"] == "tier_refused"


@pytest.mark.parametrize(
    "said", [wish(tier="root"), wish(teir="read"), wish(tools="dig"), wish() | {"params": 1}]
)
async def test_a_wish_that_means_nothing_ends_the_connection(said: object) -> None:
    async with opened() as line:
        line.say(said, INITIALIZE)
        await eventually(lambda: line.writer.closed)
        (answer,) = line.heard()
    assert (answer["id"], answer["error"]["code"]) == (CONNECT, INVALID_PARAMS)


async def test_later_it_is_too_late_to_wish() -> None:
    async with opened() as line:
        line.say(INITIALIZE)
        await line.hear(1)
        line.say(wish(tier="destructive"))
        _, answer = await line.hear(2)
    assert answer["id"] == CONNECT
    assert "error" in answer
