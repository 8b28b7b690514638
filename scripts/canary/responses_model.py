"""A local stand-in for OpenAI's responses API: it says what messages order, in the time ordered."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from scripts.canary.directed_model import play

from iterm_mcp.testing.fake_agent.steps import in_message

if TYPE_CHECKING:
    from collections.abc import Iterator

USAGE = {
    "input_tokens": 1,
    "input_tokens_details": None,
    "output_tokens": 5,
    "output_tokens_details": None,
    "total_tokens": 6,
}


def last_text(request: dict[str, Any]) -> str:
    """Return what the person said last."""
    said = [one for one in request.get("input", []) if one.get("role") == "user"]
    blocks = said[-1].get("content", []) if said else []
    return "".join(str(block.get("text", "")) for block in blocks)


def answer_events(text: str) -> list[dict[str, Any]]:
    """Return the events of one answer."""
    number = time.monotonic_ns()
    item = {
        "type": "message",
        "id": f"msg_{number}",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
    }
    return [
        {"type": "response.created", "response": {"id": f"resp_{number}"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": f"resp_{number}", "usage": USAGE}},
    ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing: the table is the output."""

    def _send(self, body: bytes, kind: str) -> None:
        with suppress(ConnectionError):  # an interrupted client does not wait for its answer
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_GET(self) -> None:
        self._send(b'{"data":[],"models":[]}', "application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        _call, text, seconds = play(in_message(last_text(json.loads(body))), 0)
        time.sleep(seconds)
        events = answer_events(text)
        lines = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events]
        self._send("".join(lines).encode(), "text/event-stream")


@contextmanager
def serve_responses() -> Iterator[str]:
    """Serve it on a free loopback port for the length of the block; give its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)  # noqa: TID251 - a script
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
