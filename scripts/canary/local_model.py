"""What the local stand-ins for models share: they are served, do what is ordered, and keep it."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeVar

from scripts.canary.directed_model import next_order

from iterm_mcp.testing.fake_agent.steps import in_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterm_mcp.testing.fake_agent.prompts import Call

Json = dict[str, Any]
Model = TypeVar("Model", bound="LocalModel")


class LocalModel:
    """Does what messages order, over HTTP.

    Attributes:
        base_url: Where it listens.
        prompts: What it was told, each text once for each turn that began with it or got it amid.
    """

    def __init__(self) -> None:
        self.base_url = ""
        self.prompts: list[str] = []
        self._lock = threading.Lock()

    def reply(self, path: str, request: Json) -> tuple[bytes, str]:
        """Return the answer to a request and its content type, after the time that was ordered."""
        raise NotImplementedError

    def play(self, said: Sequence[str], used: int) -> tuple[Call | None, str]:
        """Return the next tool call, or what is said; it takes the time that was ordered.

        Args:
            said: All that persons said in the conversation; the last text's orders are played.
            used: How many tools were used since then.
        """
        with self._lock:
            for text in said:
                if said.count(text) > self.prompts.count(text):
                    self.prompts.append(text)
        call, text, seconds = next_order(in_message(said[-1] if said else ""), used)
        if seconds:
            time.sleep(seconds)
        return call, text


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: LocalModel

    def log_message(self, *_: object) -> None:
        """Say nothing: the table is the output."""

    def _send(self, body: bytes, kind: str) -> None:
        with suppress(ConnectionError):  # an interrupted client does not wait for its answer
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_GET(self) -> None:
        self._send(b'{"data":[],"models":[]}', "application/json")

    def do_POST(self) -> None:
        body = self._body()
        self._send(*self.model.reply(self.path, json.loads(body or b"{}")))


@contextmanager
def serve_local(model: Model, path: str = "") -> Iterator[Model]:
    """Serve it on a free loopback port for the length of the block.

    Args:
        path: What its base URL ends with.
    """
    handler = type("_Bound", (_Handler,), {"model": model})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)  # noqa: TID251 - a script
    thread.start()
    model.base_url = f"http://127.0.0.1:{server.server_port}{path}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def events(lines: Sequence[str]) -> tuple[bytes, str]:
    """Return a stream of server-sent events and its content type."""
    return "".join(lines).encode(), "text/event-stream"
