"""Ends to which metrics are exported: a UDP or unix socket, and a collector over HTTP."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class DatagramSink:
    """Reads datagrams that have come, without waiting."""

    def __init__(self, taken: socket.socket) -> None:
        taken.setblocking(False)  # noqa: FBT003 - the library's own
        self.socket = taken
        self.sizes: list[int] = []
        self.lines: list[str] = []

    def read(self) -> list[str]:
        """Return all lines that have come so far."""
        while True:
            try:
                body = self.socket.recv(65536)
            except BlockingIOError:
                return self.lines
            self.sizes.append(len(body))
            self.lines += body.decode().split("\n")

    def sum_of(self, start: str) -> float:
        """Return what counters have grown by whose lines begin so."""
        grown = [line.partition("|c") for line in self.read() if line.startswith(start)]
        return sum(float(head.rpartition(":")[2]) for head, counter, _ in grown if counter)


@contextmanager
def udp_sink() -> Iterator[tuple[DatagramSink, str]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield DatagramSink(taken), f"127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def unix_sink(path: str) -> Iterator[DatagramSink]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taken:
        taken.bind(path)
        yield DatagramSink(taken)


@dataclass
class Collected:
    """What a collector was sent, and how it answers."""

    url: str = ""
    exports: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    """Given one after the other; then 200."""

    def value(self, name: str, which: int = -1) -> float:
        """Return the sum of a metric's points in an export."""
        scopes = self.exports[which]["resourceMetrics"][0]["scopeMetrics"]
        metrics = {one["name"]: one for scope in scopes for one in scope["metrics"]}
        data = metrics[name].get("sum") or metrics[name]["gauge"]
        return float(sum(point["asDouble"] for point in data["dataPoints"]))


@contextmanager
def collector() -> Iterator[Collected]:
    """Run a collector that takes OTLP in JSON."""
    collected = Collected()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/metrics"
            collected.headers.append({name.lower(): one for name, one in self.headers.items()})
            status, headers, told = 200, dict[str, str](), b"{}"
            if collected.answers:
                status, headers, told = collected.answers.pop(0)
            collected.exports.append(json.loads(body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collected.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, args=(0.02,))  # noqa: TID251 - a stranger's server
    serving.start()
    try:
        yield collected
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
