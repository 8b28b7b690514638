"""Requests over HTTP that say in which trace they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.telemetry.trace_context import BAGGAGE, TRACEPARENT, TRACESTATE, read_context, within

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HEADERS = {one.encode(): one for one in (TRACEPARENT, TRACESTATE, BAGGAGE)}


class Traced:
    """Has a request be served in the trace that its headers name; a malformed one is none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; see ASGI."""
        told = {
            HEADERS[name]: value.decode("latin-1")
            for name, value in scope.get("headers", ())
            if name in HEADERS
        }
        with within(read_context(told)):
            await self._app(scope, receive, send)
