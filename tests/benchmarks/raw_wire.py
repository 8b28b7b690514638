"""The host's API over a bare socket, as tmux is spoken to: no event loop, no library between."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from iterm2 import api_pb2
from tests.integration.host.wire_client import headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message
    from tests.integration.host.wire_client import HasPaths

SECONDS = 60.0
SHORT, LONG = 126, 127  # lengths that say how many bytes of length follow
NO_MASK = bytes(4)  # a mask of zeros leaves what is sent as it is

_FIELDS = {
    str(field.message_type and field.message_type.name): field.name
    for field in api_pb2.ClientOriginatedMessage.DESCRIPTOR.oneofs_by_name["submessage"].fields
}


class RawWire:
    """One connection. Requests are answered in order."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = bytearray()
        self._next_id = 0

    def encode(self, request: Message) -> bytes:
        """Return a request as it goes over the socket."""
        self._next_id += 1
        message = api_pb2.ClientOriginatedMessage(id=self._next_id)
        field = getattr(message, _FIELDS[request.DESCRIPTOR.name])
        field.CopyFrom(request)
        field.SetInParent()
        data = message.SerializeToString()
        if len(data) < SHORT:
            head = bytes((0x82, 0x80 | len(data)))
        else:
            head = struct.pack("!BBH", 0x82, 0x80 | SHORT, len(data))
        return head + NO_MASK + data

    def send(self, frame: bytes) -> None:
        self._socket.sendall(frame)

    def receive(self) -> bytes:
        """Return the next message."""
        self._fill(2)
        size, start = self._rest[1] & 0x7F, 2
        if size == SHORT:
            self._fill(4)
            size, start = int.from_bytes(self._rest[2:4], "big"), 4
        elif size == LONG:
            self._fill(10)
            size, start = int.from_bytes(self._rest[2:10], "big"), 10
        self._fill(start + size)
        data = bytes(self._rest[start : start + size])
        del self._rest[: start + size]
        return data

    def answer(self) -> api_pb2.ServerOriginatedMessage:
        """Return the next message that is no notification."""
        while True:
            message = api_pb2.ServerOriginatedMessage.FromString(self.receive())
            if message.WhichOneof("submessage") != "notification":
                return message

    def drain(self) -> None:
        """Throw away what has come in; for use when no answer is awaited."""
        while select.select([self._socket], [], [], 0)[0]:
            self.receive()
        while self._rest:
            self.receive()

    def wait_for_screen(self, session_id: str) -> None:
        """Read until a session's screen is said to have changed."""
        told = None
        while told != session_id:
            message = api_pb2.ServerOriginatedMessage.FromString(self.receive())
            told = message.notification.screen_update_notification.session

    def ask(self, request: Message) -> Any:  # noqa: ANN401 - the response's own type
        """Return the response to a request."""
        self.send(self.encode(request))
        message = self.answer()
        kind = message.WhichOneof("submessage")
        assert kind not in {None, "error"}, message
        return getattr(message, str(kind))

    def exchange(self, request: Message) -> bytes:
        """Return the answer to a request as it comes; only where nothing is subscribed to."""
        self.send(self.encode(request))
        return self.receive()

    def open_window(self, command: str) -> Any:  # noqa: ANN401 - the response's own type
        """Open a window with a program in it; return the response."""
        custom = {"Custom Command": '"Yes"', "Command": json.dumps(command), "Rows": "24"}
        return self.ask(
            api_pb2.CreateTabRequest(
                custom_profile_properties=[
                    api_pb2.ProfileProperty(key=key, json_value=value)
                    for key, value in custom.items()
                ]
            )
        )

    def close(self, window_ids: list[str]) -> None:
        """Close windows."""
        close = api_pb2.CloseRequest
        self.ask(close(windows=close.CloseWindows(window_ids=window_ids), force=True))

    def text(self, session_id: str, lines: int | None = None) -> list[str]:
        """Return the screen's lines, or the last so many with the history."""
        asked = api_pb2.LineRange(screen_contents_only=True)
        if lines is not None:
            asked = api_pb2.LineRange(trailing_lines=lines)
        response = self.ask(api_pb2.GetBufferRequest(session=session_id, line_range=asked))
        return [line.text for line in response.contents]

    def last_line(self, session_id: str) -> int:
        """Return the number of the line below the screen."""
        asked = api_pb2.LineRange(screen_contents_only=True)
        response = self.ask(api_pb2.GetBufferRequest(session=session_id, line_range=asked))
        return int(response.windowed_coord_range.coord_range.end.y)

    def _fill(self, size: int) -> None:
        while len(self._rest) < size:
            data = self._socket.recv(1 << 16)
            assert data, "the host has gone"
            self._rest += data


@contextmanager
def open_raw_wire(home: HasPaths) -> Iterator[RawWire]:
    """Connect to the running host of a home."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(os.fspath(home.paths.host_socket))
        lines = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "api.iterm2.com",
            **headers(home),
        }
        written = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        connection.sendall(f"GET / HTTP/1.1\r\n{written}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(1)
        assert b" 101 " in answer.partition(b"\r\n")[0], answer
        yield RawWire(connection)
