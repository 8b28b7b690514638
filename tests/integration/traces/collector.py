"""A collector that takes OTLP over HTTP, and keeps what it was sent."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread  # noqa: TID251 - it serves for the length of a block
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A span as it was sent; times are nanoseconds."""

    name: str
    trace: str
    span: str
    parent: str
    kind: int
    began: int
    ended: int
    failed: bool
    attributes: dict[str, Any]
    marks: tuple[str, ...]
    resource: dict[str, Any]
    state: str


@dataclass(slots=True)
class Collector:
    """What was sent.

    Attributes:
        status: What requests are answered with.
        requests: How many there were.
    """

    url: str = ""
    status: int = 200
    requests: int = 0
    spans: list[Taken] = field(default_factory=list)

    def named(self, name: str, **attributes: Any) -> list[Taken]:  # noqa: ANN401
        """Return the spans of a name, and with these attributes, dots written as underscores."""
        return [
            one
            for one in self.spans
            if one.name == name
            and all(
                any(key.replace(".", "_") == wanted and have == value
                    for key, have in one.attributes.items())
                for wanted, value in attributes.items()
            )
        ]  # fmt: skip

    async def one(self, name: str, **attributes: Any) -> Taken:  # noqa: ANN401
        """Wait for the one span of a name."""
        found = await eventually(
            lambda: self.named(name, **attributes), bool, within_seconds=SECONDS
        )
        assert len(found) == 1, [(one.name, one.attributes) for one in found]
        return found[0]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Serve a collector on a free port for the length of the block."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.requests += 1
            if collector.status == 200 and self.path == "/v1/traces":
                collector.spans += _read(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(collector.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _read(body: bytes) -> list[Taken]:
    return [
        Taken(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == 2,
            _values(span.attributes),
            tuple(one.name for one in span.events),
            _values(one.resource.attributes),
            span.trace_state,
        )
        for one in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:  # noqa: ANN401 - of a generated module
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in attributes}
