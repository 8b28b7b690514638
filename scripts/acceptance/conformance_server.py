"""The server that the official conformance suite wants to meet, made of our own parts.

``python -m scripts.acceptance.conformance_server`` prints its URL and serves until its standard
input ends. Tools come in through our tool boundary, resources and subscriptions through our
handlers, and everything over our HTTP side. Only what the suite asks of a server by name, and
what iterm-mcp does not offer (completion, the level of log messages), is written here.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING, Any, cast

import anyio
import mcp.types as T  # noqa: N812 - as the SDK's own examples do
from mcp.shared.exceptions import MCPError
from scripts.acceptance.conformance_tools import PNG, ROWS, embedded, form

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.topics import Topic
from iterm_mcp.services.sessions.subscriptions import open_subscriptions
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing.fake_terminal import FakeTerminal
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.server import Extras, build_server
from iterm_mcp.web.routes import open_web
from iterm_mcp.web.server import bind_loopback, open_http

if TYPE_CHECKING:
    from mcp.server import Server
    from mcp.server.context import ServerRequestContext
    from starlette.types import ASGIApp, Receive, Scope, Send

    from iterm_mcp.tools.resources import Resources

TOKEN = "conformance"  # noqa: S105 - the suite sends none, so `WithToken` adds this one


class FixtureResources:
    """What the suite reads."""

    def listed(self) -> list[T.Resource]:
        """Return the fixed ones."""
        return [
            T.Resource(uri=f"test://{name}", name=name, mime_type=kind)
            for name, kind in [
                ("static-text", "text/plain"),
                ("static-binary", "image/png"),
                ("watched-resource", "text/plain"),
            ]
        ]

    def templates(self) -> list[T.ResourceTemplate]:
        """Return the one with a blank in it."""
        uri = "test://template/{id}/data"
        return [T.ResourceTemplate(uri_template=uri, name="data", mime_type="application/json")]

    async def topic(self, uri: str) -> Topic:
        """Take any subscription for one to the list of sessions."""
        await self.read(uri)
        return Topic()

    async def read(self, uri: str) -> tuple[Any, str]:
        """Return the contents."""
        if uri == "test://static-text":
            return "This is the content of the static text resource.", "text/plain"
        if uri == "test://static-binary":
            return base64.b64decode(PNG), "image/png"
        if uri == "test://watched-resource":
            return "Watched resource content", "text/plain"
        blank = uri.removeprefix("test://template/").removesuffix("/data")
        if uri == f"test://template/{blank}/data":
            data = {"id": blank, "templateTest": True, "data": f"Data for ID: {blank}"}
            return json.dumps(data), "application/json"
        raise NotFoundError("resource", uri)


def _says(*content: T.ContentBlock) -> T.GetPromptResult:
    return T.GetPromptResult(
        messages=[T.PromptMessage(role="user", content=one) for one in content]
    )


def _plain(text: str) -> T.TextContent:
    return T.TextContent(type="text", text=text)


PROMPTS = {
    "test_simple_prompt": [],
    "test_prompt_with_arguments": ["arg1", "arg2"],
    "test_prompt_with_embedded_resource": ["resourceUri"],
    "test_prompt_with_image": [],
    "test_input_required_result_prompt": [],
}


async def _list_prompts(
    _context: ServerRequestContext[Any, Any], _page: T.PaginatedRequestParams
) -> T.ListPromptsResult:
    return T.ListPromptsResult(
        prompts=[
            T.Prompt(
                name=name,
                description=name,
                arguments=[T.PromptArgument(name=one, required=True) for one in arguments],
            )
            for name, arguments in PROMPTS.items()
        ]
    )


async def _get_prompt(
    _context: ServerRequestContext[Any, Any], params: T.GetPromptRequestParams
) -> T.GetPromptResult | T.InputRequiredResult:
    given = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            return _says(_plain("This is a simple prompt for testing."))
        case "test_prompt_with_arguments":
            one, two = given.get("arg1"), given.get("arg2")
            return _says(_plain(f"Prompt with arguments: arg1='{one}', arg2='{two}'"))
        case "test_prompt_with_embedded_resource":
            text = "Embedded resource content for testing."
            return _says(
                embedded(given.get("resourceUri", ""), "text/plain", text),
                _plain("Please process the embedded resource above."),
            )
        case "test_prompt_with_image":
            picture = T.ImageContent(type="image", data=PNG, mime_type="image/png")
            return _says(picture, _plain("Please analyze the image above."))
        case "test_input_required_result_prompt":
            answers = params.input_responses or {}
            if isinstance(answers.get("user_context"), T.ElicitResult):
                return _says(_plain("with the context that was given"))
            question = form("What context should the prompt use?", context={"type": "string"})
            return T.InputRequiredResult(input_requests={"user_context": question})
    raise MCPError(T.INVALID_PARAMS, f"there is no prompt {params.name}")


async def _complete(
    _context: ServerRequestContext[Any, Any], _params: T.CompleteRequestParams
) -> T.CompleteResult:
    return T.CompleteResult(completion=T.Completion(values=[], total=0, has_more=False))


async def _set_level(
    _context: ServerRequestContext[Any, Any], _params: T.SetLevelRequestParams
) -> T.EmptyResult:
    return T.EmptyResult()


class WithToken:
    """ASGI: adds the token that the suite does not know; all else reaches our gate as it came."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            token = (b"authorization", f"Bearer {TOKEN}".encode())
            scope = {**scope, "headers": [*scope["headers"], token]}
        await self._app(scope, receive, send)


class _Ready:
    def problems(self) -> list[str]:
        return []


async def main() -> None:
    """Serve until standard input ends."""
    metrics = Metrics()
    calls = Calls(metrics.tools)
    async with open_subscriptions(FakeTerminal()) as subscriptions:
        resources = cast("Resources", FixtureResources())
        server: Server[Any] = build_server(ROWS, calls, Extras(resources, subscriptions))
        server.add_request_handler("prompts/list", T.PaginatedRequestParams, _list_prompts)
        server.add_request_handler("prompts/get", T.GetPromptRequestParams, _get_prompt)
        server.add_request_handler("completion/complete", T.CompleteRequestParams, _complete)
        server.add_request_handler("logging/setLevel", T.SetLevelRequestParams, _set_level)
        async with (
            open_web(server, metrics, _Ready(), TOKEN, calls.clients.enter_http) as web,
            open_http(WithToken(web), bind_loopback(0, exact=False)) as url,
        ):
            sys.stdout.write(f"{url}/mcp\n")
            sys.stdout.flush()
            await anyio.to_thread.run_sync(sys.stdin.read)


if __name__ == "__main__":
    anyio.run(main)
