"""Health, metrics, and MCP over streamable HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import uuid4

import structlog
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iterm_mcp import __version__
from iterm_mcp.access import AccessError
from iterm_mcp.errors import ItermMcpError
from iterm_mcp.web.security import Gate, problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from mcp.server import Server
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from iterm_mcp.telemetry import Metrics

log = structlog.get_logger()

STATUSES = {
    "invalid": 400,
    "refused": 403,
    "not_found": 404,
    "conflict": 409,
    "agent": 502,
    "store": 503,
    "unavailable": 503,
    "rejected": 502,
    "timeout": 504,
}
"""By the family of an expected error."""


class Readiness(Protocol):
    """What `/readyz` asks."""

    def problems(self) -> list[str]:
        """Return why work cannot be done now; empty when it can."""


class Enter(Protocol):
    """What decides on what behalf a request comes."""

    def __call__(self, session_id: str, wish: Mapping[str, str]) -> None:
        """Take a request's session, or nothing, and its URL's parameters.

        Raises:
            AccessError: They mean nothing.
        """


class _Mcp:
    """The ASGI end of the session manager: a class, so that Starlette hands it raw requests."""

    def __init__(self, manager: StreamableHTTPSessionManager, enter: Enter) -> None:
        self._manager = manager
        self._enter = enter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        session_id = request.headers.get("mcp-session-id", "")
        try:
            self._enter(session_id, request.query_params)
        except AccessError as error:
            await problem(400, "bad_access", str(error))(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)


class _Counted:
    """Counts answers by route, not by path; a path that is no route counts as ``other``."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: set[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = getattr(scope.get("route"), "path", scope["path"])
                route = found if found in self._routes else "other"
                self._metrics.http_requests.labels(route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


@asynccontextmanager
async def open_web(
    server: Server[Any],
    metrics: Metrics,
    readiness: Readiness,
    token: str,
    enter: Enter,
    more: Sequence[Route] = (),
) -> AsyncIterator[ASGIApp]:
    """Return the ASGI application for the length of the block.

    Args:
        enter: Told of each request to ``/mcp``, within its task, before it is served.
        more: Further routes behind the same gate.
    """
    manager = StreamableHTTPSessionManager(
        app=server,
        # The gate in front has checked Host and Origin already, and more strictly.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(_request: Request) -> Response:
        problems = readiness.problems()
        status = {"status": "unready" if problems else "ready", "problems": problems}
        return JSONResponse(status, 503 if problems else 200)

    def scrape(request: Request) -> Response:  # in a thread: it reads files of /proc
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), media_type=content_type)

    routes = [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", scrape),
        Route("/mcp", _Mcp(manager, enter), methods=["GET", "POST", "DELETE"]),
        *more,
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _http_error,
            ItermMcpError: _refuse,
            Exception: _crash,
        },
    )
    counted = _Counted(Gate(app, token), metrics, {route.path for route in routes})
    async with manager.run():
        yield counted


async def _http_error(_request: Request, error: Exception) -> Response:
    expected = cast("HTTPException", error)
    code = expected.detail.lower().replace(" ", "_")
    return problem(expected.status_code, code, expected.detail, expected.headers)


async def _refuse(_request: Request, error: Exception) -> Response:
    """Answer what could not be done."""
    expected = cast("ItermMcpError", error)
    status = STATUSES.get(expected.outcome, 500)
    return problem(status, expected.code, str(expected), hint=expected.hint)


async def _crash(request: Request, error: Exception) -> Response:
    """Answer for a bug of ours: the HTTP boundary."""
    incident = uuid4().hex[:12]
    log.error("http_crashed", path=request.url.path, incident=incident, exc_info=error)
    return problem(500, "internal", f"internal error {incident}")
