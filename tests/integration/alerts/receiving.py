"""A server of the tests that takes webhooks or mails, and answers as told."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream


@dataclass
class Sink:
    """A server that takes one request a connection, and answers as told."""

    port: int = 0
    answers: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            data = b""
            while b"\r\n\r\n" not in data:
                data += await stream.receive()
            head, _, body = data.partition(b"\r\n\r\n")
            line, *rest = head.decode().split("\r\n")
            headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in rest)}
            while len(body) < int(headers["content-length"]):
                body += await stream.receive()
            self.lines.append(line)
            self.heads.append(headers)
            self.bodies.append(body)
            answer = self.answers.pop(0) if self.answers else "200 OK"
            await stream.send(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())

    async def mail(self, stream: SocketStream) -> None:
        async with stream:
            await stream.send(b"220 here\r\n")
            data = b""
            async for part in stream:
                data += part
                while b"\r\n" in data:
                    line, _, data = data.partition(b"\r\n")
                    self.lines.append(line.decode())
                    word = line[:4].upper()
                    if line == b".":
                        await stream.send(b"250 taken\r\n")
                    elif word == b"DATA":
                        await stream.send(b"354 go on\r\n")
                    elif word == b"QUIT":
                        return
                    elif word in {b"EHLO", b"MAIL", b"RCPT", b"RSET"}:
                        answer = self.answers.pop(0) if self.answers else "250 well"
                        await stream.send(f"{answer}\r\n".encode())


@asynccontextmanager
async def served(*, mail: bool = False, seconds: float = 30) -> AsyncIterator[Sink]:
    sink = Sink()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    sink.port = listener.extra(anyio.abc.SocketAttribute.local_port)
    with anyio.fail_after(seconds):
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, sink.mail if mail else sink.serve)
            yield sink
            group.cancel_scope.cancel()
