"""What MCP clients ask, by the conventions of OpenTelemetry for MCP, and which client asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

from iterm_mcp.telemetry.exemplars import exemplar
from iterm_mcp.telemetry.labels import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry

MCP_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
"""Seconds, as the conventions have them."""

PIPE, TCP, UNIX = "pipe", "tcp", "unix"
"""Over stdio, that is over a relay; over HTTP; at the socket itself, as our command line does."""

CLIENTS = (
    ("claude-code", "claude-code"),
    ("claude-desktop", "claude-desktop"),
    ("claude-ai", "claude-desktop"),  # what Claude Desktop calls itself
    ("codex", "codex"),
    ("gemini", "gemini"),
    ("mcp-inspector", "inspector"),
    ("inspector", "inspector"),
)
"""How the names begin that clients give themselves, and the kinds that they are."""

KINDS = tuple(dict.fromkeys((*(kind for _, kind in CLIENTS), OTHER)))
MOST_NAMES = 1000
"""So many names' kinds are remembered; clients may call themselves what they like."""


class McpMetrics:
    """What MCP clients ask, whatever they come in by."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._operations = Histogram(
            "mcp_server_operation_duration_seconds",
            "How long MCP requests took, by method.",
            ["mcp_method_name", "network_transport"],
            buckets=MCP_BUCKETS,
            registry=registry,
        )
        self._sessions = Histogram(
            "mcp_server_session_duration_seconds",
            "How long MCP sessions lasted that have ended.",
            ["network_transport"],
            buckets=MCP_BUCKETS,
            registry=registry,
        )
        self._calls = Counter(
            "iterm_mcp_client_tool_calls_total",
            "Tool calls that ended, by the kind of client that made them.",
            ["client", "tool"],
            registry=registry,
        )
        for transport in (PIPE, TCP, UNIX):
            self._sessions.labels(transport)
        self._methods: dict[tuple[str, str], Histogram] = {}
        self._by_kind: dict[str, dict[str, Counter]] = {}
        self._kinds: dict[str, dict[str, Counter]] = {}

    def operation(self, method: str, transport: str, seconds: float) -> None:
        """Count a request.

        Args:
            method: One that the server knows, or ``other``: those of others have no bound.
        """
        series = self._methods.get((method, transport))
        if series is None:
            series = self._methods[method, transport] = self._operations.labels(method, transport)
        series.observe(seconds, exemplar())

    def session_ended(self, transport: str, seconds: float) -> None:
        """Count a session that has ended."""
        self._sessions.labels(transport).observe(seconds)

    def knows(self, name: str) -> bool:
        """Tell whether a client that calls itself so has been seen."""
        return name in self._kinds

    def client_seen(self, name: str, tools: Iterable[str]) -> None:
        """Have a client's kind tell of all tools, at zero, before it calls one.

        Args:
            name: What it calls itself.
        """
        kind = kind_of(name)
        series = self._by_kind.setdefault(kind, {})
        for tool in tools:
            if tool not in series:
                series[tool] = self._calls.labels(kind, tool)
        if len(self._kinds) < MOST_NAMES:
            self._kinds[name] = series

    def called(self, name: str, tool: str) -> None:
        """Count a call of a tool; it must be one of a fixed set.

        Args:
            name: What the client calls itself.
        """
        series = self._kinds.get(name)
        counter = None if series is None else series.get(tool)
        if counter is None:
            kind = kind_of(name)
            self.client_seen(name, (tool,))
            counter = self._by_kind[kind][tool]
        counter.inc()


def kind_of(name: str) -> str:
    """Return the kind of a client that calls itself so."""
    lower = name.lower()
    return next((kind for start, kind in CLIENTS if lower.startswith(start)), OTHER)
