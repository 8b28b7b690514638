"""Health, metrics, and MCP over streamable HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from anyio import to_thread
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iterm_mcp import __version__
from iterm_mcp.access import Access, AccessError
from iterm_mcp.web.counting import Counted
from iterm_mcp.web.errors import EXCEPTION_HANDLERS, problem
from iterm_mcp.web.security import Gate, grant_of
from iterm_mcp.web.traced import Traced

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from mcp.server import Server
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

    from iterm_mcp.telemetry import Metrics
    from iterm_mcp.web.api.opening import Api
    from iterm_mcp.web.security import Tokens


class Readiness(Protocol):
    """What `/readyz` asks."""

    def problems(self) -> list[str]:
        """Return why work cannot be done now; empty when it can."""


class Health(Protocol):
    """What `/health` asks."""

    def health(self) -> Mapping[str, object]:
        """Return sizes, lags, rates and drops, without looking into anything large."""


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
        wish = dict(request.query_params)
        limit = grant_of(scope).access
        try:
            if limit:
                wish["tier"] = Access(tier=wish.get("tier", "")).within(limit).tier
            self._enter(session_id, wish)
        except AccessError as error:
            await problem(400, "bad_access", str(error))(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)


class _Doors:
    """Hands what the interface serves to it at once, as its mount would, and all else on.

    Args:
        served: Paths outside of it, some of which stand under the interface's own.
    """

    def __init__(self, app: ASGIApp, api: Api, served: Iterable[str], *, traced: bool) -> None:
        self._app = app
        self._api: ASGIApp = ServerErrorMiddleware(
            api.admission, handler=EXCEPTION_HANDLERS[Exception]
        )
        if traced:
            self._api = Traced(self._api)
        self._base = api.mount.path
        self._under = f"{self._base}/"
        self._others = frozenset(map(self._first, served))

    def _first(self, path: str) -> str:
        """Return the first part of a path under the interface's; empty where there is none."""
        return path[len(self._under) :].partition("/")[0] if path.startswith(self._under) else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = self._first(scope["path"]) if scope["type"] == "http" else ""
        if not first or first in self._others:
            await self._app(scope, receive, send)
            return
        root = scope.get("root_path", "")
        scope["app_root_path"] = scope.get("app_root_path", root)
        scope["root_path"] = root + self._base
        await self._api(scope, receive, send)


@asynccontextmanager
async def open_web(
    server: Server[Any],
    metrics: Metrics,
    readiness: Readiness,
    token: str,
    enter: Enter,
    more: Sequence[Route] = (),
    *,
    api: Api | None = None,
    tokens: Tokens | None = None,
    health: Health | None = None,
    traced: bool = False,
) -> AsyncIterator[ASGIApp]:
    """Return the ASGI application for the length of the block.

    Args:
        enter: Told of each request to ``/mcp``, within its task, before it is served.
        more: Further routes behind the same gate.
        api: What stands under ``/v1``, but for what `more` has there.
        tokens: Those that may come in besides who has `token`.
        health: Answers ``/health``.
        traced: What `api` serves is part of the trace that a request names.
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

    async def scrape(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        await metrics.refresh()
        # In a thread: it reads files of /proc, and takes some milliseconds.
        text = await to_thread.run_sync(encode, metrics.registry)
        return Response(text, media_type=content_type)

    routes = [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", scrape),
        Route("/mcp", _Mcp(manager, enter), methods=["GET", "POST", "DELETE"]),
        *more,
    ]
    if health is not None:
        routes.append(Route("/health", _health_page(health)))
    paths = {route.path for route in routes}
    mounts: list[BaseRoute] = []
    if api is not None:
        mounts.append(api.mount)
    app: ASGIApp = Starlette(
        routes=[*routes, *mounts],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    if api is not None:
        app = _Doors(app, api, paths, traced=traced)
    counted = Counted(Gate(app, token, tokens), metrics.http, paths, api)
    async with manager.run():
        yield counted


def _health_page(health: Health) -> Callable[[Request], Awaitable[Response]]:
    async def tell(_request: Request) -> Response:
        return JSONResponse(dict(health.health()))

    return tell
