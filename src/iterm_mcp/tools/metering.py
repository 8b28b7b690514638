"""Requests of MCP clients, counted and timed whatever they come in by."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

from iterm_mcp.telemetry.labels import OTHER
from iterm_mcp.telemetry.mcp_metrics import TCP

if TYPE_CHECKING:
    from mcp.server import Server

    from iterm_mcp.telemetry import McpMetrics, Meter
    from iterm_mcp.tools.clients import Clients

INITIALIZE = "initialize"


class Metering(ServerMiddleware[Any]):
    """Stands around each request; notifications are nobody's wait, and not counted.

    Args:
        server: Whose methods are told by name; all others are ``other``.
        meter: Knows the tools, which are declared for a client's kind when it first says anything.
    """

    def __init__(
        self, server: Server[Any], metrics: McpMetrics, clients: Clients, meter: Meter
    ) -> None:
        self._server = server
        self._metrics = metrics
        self._clients = clients
        self._meter = meter

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Pass a message on, and note how long its answer took."""
        if ctx.request_id is None:
            return await call_next(ctx)
        method, client = ctx.method, self._clients.current()
        client.name = _name(ctx) or client.name
        if not self._metrics.knows(client.name):
            self._metrics.client_seen(client.name, self._meter.names)
        if method == INITIALIZE and client.transport == TCP:
            self._time_session(ctx)
        known = method == INITIALIZE or self._server.get_request_handler(method) is not None
        started = perf_counter()
        try:
            return await call_next(ctx)
        finally:
            seconds = perf_counter() - started
            self._metrics.operation(method if known else OTHER, client.transport, seconds)

    def _time_session(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """Time a session over HTTP, whose connections come and go; its end is the SDK's to know."""
        began, metrics = perf_counter(), self._metrics
        stack = ctx.session._connection.exit_stack  # noqa: SLF001 - meant for middleware
        stack.callback(lambda: metrics.session_ended(TCP, perf_counter() - began))


def _name(ctx: ServerRequestContext[Any, Any]) -> str:
    """Return what a client calls itself; empty where it has not said so."""
    if ctx.method == INITIALIZE:
        info = (ctx.params or {}).get("clientInfo")
        name = info.get("name") if isinstance(info, dict) else None
        return name if isinstance(name, str) else ""
    told = ctx.session.client_params
    return told.client_info.name if told else ""
