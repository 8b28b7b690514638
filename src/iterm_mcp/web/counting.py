"""Counts and times what is asked over HTTP, by route and by what kind of request it is."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.telemetry.http_metrics import BUSY, RATE, UNREADY
from iterm_mcp.web.errors import HELD, SHED
from iterm_mcp.web.security import PUBLIC_PREFIXES, SCOPES_OF_PREFIXES

if TYPE_CHECKING:
    from collections.abc import Container

    from prometheus_client import Counter
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from iterm_mcp.telemetry import HttpMetrics

REPORTED = tuple(prefix for prefix, _ in SCOPES_OF_PREFIXES)
READS = {"GET", "HEAD", "OPTIONS"}
ASKS_READINESS = "/readyz"
"""Its 503 is an answer, and sends nobody away."""

_REASONS = {429: RATE, 503: UNREADY}
_METHODS = {*READS, "POST", "PUT", "PATCH", "DELETE"}
_WAITS = ("wait", "stream")
_WAIT_START = "wait_"
_EVENT_STREAM = (b"content-type", b"text/event-stream")


class LatePaths(Protocol):
    """Knows paths that are made when somebody first asks."""

    def paths(self) -> Container[str]:
        """Return those that are known by now."""


class Counted:
    """ASGI middleware: counts answers by route, not by path, and times them by their class.

    Args:
        routes: Those known from the start. A path that is no route counts as ``other``.
        late: Further ones.
    """

    def __init__(
        self, app: ASGIApp, metrics: HttpMetrics, routes: set[str], late: LatePaths | None = None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes
        self._late = late
        self._series: dict[tuple[str, int], Counter] = {}
        self._classes: dict[tuple[str, str], str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        streamed = False

        async def counted(message: Message) -> None:
            nonlocal streamed
            if message["type"] == "http.response.start":
                streamed = _is_stream(message)
                self._answered(scope, message["status"])
            await send(message)

        metrics = self._metrics
        metrics.in_flight.inc()
        started = perf_counter()
        try:
            await self._app(scope, receive, counted)
        finally:
            seconds = perf_counter() - started
            metrics.in_flight.dec()
            name = "stream" if streamed or HELD in scope else self._class_of(scope)
            metrics.durations[name].observe(seconds)

    def _answered(self, scope: Scope, status: int) -> None:
        path = _route_of(scope)
        self._series_of(path, status).inc()
        reason = BUSY if scope.get(SHED) else _REASONS.get(status)
        if reason is not None and path != ASKS_READINESS:
            self._metrics.shed[reason].inc()

    def _series_of(self, path: str, status: int) -> Counter:
        """Return what counts a status of a route, looked up once."""
        known = self._series.get((path, status))
        if known is None:
            route = path if self._is_route(path) else "other"
            known = self._metrics.requests.labels(route, str(status))
            if route == path:
                self._series[path, status] = known
        return known

    def _is_route(self, path: str) -> bool:
        return path in self._routes or (self._late is not None and path in self._late.paths())

    def _class_of(self, scope: Scope) -> str:
        """Return the class of a request by its route, looked up once."""
        path, method = _route_of(scope), scope["method"]
        known = self._classes.get((path, method))
        if known is None:
            known = class_of(method, path)
            if self._is_route(path) and method in _METHODS:
                self._classes[path, method] = known
        return known


def class_of(method: str, path: str) -> str:
    """Return which of `http_metrics.CLASSES` a request is."""
    last = path.rpartition("/")[2]
    if path == "/mcp" or last in _WAITS or last.startswith(_WAIT_START):
        return "stream"
    if path.startswith(REPORTED):
        return "hook"
    if method not in READS:
        return "write"
    return "page" if path.startswith(PUBLIC_PREFIXES) else "read"


def _route_of(scope: Scope) -> str:
    """Return the route that a request was for; its path, if it was refused before."""
    if "route" not in scope:
        return str(scope["path"])
    return str(scope.get("root_path", "") + getattr(scope["route"], "path", ""))


def _is_stream(message: Message) -> bool:
    name, kind = _EVENT_STREAM
    return any(key == name and value.startswith(kind) for key, value in message["headers"])
