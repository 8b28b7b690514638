"""The short way to functions that take nothing but the request; all else is FastAPI's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import PlainTextResponse, Response
from tests.unit.web.api.opened import error_of
from tests.unit.web.asgi import Answer, ask

from iterm_mcp.errors import NotFoundError, RefusedError
from iterm_mcp.web.api.shortcuts import WAY, Shortcuts, way_of
from iterm_mcp.web.errors import EXCEPTION_HANDLERS

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send
    from tests.unit.web.api.opened import Side


async def refuse(request: Request) -> None:
    if request.query_params.get("as") == "nobody":
        raise RefusedError("not you", hint="Be somebody.")


def a_router() -> APIRouter:
    router = APIRouter(dependencies=[Depends(refuse)])

    @router.get("/plain")
    async def plain() -> Response:
        return PlainTextResponse("plain")

    @router.get("/things/{name}/parts/{part}")  # noqa: FAST003 - as the interface's own
    async def part(request: Request) -> Response:
        return PlainTextResponse(str(sorted(request.path_params.items())))

    @router.get("/things/special")
    async def special(word: str = "none") -> Response:
        return PlainTextResponse(f"special {word}")

    @router.get("/things/{name}")  # noqa: FAST003
    async def thing(request: Request) -> Response:
        if request.path_params["name"] == "missing":
            raise NotFoundError("thing", "missing", hint="Look elsewhere.")
        if request.path_params["name"] == "bug":
            raise ValueError("a bug")
        return PlainTextResponse(f"thing {request.path_params['name']}")

    @router.get("/files/{name:path}")  # noqa: FAST003
    async def file(request: Request) -> Response:
        return PlainTextResponse(request.path_params["name"])

    @router.get("/blocking")
    def blocking() -> Response:
        return PlainTextResponse("blocking")

    return router


class Application:
    """FastAPI with short ways; remembers which requests took one."""

    def __init__(self) -> None:
        self.short: list[str] = []
        router = a_router()
        self.routes = {one.path: one for one in router.routes if isinstance(one, APIRoute)}
        api = FastAPI(openapi_url=None, exception_handlers=EXCEPTION_HANDLERS)
        api.include_router(router)
        expected = {key: one for key, one in EXCEPTION_HANDLERS.items() if key is not Exception}
        api.add_middleware(Shortcuts, routes=self.routes.values(), handlers=expected)
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and WAY in scope:
                self.short.append(scope["path"])
            await send(message)

        await self._api(scope, receive, noted)


@pytest.fixture
def application() -> Application:
    return Application()


async def text(application: Application, path: str, query: bytes = b"") -> tuple[int, str]:
    answer = await ask(application, path, query=query)
    return answer.status, answer.body.decode()


async def test_a_function_that_takes_at_most_the_request_is_called_at_once(
    application: Application,
) -> None:
    assert await text(application, "/plain") == (200, "plain")
    assert await text(application, "/things/a b") == (200, "thing a b")
    assert await text(application, "/things/x/parts/y") == (
        200,
        "[('name', 'x'), ('part', 'y')]",
    )

    assert application.short == ["/plain", "/things/a b", "/things/x/parts/y"]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/things/special", b"word=w", "special w"),
        ("/files/a/b", b"", "a/b"),
        ("/blocking", b"", "blocking"),
    ],
    ids=["arguments", "a path in a path", "a function that blocks"],
)
async def test_what_has_no_short_way_is_answered_by_fastapi(
    application: Application, path: str, query: bytes, expected: str
) -> None:
    assert await text(application, path, query) == (200, expected)

    assert application.short == []


async def test_errors_look_as_they_do_on_the_long_way(application: Application) -> None:
    assert error_of(await ask(application, "/things/missing")) == (404, "thing_not_found")
    assert error_of(await ask(application, "/things/x/other")) == (404, "not_found")
    assert error_of(await ask(application, "/plain", method="POST")) == (405, "method_not_allowed")


async def test_what_lets_a_request_pass_is_asked_on_the_short_way_too(
    application: Application,
) -> None:
    for path in ("/plain", "/things/x", "/things/special"):
        answer = await ask(application, path, query=b"as=nobody")
        assert error_of(answer)[0] == 403


async def test_a_bug_on_the_short_way_has_an_incident(application: Application) -> None:
    answer: Answer = await ask(application, "/things/bug")

    assert error_of(answer) == (500, "internal")
    assert isinstance(answer.crash, ValueError)


def test_a_route_whose_check_wants_more_than_the_request_has_no_short_way() -> None:
    async def curious(word: str) -> None:
        del word

    async def plain() -> Response:
        return PlainTextResponse("plain")

    router = APIRouter()
    router.add_api_route("/open", plain)
    router.add_api_route("/closed", plain, dependencies=[Depends(curious)])
    found = [way_of(one) for one in router.routes if isinstance(one, APIRoute)]

    assert [one is not None for one in found] == [True, False]


async def test_all_tools_have_a_short_way_and_are_counted_by_route(side: Side) -> None:
    assert (await side.get("/v1/notes/none")).status == 404
    application = await side.api.application.made()
    routes = [
        way_of(one)
        for router in application.routes
        for one in getattr(router, "routes", [router])
        if isinstance(one, APIRoute) and one.path.startswith("/tools/")
    ]
    counted = side.metrics.registry.get_sample_value(
        "iterm_mcp_http_requests_total", {"route": "/v1/notes/{key}", "status": "404"}
    )

    assert all(routes)
    assert counted == 1
