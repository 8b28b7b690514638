"""Bodies of requests: not too large, not too slow, and JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import anyio
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.web.errors import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 2 << 20
MAX_SECONDS = 20.0
"""A body has come whole by then, or is not waited for."""

BODILESS = {"GET", "HEAD"}
OF_BODIES = {b"content-length", b"transfer-encoding"}
"""Without either of these headers a request has no body."""

JSON_TYPES = {"", "application/json"}


class Bodies:
    """ASGI middleware: bounds what a request's body may be."""

    def __init__(
        self, app: ASGIApp, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; a body that is too large or too slow is an `HTTPException`."""
        headers = dict(scope["headers"])
        if scope["method"] in BODILESS and headers.keys().isdisjoint(OF_BODIES):
            await self._app(scope, receive, send)
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._max_bytes:
            await problem(413, "too_large", f"A body has at most {self._max_bytes} bytes.")(
                scope, receive, send
            )
            return
        size, whole = 0, False
        ends_at = math.inf

        async def bounded() -> Message:
            nonlocal size, whole, ends_at
            if whole:
                return await receive()  # waits for the client to hang up
            if math.isinf(ends_at):
                ends_at = anyio.current_time() + self._max_seconds
            message: Message | None = None
            with anyio.CancelScope(deadline=ends_at):
                message = await receive()
            if message is None:
                raise HTTPException(408, "Request Timeout")
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                raise HTTPException(413, "Too Large")
            whole = not message.get("more_body", False)
            return message

        await self._app(scope, bounded, send)


async def read_json(request: Request) -> dict[str, Any]:
    """Return a request's body, an object; nothing is an empty one.

    Raises:
        InvalidRequestError: It is no JSON object.
    """
    body = await request.body()
    if not body:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        raise InvalidRequestError(
            "the body is no JSON", hint="Send Content-Type: application/json.", code="wrong_type"
        )
    try:  # unlike the standard library's, this one knows no NaN, and no half characters
        found = from_json(body, allow_inf_nan=False)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequestError(
            "the body is no JSON object", hint="Send one, in UTF-8.", code="bad_arguments"
        )
    return found
