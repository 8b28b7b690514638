"""A client of the host that speaks bare messages, and so can say what the library cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from iterm2 import api_pb2
from tests.integration.host.shown import record
from websockets.asyncio.client import ClientConnection, unix_connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from google.protobuf.message import Message
    from tests.integration.homes import Home

    from iterm_mcp.paths import Paths

SECONDS = 10.0
SCRIPT_SECONDS = 30.0

_FIELDS = {
    str(field.message_type and field.message_type.name): field.name
    for field in api_pb2.ClientOriginatedMessage.DESCRIPTOR.oneofs_by_name["submessage"].fields
}
"""The name of the field that carries a kind of request."""


class HasPaths(Protocol):
    """A home, whoever made it."""

    @property
    def paths(self) -> Paths: ...


class WireClient:
    """One connection. Requests are answered in order; notifications wait until asked for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._notifications: list[api_pb2.Notification] = []
        self._next_id = 0

    async def receive(self) -> api_pb2.ServerOriginatedMessage:
        with anyio.fail_after(SECONDS):
            data = await self.socket.recv()
        assert isinstance(data, bytes)
        message = api_pb2.ServerOriginatedMessage()
        message.ParseFromString(data)
        record(message)
        return message

    async def send(self, request: Message) -> int:
        self._next_id += 1
        message = api_pb2.ClientOriginatedMessage(id=self._next_id)
        field = getattr(message, _FIELDS[request.DESCRIPTOR.name])
        field.CopyFrom(request)
        field.SetInParent()
        await self.socket.send(message.SerializeToString())
        return self._next_id

    async def whole_answer(self, number: int) -> api_pb2.ServerOriginatedMessage:
        """Return the answer to a request, whatever kind it is."""
        while True:
            message = await self.receive()
            if message.WhichOneof("submessage") == "notification":
                self._notifications.append(message.notification)
                continue
            assert message.id == number
            return message

    async def ask(self, request: Message) -> Any:  # noqa: ANN401 - the response's own type
        """Return the response to a request."""
        message = await self.whole_answer(await self.send(request))
        kind = message.WhichOneof("submessage")
        assert kind not in {None, "error"}, message
        return getattr(message, str(kind))

    async def notified(self, accept: Callable[[Any], object], kind: str) -> Any:  # noqa: ANN401
        """Return the first notification of a kind that is accepted; later ones stay."""
        while True:
            for index, one in enumerate(self._notifications):
                found = getattr(one, kind)
                if _has(one, kind) and accept(found):
                    del self._notifications[: index + 1]
                    return found
            self._notifications.clear()
            message = await self.receive()
            assert message.WhichOneof("submessage") == "notification", message
            self._notifications.append(message.notification)

    def seen(self, kind: str) -> list[Any]:
        """Return the notifications of a kind that came in while answers were awaited."""
        return [getattr(one, kind) for one in self._notifications if _has(one, kind)]

    # What most tests begin with.

    async def open_window(self, command: str = "/bin/cat", **properties: str) -> Any:  # noqa: ANN401
        """Open a window with a program in it; return the response."""
        custom = {"Custom Command": '"Yes"', "Command": f'"{command}"', **properties}
        response = await self.ask(
            api_pb2.CreateTabRequest(
                custom_profile_properties=[
                    api_pb2.ProfileProperty(key=key, json_value=value)
                    for key, value in custom.items()
                ]
            )
        )
        assert response.status == response.OK
        return response

    async def text(self, session_id: str, lines: int | None = None) -> list[str]:
        """Return the screen's lines, or the last so many with the history."""
        asked = api_pb2.LineRange(screen_contents_only=True)
        if lines is not None:
            asked = api_pb2.LineRange(trailing_lines=lines)
        response = await self.ask(api_pb2.GetBufferRequest(session=session_id, line_range=asked))
        return [line.text for line in response.contents]

    async def feed(self, session_id: str, data: bytes) -> None:
        """Show bytes in a session, as if its program had printed them."""
        response = await self.ask(api_pb2.InjectRequest(session_id=[session_id], data=data))
        assert list(response.status) == [response.OK]


def _has(notification: api_pb2.Notification, kind: str) -> bool:
    return kind in {field.name for field, _ in notification.ListFields()}


def headers(home: HasPaths, **changed: str | None) -> dict[str, str]:
    """Return the headers that a good client shows, with some changed or, by None, left out."""
    cookie = Path(home.paths.host_cookie).read_text("ascii").strip()
    good: dict[str, str | None] = {
        "Origin": "ws://localhost/",
        "X-iTerm2-Library-Version": "python 2.30",
        "X-iTerm2-Disable-Auth-UI": "true",
        "X-iTerm2-Cookie": cookie,
    }
    return {key: value for key, value in {**good, **changed}.items() if value is not None}


async def printed_environment(home: Home) -> dict[str, str]:
    """Return all that a script gets: what ``iterm-mcp host env`` prints, HOME and PATH."""
    printed = await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "host", "env", "--json"], env=home.environ
    )
    environ: dict[str, str] = json.loads(printed.stdout)
    return environ | {"HOME": home.environ["HOME"], "PATH": os.environ["PATH"]}


async def run_script(home: Home, file: str, name: str) -> None:
    """Run an unmodified script in a process of its own, with what is printed for it alone."""
    environ = await printed_environment(home)
    with anyio.fail_after(SCRIPT_SECONDS):
        done = await anyio.run_process(
            [sys.executable, file, name], env=environ, check=False, stderr=subprocess.STDOUT
        )
    assert done.returncode == 0, done.stdout.decode()


@asynccontextmanager
async def open_wire(home: HasPaths) -> AsyncIterator[WireClient]:
    """Connect to the running host of a home."""
    async with unix_connect(
        home.paths.host_socket,
        uri="ws://localhost/",
        additional_headers=headers(home),
        subprotocols=["api.iterm2.com"],
        compression=None,
        max_size=None,
        ping_interval=None,
    ) as socket:
        yield WireClient(socket)
