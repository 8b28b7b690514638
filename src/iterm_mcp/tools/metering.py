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
    from iterm_mcp.telemetry.spread import Spread
    from iterm_mcp.tools.clients import Client, Clients

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
        client = self._clients.current()
        spread = client.spreads.get(ctx.method)
        if spread is None:
            spread = self._meet(client, ctx)
        started = perf_counter()
        try:
            return await call_next(ctx)
        finally:
            spread.observe(perf_counter() - started)

    def _meet(self, client: Client, ctx: ServerRequestContext[Any, Any]) -> Spread:
        """Return where a client's requests of this method are counted from now on.

        Methods that clients make up are counted together, and not remembered.
        """
        method = ctx.method
        if not client.name or method == INITIALIZE:
            client.name = _name(ctx)
            self._metrics.client_seen(client.name, self._meter.names)
        if method == INITIALIZE:
            if client.transport == TCP:
                self._time_session(ctx)
            return self._metrics.operation(method, client.transport)
        if self._server.get_request_handler(method) is None:
            return self._metrics.operation(OTHER, client.transport)
        spread = client.spreads[method] = self._metrics.operation(method, client.transport)
        return spread

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
