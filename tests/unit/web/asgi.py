"""Asks an ASGI application as a server would, without a socket, with any headers at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Scope

SECONDS = 30  # a bound, also for the first who asks on a busy machine
HOST = "127.0.0.1:7717"


@dataclass
class Answer:
    """What the application sent, and what it raised after that."""

    kinds: list[str] = field(default_factory=list)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    crash: Exception | None = None

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def error_code(self) -> str:
        return str(self.json()["error"]["code"])


async def ask(
    app: ASGIApp,
    path: str,
    *headers: tuple[str, str],
    method: str = "GET",
    kind: str = "http",
    host: str | None = HOST,
    token: str | None = None,
    body: bytes = b"",
    query: bytes = b"",
) -> Answer:
    given = [*headers]
    given += [("host", host)] if host is not None else []
    given += [("authorization", f"Bearer {token}")] if token is not None else []
    scope: Scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 7717),
        "extensions": {"websocket.http.response": {}},
        "subprotocols": [],
    }
    answer = Answer()

    async def receive() -> Message:
        await checkpoint()
        if kind == "websocket":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        await checkpoint()
        answer.kinds.append(message["type"])
        if message["type"].endswith("http.response.start"):
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        answer.body += message.get("body", b"")

    async def serve() -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - a server would log it and go on
            answer.crash = error

    with anyio.fail_after(SECONDS):
        # As a server gives each request a task, what one sets for itself is no other's.
        async with anyio.create_task_group() as group:
            group.start_soon(serve)
    return answer
