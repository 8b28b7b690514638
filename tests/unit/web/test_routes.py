"""What is answered over HTTP: the application behind its gate, asked without a socket."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.web.asgi import Answer, ask

from iterm_mcp import __version__
from iterm_mcp.telemetry import Metrics
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.server import build_server
from iterm_mcp.web.routes import open_web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Scope

TOKEN = "right-token"


@dataclass
class Readiness:
    """Ready or not, as the test says; an error is raised."""

    why_not: list[str] = field(default_factory=list)
    bug: Exception | None = None

    def problems(self) -> list[str]:
        if self.bug:
            raise self.bug
        return self.why_not


@dataclass
class Web:
    app: ASGIApp
    metrics: Metrics
    readiness: Readiness

    async def get(self, path: str, *headers: tuple[str, str], method: str = "GET") -> Answer:
        return await ask(self.app, path, *headers, method=method, token=TOKEN)

    def counted(self) -> dict[tuple[str, str], float]:
        """Return how many requests were counted, by route and status."""
        return {
            (sample.labels["route"], sample.labels["status"]): sample.value
            for family in self.metrics.http_requests.collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        }


@asynccontextmanager
async def open_pages() -> AsyncIterator[Web]:
    metrics, readiness = Metrics(), Readiness()
    calls = Calls(metrics.tools)
    server = build_server([], calls)
    enter = calls.clients.enter_http
    async with open_web(server, metrics, readiness, TOKEN, enter) as app:
        yield Web(app, metrics, readiness)


async def test_health_says_that_we_live_and_which_we_are() -> None:
    async with open_pages() as web:
        answer = await ask(web.app, "/healthz")
    assert (answer.status, answer.json()) == (200, {"status": "ok", "version": __version__})


async def test_readiness_needs_no_token_and_says_why_not() -> None:
    async with open_pages() as web:
        ready = await ask(web.app, "/readyz")
        web.readiness.why_not.append("no terminal is connected yet")
        unready = await ask(web.app, "/readyz")
    assert (ready.status, ready.json()) == (200, {"status": "ready", "problems": []})
    assert unready.status == 503
    assert unready.json() == {"status": "unready", "problems": ["no terminal is connected yet"]}


async def test_metrics_are_read_with_the_token_alone() -> None:
    async with open_pages() as web:
        without = await ask(web.app, "/metrics")
        wrong = await ask(web.app, "/metrics", token="wrong-token")
        right = await web.get("/metrics")
    assert (without.status, wrong.status, right.status) == (401, 401, 200)
    names = {family.name for family in text_string_to_metric_families(right.body.decode())}
    assert {"iterm_mcp_build_info", "iterm_mcp_http_requests", "process_open_fds"} <= names


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("text/plain", "text/plain"),
        ("*/*", "text/plain"),
    ],
)
async def test_metrics_come_in_the_format_that_the_scraper_reads(accept: str, kind: str) -> None:
    async with open_pages() as web:
        answer = await web.get("/metrics", ("accept", accept))
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [("/nowhere", "GET", 404, "not_found"), ("/metrics", "POST", 405, "method_not_allowed")],
)
async def test_what_cannot_be_had_is_an_error_of_the_one_shape(
    path: str, method: str, status: int, code: str
) -> None:
    async with open_pages() as web:
        answer = await web.get(path, method=method)
    assert (answer.status, answer.error_code()) == (status, code)
    assert set(answer.json()["error"]) == {"code", "message"}


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    async with open_pages() as web:
        answer = await web.get("/metrics", method="POST")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_a_bug_is_an_error_of_the_same_shape_with_nothing_of_it_told() -> None:
    async with open_pages() as web:
        web.readiness.bug = RuntimeError("the secret inside")
        answer = await ask(web.app, "/readyz")
        web.readiness.bug = None
        after = await ask(web.app, "/readyz")
    assert (answer.status, answer.error_code()) == (500, "internal")
    assert answer.json()["error"]["message"].startswith("internal error ")
    assert "secret" not in answer.body.decode()
    assert answer.crash is not None  # the server logs it too
    assert after.status == 200


async def test_requests_are_counted_by_route_and_status_refused_ones_too() -> None:
    async with open_pages() as web:
        await ask(web.app, "/healthz")
        await web.get("/metrics")
        await ask(web.app, "/metrics")
        await ask(web.app, "/metrics", host="evil.example", token=TOKEN)
        counted = web.counted()
    assert counted == {
        ("/healthz", "200"): 1,
        ("/metrics", "200"): 1,
        ("/metrics", "401"): 1,
        ("/metrics", "421"): 1,
    }


async def test_however_many_paths_are_tried_they_are_one_series() -> None:
    async with open_pages() as web:
        for number in range(50):
            await web.get(f"/{number}/")
        counted = web.counted()
    assert counted == {("other", "404"): 50}


INITIALIZE = json.dumps({
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}).encode()  # fmt: skip
MCP_HEADERS = [
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
]


async def test_mcp_is_behind_the_gate_and_answers_with_the_token() -> None:
    async with open_pages() as web:
        refused = await ask(web.app, "/mcp", *MCP_HEADERS, method="POST", body=INITIALIZE)
        answer = await ask(
            web.app, "/mcp", *MCP_HEADERS, method="POST", body=INITIALIZE, token=TOKEN
        )
    assert refused.status == 401
    assert answer.status == 200
    assert b'"serverInfo":{"name":"iterm-mcp"' in answer.body


@pytest.mark.parametrize(
    ("query", "status"),
    [(b"tier=read&tools=all", 200), (b"tier=root", 400), (b"teir=read", 400), (b"tools=x", 400)],
)
async def test_what_a_client_may_do_stands_in_its_url_and_is_never_passed_over(
    query: bytes, status: int
) -> None:
    async with open_pages() as web:
        answer = await ask(
            web.app, "/mcp", *MCP_HEADERS, method="POST", body=INITIALIZE, token=TOKEN, query=query
        )
    assert answer.status == status
    if status == 400:
        assert answer.error_code() == "bad_access"


async def test_a_websocket_finds_nothing_here_and_is_not_counted() -> None:
    async with open_pages() as web:
        answer = await ask(web.app, "/metrics", kind="websocket", token=TOKEN)
        assert answer.kinds == ["websocket.close"]
        assert web.counted() == {}


async def test_the_servers_start_and_end_pass_through() -> None:
    sent: list[str] = []
    orders = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Message:
        return {"type": next(orders)}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async with open_pages() as web:
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        await web.app(scope, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
