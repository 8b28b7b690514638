"""Requests over HTTP are counted by route, timed by what they are, and told when sent away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.unit.web.asgi import ask

from iterm_mcp.telemetry import HttpMetrics
from iterm_mcp.web.counting import Counted, class_of
from iterm_mcp.web.errors import overloaded, problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send


class Site:
    """A few routes, counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.in_flight: list[float] = []
        routes = [
            Route("/read", self.read),
            Route("/write", self.read, methods=["POST"]),
            Route("/events", self.events),
            Route("/busy", self.busy, methods=["POST"]),
            Route("/rate", self.rate),
            Route("/unready", self.unready),
            Route("/readyz", self.unready),
            Route("/bug", self.bug),
        ]
        paths = {one.path for one in routes}
        self.app = Counted(Starlette(routes=routes), HttpMetrics(self.registry), paths)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"iterm_mcp_http_{name}", labels)

    def classes(self) -> dict[str, float]:
        """Return the classes that anything was counted in."""
        return {
            sample.labels["class"]: sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name.endswith("_duration_seconds_count") and sample.value
        }

    def shed(self) -> dict[str, float]:
        names = ("rate", "busy", "unready")
        return {name: self.value("shed_total", reason=name) or 0 for name in names}

    async def read(self, _request: Request) -> Response:
        self.in_flight.append(self.value("requests_in_flight") or 0)
        return PlainTextResponse("read")

    async def events(self, _request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"

        return StreamingResponse(parts(), media_type="text/event-stream")

    async def busy(self, request: Request) -> Response:
        return overloaded(request.scope, "There is too much at once.")

    async def rate(self, _request: Request) -> Response:
        return problem(429, "rate_limited", "Too often.")

    async def unready(self, _request: Request) -> Response:
        return problem(503, "unavailable", "There is no terminal.")

    async def bug(self, _request: Request) -> Response:
        raise ValueError("a bug")


async def test_all_classes_and_reasons_are_there_from_the_start() -> None:
    site = Site()
    assert site.shed() == {"rate": 0, "busy": 0, "unready": 0}
    for name in ("read", "write", "hook", "stream", "page"):
        assert site.value("request_duration_seconds_count", **{"class": name}) == 0


async def test_requests_are_timed_by_their_class() -> None:
    site = Site()
    for _ in range(2):
        await ask(site.app, "/read")
    await ask(site.app, "/write", method="POST")
    await ask(site.app, "/events")  # only its answer says that it is a stream
    await ask(site.app, "/v1/hooks/claude", method="POST")
    assert site.classes() == {"read": 2, "write": 1, "stream": 1, "hook": 1}


async def test_a_request_is_in_flight_until_its_answer_has_been_sent() -> None:
    site = Site()
    await ask(site.app, "/read")
    assert site.in_flight == [1]
    assert site.value("requests_in_flight") == 0


async def test_a_request_that_fails_is_timed_and_no_longer_in_flight() -> None:
    site = Site()
    answer = await ask(site.app, "/bug")
    assert answer.crash is not None
    assert site.classes() == {"read": 1}
    assert site.value("requests_in_flight") == 0


async def test_who_was_sent_away_is_told_by_why() -> None:
    site = Site()
    for path, method in (("/busy", "POST"), ("/rate", "GET"), ("/unready", "GET")):
        await ask(site.app, path, method=method)
        await ask(site.app, path, method=method)
    assert site.shed() == {"rate": 2, "busy": 2, "unready": 2}


async def test_who_asks_whether_we_are_ready_is_answered_and_not_sent_away() -> None:
    site = Site()
    await ask(site.app, "/readyz")
    assert site.shed()["unready"] == 0


async def test_paths_and_methods_that_clients_make_up_are_not_remembered() -> None:
    site = Site()
    for number in range(20):
        await ask(site.app, f"/made/up/{number}", method=f"M{number}")
        await ask(site.app, "/read", method=f"M{number}")
    assert site.value("requests_total", route="other", status="404") == 20
    assert not site.app._classes
    assert len(site.app._series) <= 2


async def test_what_is_no_request_is_passed_on() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    registry = CollectorRegistry()
    await ask(Counted(app, HttpMetrics(registry), set()), "/read", kind="websocket")
    assert seen == ["websocket"]


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/healthz", "read"),
        ("HEAD", "/v1/sessions", "read"),
        ("DELETE", "/v1/sessions/{session_id}", "write"),
        ("POST", "/mcp", "stream"),
        ("GET", "/v1/events/stream", "stream"),
        ("GET", "/v1/tasks/{task_id}/wait", "stream"),
        ("POST", "/v1/tools/wait_for", "stream"),
        ("GET", "/v1/messages/waiting", "read"),
        ("POST", "/v1/hooks/{kind}", "hook"),
        ("POST", "/v1/traces", "hook"),
        ("GET", "/v1/docs", "page"),
        ("GET", "/s/{token}", "page"),
    ],
)
def test_a_route_says_what_its_requests_are(method: str, path: str, name: str) -> None:
    assert class_of(method, path) == name
