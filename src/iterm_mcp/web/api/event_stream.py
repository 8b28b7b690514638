"""Events sent as they come, to a client that may be slow or gone."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
from pydantic_core import to_json
from starlette.responses import Response

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.services.events.answers import event_answer
from iterm_mcp.web.errors import overloaded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from anyio.abc import ObjectSendStream
    from starlette.types import Receive, Scope, Send

    from iterm_mcp.services.events.following import Told

MOST_STREAMS = 100
HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 30.0
"""Who reads nothing for so long is let go, and may come back with the last number."""
RETRY_MILLISECONDS = 2000
PART_BYTES = 65_536
"""What is sent at once, if no event is larger; a slow reader has `SEND_SECONDS` for each."""


class Streams:
    """Counts the streams under way."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self.most = most
        self.running = 0


class EventStreamResponse(Response):
    """A stream of events; holds no more than one batch for a reader, however slow."""

    def __init__(
        self,
        streams: Streams,
        first: Told,
        source: AsyncGenerator[Told, None],
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._streams = streams
        self._first = first
        self._source = source
        self._heartbeat_seconds = heartbeat_seconds
        self._send_seconds = send_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client hangs up, reads no more, or the store closes."""
        async with aclosing(self._source):
            if self._streams.running >= self._streams.most:
                await overloaded(scope, "There are too many streams at once.")(scope, receive, send)
                return
            self._streams.running += 1
            try:
                await self._stream(receive, send)
            finally:
                self._streams.running -= 1

    async def _stream(self, receive: Receive, send: Send) -> None:
        headers = [one for one in self.raw_headers if one[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        outlet, inlet = anyio.create_memory_object_stream[bytes](0)
        async with anyio.create_task_group() as group, inlet, outlet:
            group.start_soon(_until_hung_up, receive, group.cancel_scope)
            group.start_soon(self._produce, outlet)
            ended = False
            while not ended:
                part = b": beat\n\n"
                with anyio.move_on_after(self._heartbeat_seconds):
                    try:
                        part = await inlet.receive()
                    except anyio.EndOfStream:
                        ended, part = True, b""
                with anyio.move_on_after(self._send_seconds) as patience:
                    await send({"type": "http.response.body", "body": part, "more_body": not ended})
                ended = ended or patience.cancelled_caught
            group.cancel_scope.cancel()

    async def _produce(self, outlet: ObjectSendStream[bytes]) -> None:
        async with outlet:
            await outlet.send(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
            for part in _parts(self._first):
                await outlet.send(part)
            number = self._first.number  # as its id, so that who saw nothing else comes back here
            live = to_json({"number": number})
            await outlet.send(b"id: %d\nevent: live\ndata: %b\n\n" % (number, live))
            try:
                async for told in self._source:
                    for part in _parts(told):
                        await outlet.send(part)
            except ItermMcpError as error:
                failed = to_json({"code": error.code, "message": str(error), "hint": error.hint})
                await outlet.send(b"event: error\ndata: " + failed + b"\n\n")


def _parts(told: Told) -> Iterator[bytes]:
    """Yield events as they are sent, some at a time: a few may be as large as many others."""
    part = bytearray()
    for one in told.events:
        part += b"id: %d\nevent: event\ndata: %b\n\n" % (one.number, to_json(event_answer(one)))
        if len(part) >= PART_BYTES:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)


async def _until_hung_up(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
