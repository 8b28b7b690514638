"""A local stand-in for Gemini's API: it says what messages order, in the time ordered."""

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

USAGE = {"promptTokenCount": 1, "candidatesTokenCount": 5, "totalTokenCount": 6}


def last_text(request: dict[str, Any]) -> str:
    """Return what the person said last."""
    said = [one for one in request.get("contents", []) if one.get("role") == "user"]
    parts = said[-1].get("parts", []) if said else []
    return "".join(str(part.get("text", "")) for part in parts)


def answer(text: str) -> dict[str, Any]:
    """Return an answer of the model."""
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": USAGE,
        "modelVersion": "scripted",
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, body: bytes, kind: str) -> None:
        with suppress(ConnectionError):  # an interrupted client does not wait for its answer
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_GET(self) -> None:
        self._send(b"{}", "application/json")

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if "countTokens" in self.path:
            self._send(b'{"totalTokens": 6}', "application/json")
        elif "alt=sse" in self.path:
            _call, text, seconds = play(in_message(last_text(request)), 0)
            time.sleep(seconds)
            body = f"data: {json.dumps(answer(text))}\r\n\r\n"
            self._send(body.encode(), "text/event-stream")
        else:  # a side question, such as which model should answer
            self._send(json.dumps(answer("{}")).encode(), "application/json")


@contextmanager
def serve_gemini() -> Iterator[str]:
    """Serve it on a free loopback port for the length of the block; give its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)  # noqa: TID251 - a script
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
