"""A local stand-in for a model: it plays scripted turns over Anthropic's messages API.

Only what Claude Code needs: ``POST /v1/messages`` with server-sent events. It shows what a model
would have seen, which is what acceptance is about.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, TypeVar

from scripts.acceptance.pictures import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Turn = Callable[[list[str]], "tuple[str, dict[str, Any]] | None"]
    """From the tool results so far to the next call; None says that all is done."""

Model = TypeVar("Model", bound="ScriptedModel")
Event = tuple[str, dict[str, Any]]
LAST_WORDS = "All done."


@dataclass
class ScriptedModel:
    """Plays a script, and remembers what it was shown.

    Attributes:
        turn: Chooses the next tool call.
        results: The tool results that came back, in order.
        base_url: Where it listens.
    """

    turn: Turn
    results: list[str] = field(default_factory=list)
    base_url: str = ""

    def answer(self, request: dict[str, Any]) -> list[Event]:
        """Return the events of the next turn of a conversation."""
        call = None
        if request.get("tools"):  # a request without tools asks for a title or a summary
            self.results = tool_results(request.get("messages", []))
            call = self.turn(self.results)
        model = str(request.get("model", "scripted"))
        if call is None:
            words = {"type": "text_delta", "text": LAST_WORDS}
            return message_events(model, {"type": "text", "text": ""}, words, "end_turn")
        name, arguments = call
        block = {
            "type": "tool_use",
            "id": f"toolu_{len(self.results):04d}",
            "name": name,
            "input": {},
        }
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        return message_events(model, block, delta, "tool_use")


def tool_results(messages: list[dict[str, Any]]) -> list[str]:
    """Return all tool results in a conversation as text; what a picture shows is put in words."""
    return [
        _flat(block.get("content"))
        for message in messages
        for block in (message["content"] if isinstance(message.get("content"), list) else [])
        if block.get("type") == "tool_result"
    ]


def _flat(content: object) -> str:
    if isinstance(content, list):
        return "".join(_said(one) for one in content if isinstance(one, dict))
    return str(content or "")


def _said(block: dict[str, Any]) -> str:
    if block.get("type") == "image":
        source = block.get("source", {})
        return describe(str(source.get("media_type")), str(source.get("data", "")))
    return str(block.get("text", ""))


def message_events(
    model: str, block: dict[str, Any], delta: dict[str, Any], stop_reason: str
) -> list[Event]:
    """Return the events of one whole answer with one block."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": f"msg_{monotonic_ns()}",  # those with the same id are taken for one message
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    end = {"stop_reason": stop_reason, "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": usage},
        {"type": "message_stop"},
    ]
    return [(str(one["type"]), one) for one in events]


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing: the table is the output."""

        def _send(self, body: bytes, kind: str = "application/json") -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            with suppress(ConnectionError):  # an interrupted client does not wait for its answer
                self.end_headers()
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self._send(b"")

        def do_GET(self) -> None:
            self._send(b'{"data":[]}')

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if "/v1/messages" not in self.path:
                self._send(b"{}")
            elif "count_tokens" in self.path:
                self._send(b'{"input_tokens":1}')
            else:
                events = model.answer(json.loads(body))
                text = "".join(
                    f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events
                )
                self._send(text.encode(), "text/event-stream")

    return Handler


def serve(turn: Turn) -> AbstractContextManager[ScriptedModel]:
    """Serve a script on a free loopback port for the length of the block."""
    return serve_model(ScriptedModel(turn))


@contextmanager
def serve_model(model: Model) -> Iterator[Model]:
    """Serve a model of one's own in the same way."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(model))
    model.base_url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)  # noqa: TID251 - a script
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
