"""Who does not read the live stream costs little, and misses nothing when it comes back."""

from __future__ import annotations

import gc
import re
import socket
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.routing import Route
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Event, EventKind
from iterm_mcp.services.events.following import follow_events
from iterm_mcp.store.events import open_event_store
from iterm_mcp.store.events.recent import MAX_EVENTS
from iterm_mcp.web.api.event_stream import EventStreamResponse, Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from iterm_mcp.store.events import EventStore

pytestmark = [pytest.mark.headless, pytest.mark.timeout(900)]

READERS = 50
BATCH = 1000
WARM = 3000
SECONDS = 300.0
TEXT = "what a tool printed, and what nobody reads for now " * 12
SHORT, LONG = 3.0, 900.0
"""How long a reader may read nothing."""
MOST_BYTES = 3 << 20
"""Of a reader that reads nothing; 100 000 events would be thirty times as much."""
WHOLE = re.compile(rb"^id: (\d+)\nevent: event\ndata: [^\n]*\n\n", re.MULTILINE)
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """A store, and its stream served on a socket of this machine."""

    def __init__(self, store: EventStore, streams: Streams, port: int) -> None:
        self.store = store
        self.streams = streams
        self.port = port
        self.kept = 0

    async def keep(self, count: int) -> None:
        for start in range(self.kept, self.kept + count, BATCH):
            await self.store.append([
                Event(
                    f"k/{number}", AT + timedelta(milliseconds=number), EventKind.LOG_REPORTED,
                    "test", str(number), TEXT,
                )
                for number in range(start, start + BATCH)
            ])  # fmt: skip
        self.kept += count

    def connect(self, after: int) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        made.settimeout(SECONDS)
        made.connect(("127.0.0.1", self.port))
        made.sendall(f"GET /?after={after} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        return made

    async def wait_running(self, count: int) -> None:
        await eventually(lambda: self.streams.running, lambda now: now == count, within_seconds=60)


@asynccontextmanager
async def open_desk(folder: Path, send_seconds: float) -> AsyncIterator[Desk]:
    streams = Streams()
    async with open_event_store(str(folder), SystemClock()) as store:

        async def follow(request: Request) -> Response:
            after = int(request.query_params["after"])
            source = follow_events(store, EventQuery(), after=after, snapshot=0)
            first = await anext(source)
            return EventStreamResponse(streams, first, source, send_seconds=send_seconds)

        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        config = uvicorn.Config(
            Starlette(routes=[Route("/", follow)]), log_config=None, lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as group:
            group.start_soon(server._serve, [listening])
            yield Desk(store, streams, listening.getsockname()[1])
            server.should_exit = True
        listening.close()


def memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def numbers_in(made: socket.socket, until: int) -> list[int]:
    """Read to the end, or until a number was told; return the numbers of all whole events."""
    told, looked = bytearray(), 0
    last = re.compile(rb"^id: %d\nevent: event\ndata: [^\n]*\n\n" % until, re.MULTILINE)
    while piece := made.recv(1 << 20):
        told += piece
        if last.search(told, looked):
            break
        looked = max(told.rfind(b"\nid: "), 0)
    return [int(one) for one in WHOLE.findall(told)]


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        pytest.param(5_000, SHORT, id="5000, let go"),
        pytest.param(100_000, LONG, id="100000, held", marks=pytest.mark.long),
    ],
)
async def test_who_reads_nothing_costs_little_and_misses_nothing(
    count: int, seconds: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_desk(tmp_path, seconds) as desk:
        await desk.keep(WARM)
        before = memory()
        readers = [desk.connect(WARM) for _ in range(READERS)]
        try:
            await desk.wait_running(READERS)
            peak, queued = before, 0
            for _ in range(count // BATCH):
                await desk.keep(BATCH)
                peak = max(peak, memory())
                queued = max(queued, len(desk.store._recent._events))
            each = (peak - before) // READERS
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{count} events, {READERS} readers that read nothing: at most "
                    f"{each / 1024:.0f} KiB each; {queued} events in memory for all\n"
                )
            assert queued <= MAX_EVENTS
            assert each < MOST_BYTES
            await desk.wait_running(0 if seconds == SHORT else READERS)

            seen = await to_thread.run_sync(numbers_in, readers[0], WARM + count // 2)
            readers[0].close()
            again = desk.connect(seen[-1])
            readers.append(again)
            seen += await to_thread.run_sync(numbers_in, again, desk.kept)
            assert seen == list(range(WARM + 1, desk.kept + 1))
        finally:
            for one in readers:
                one.close()
        await desk.wait_running(0)
