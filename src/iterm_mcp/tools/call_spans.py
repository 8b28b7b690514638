"""Each call of a tool as a span, by OpenTelemetry's conventions for MCP."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from iterm_mcp.services.traces.arguments import shown_arguments
from iterm_mcp.telemetry import conventions as names
from iterm_mcp.telemetry.trace_context import current, read_context, within
from iterm_mcp.telemetry.tracing import Kind, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import Context

    from iterm_mcp.clock import Clock
    from iterm_mcp.telemetry.trace_context import TraceContext
    from iterm_mcp.telemetry.tracing import Tracer, Value
    from iterm_mcp.tools.calls import Call

    Within = Callable[[str, str], TraceContext | None]

TOOL_USE = "claudecode/toolUseId"
"""In ``_meta``: by which id Claude Code's hooks know the use of a tool that makes this call."""

READ_RESOURCE = "read_resource"
MOST_NAME_CHARACTERS = 100
TRANSPORTS = {"unix": "pipe", "http": "tcp"}
"""What a client's door is to OpenTelemetry; clients of the unix socket speak stdio to a relay."""

FINE = frozenset({"ok", "asked"})


class Agents(Protocol):
    """Knows in which span each agent works."""

    def working_in(self, agent: str, call: str) -> TraceContext | None:
        """Return the span of a use of a tool by an agent, or of its turn where none is named."""


class CallSpans:
    """Makes the spans of calls.

    Args:
        agents: Asked where a call stands that names no context: an agent's call is part of its
            turn.
    """

    def __init__(self, tracer: Tracer, clock: Clock, agents: Agents) -> None:
        self._tracer = tracer
        self._clock = clock
        self._agents = agents

    def begin(self, call: Call, context: Context[Any, Any]) -> OpenCall:
        """Begin a call's span, and work in it from now on; the caller ends it, here."""
        request = _request(context)
        meta: Mapping[str, Any] = (request.meta if request is not None else None) or {}
        parent = read_context(meta) or current() or self._of_agent(call, meta)
        told = _attributes(call, request)
        if self._tracer.arguments:
            told[names.ARGUMENTS] = shown_arguments(call.arguments)
        return OpenCall(self, call, self._tracer.begin(parent), parent, told, self._clock.now())

    def _of_agent(self, call: Call, meta: Mapping[str, Any]) -> TraceContext | None:
        agent, use = call.client.access.agent, meta.get(TOOL_USE)
        if not agent:
            return None
        return self._agents.working_in(agent, use if isinstance(use, str) else "")

    def end(self, one: OpenCall) -> None:
        """Have the span of a call exported that has ended."""
        call, told = one.call, one.told
        told[names.OUTCOME] = call.outcome
        error = None
        if call.outcome not in FINE:
            error = call.code or call.outcome
            tool = told.get(names.OPERATION) == names.EXECUTE_TOOL
            told[names.ERROR] = names.TOOL_ERROR if tool and call.outcome != "cancelled" else error
        self._tracer.end(
            Span(
                one.name, one.context, one.parent.span_id if one.parent else "", one.began_at,
                max(self._clock.now(), one.began_at), Kind.SERVER, told, error=error,
            )
        )  # fmt: skip


class OpenCall:
    """A call under way; its span is the current one until it is ended."""

    def __init__(
        self,
        spans: CallSpans,
        call: Call,
        context: TraceContext,
        parent: TraceContext | None,
        told: dict[str, Value],
        began_at: datetime,
    ) -> None:
        self.call = call
        self.context = context
        self.parent = parent
        self.told = told
        self.began_at = began_at
        self._spans = spans
        self._within: AbstractContextManager[None] = within(context)
        self._within.__enter__()

    @property
    def name(self) -> str:
        """Return the span's name: the method, and the tool."""
        tool = self.told.get(names.TOOL)
        return f"{self.told[names.METHOD]} {tool}" if tool else str(self.told[names.METHOD])

    def end(self) -> None:
        """Leave the span, and have it exported."""
        self._within.__exit__(None, None, None)
        self._spans.end(self)


def _request(context: Context[Any, Any]) -> ServerRequestContext[Any, Any] | None:
    """Return the MCP request that a call is; None for one that came by another way."""
    with suppress(ValueError):
        return context.request_context
    return None


def _attributes(call: Call, request: ServerRequestContext[Any, Any] | None) -> dict[str, Value]:
    told: dict[str, Value]
    if call.tool == READ_RESOURCE:
        told = {
            names.METHOD: "resources/read",
            names.RESOURCE: str(call.arguments.get("uri", ""))[:MOST_NAME_CHARACTERS],
        }
    else:
        told = {
            names.METHOD: "tools/call",
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL: call.tool[:MOST_NAME_CHARACTERS],
        }
    if transport := TRANSPORTS.get(call.client.door):
        told[names.TRANSPORT] = transport
    if call.client.access.agent:
        told[names.SENDER] = call.client.access.agent
    if request is not None:
        told[names.PROTOCOL] = request.protocol_version
        if request.request_id is not None:
            told[names.REQUEST] = str(request.request_id)
        headers = getattr(request.request, "headers", None)
        if headers is not None and (session := headers.get("mcp-session-id")):
            told[names.MCP_SESSION] = session
    return told
