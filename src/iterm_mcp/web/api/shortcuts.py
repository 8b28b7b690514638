"""The short way from a request to its function, where FastAPI's own adds nothing.

FastAPI asks one route after the other whether a path is its own, and reads arguments for each
function anew: of two hundred routes that takes longer than most answers. Functions that take
nothing but the request are found here by the parts of the path, and called at once. FastAPI makes
the document, and answers all else: functions with arguments, unknown paths, methods there are not.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from fastapi.routing import APIRoute
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    Check = Callable[[Request], Awaitable[None]]
    Handler = Callable[[Request, Exception], Awaitable[Response]]

WAY = "iterm_mcp.way"
"""Where in an ASGI scope the way of a request stands."""


@dataclass(frozen=True, slots=True)
class Way:
    """A function that is called at once.

    Attributes:
        checks: What lets a request pass, or raises.
        wants_request: Whether the function takes it; else it takes nothing.
    """

    route: APIRoute
    call: Callable[..., Awaitable[Response]]
    checks: tuple[Check, ...]
    pattern: re.Pattern[str]
    wants_request: bool


class Shortcuts:
    """ASGI middleware, of a FastAPI application or in front of it.

    Args:
        app: Answers what has no short way.
        handlers: Those of expected errors by class; all others are for who stands in front.
    """

    def __init__(
        self, app: ASGIApp, routes: Iterable[APIRoute], handlers: Mapping[Any, Handler]
    ) -> None:
        self._app = app
        self._handlers: dict[type[Exception], Handler] = {
            kind: one for kind, one in handlers.items() if isinstance(kind, type)
        }
        self._expected = tuple(self._handlers)
        self._exact: dict[tuple[str, str], Way | None] = {}
        self._open: defaultdict[tuple[str, int], list[Way]] = defaultdict(list)
        for route in routes:
            way = way_of(route)
            for method in route.methods or ():
                if "{" not in route.path:
                    self._exact.setdefault((method, route.path), way)
                elif way is not None:
                    self._open[method, route.path.count("/")].append(way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        way = self._find(scope) if scope["type"] == "http" else None
        if way is None:
            await self._app(scope, receive, send)
            return
        scope[WAY] = way
        scope["route"] = way.route
        answer = await self._answer(way, Request(scope, receive))
        await answer(scope, receive, send)

    async def _answer(self, way: Way, request: Request) -> Response:
        try:
            for check in way.checks:
                await check(request)
            return await (way.call(request) if way.wants_request else way.call())
        except self._expected as error:
            kind = next(one for one in type(error).__mro__ if one in self._handlers)
            return await self._handlers[kind](request, error)

    def _find(self, scope: Scope) -> Way | None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        key = scope["method"], path
        if key in self._exact:
            scope["path_params"] = {}
            return self._exact[key]
        for way in self._open.get((scope["method"], path.count("/")), ()):
            match = way.pattern.match(path)
            if match:
                scope["path_params"] = match.groupdict()
                return way
        return None


def way_of(route: APIRoute) -> Way | None:
    """Return a route's short way, if its function and its checks take at most the request."""
    checks = tuple(one.dependency for one in route.dependencies)
    simple = [route.endpoint, *(one for one in checks if one is not None)]
    if ":" in route.path or not all(
        inspect.iscoroutinefunction(one) and _parameters(one) <= {"request"} for one in simple
    ):
        return None
    wants_request = bool(_parameters(route.endpoint))
    return Way(route, route.endpoint, tuple(simple[1:]), route.path_regex, wants_request)


def _parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)
