"""What MCP clients ask, by the conventions of OpenTelemetry for MCP, and which client asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from iterm_mcp.telemetry.labels import OTHER
from iterm_mcp.telemetry.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from prometheus_client import CollectorRegistry, Metric

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


class McpMetrics(Collector):
    """What MCP clients ask, whatever they come in by. It counts on the event loop's thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._operations: dict[tuple[str, str], Spread] = {}
        self._sessions = {one: Spread(MCP_BUCKETS) for one in (PIPE, TCP, UNIX)}
        self._calls: dict[str, dict[str, int]] = {}  # by kind and tool
        self._by_name: dict[str, dict[str, int]] = {}  # the same, by what clients call themselves
        registry.register(self)

    def operation(self, method: str, transport: str) -> Spread:
        """Return where the seconds of a method's requests are counted.

        Args:
            method: One that the server knows, or ``other``: those of others have no bound.
        """
        found = self._operations.get((method, transport))
        if found is None:
            found = self._operations[method, transport] = Spread(MCP_BUCKETS)
        return found

    def session_ended(self, transport: str, seconds: float) -> None:
        """Count a session that has ended."""
        self._sessions[transport].observe(seconds)

    def client_seen(self, name: str, tools: Iterable[str]) -> None:
        """Have a client's kind tell of all tools, at zero, before it calls one.

        Args:
            name: What it calls itself.
        """
        self._calls_of(name, tools)

    def called(self, name: str, tool: str, tools: Container[str]) -> None:
        """Count a call.

        Args:
            name: What the client calls itself.
            tools: Those that there are; calls of any other are not counted.
        """
        calls = self._by_name.get(name)
        if calls is None:
            calls = self._calls_of(name, ())
        if tool in calls:
            calls[tool] += 1
        elif tool in tools:
            calls[tool] = 1

    def _calls_of(self, name: str, tools: Iterable[str]) -> dict[str, int]:
        """Return where the calls of a client's kind are counted, at zero for these tools."""
        calls = self._calls.setdefault(kind_of(name), {})
        for tool in tools:
            calls.setdefault(tool, 0)
        if len(self._by_name) < MOST_NAMES:
            self._by_name[name] = calls
        return calls

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        operations, sessions, calls = self.describe()
        for (method, transport), spread in list(self._operations.items()):
            spread.tell(operations, [method, transport])
        for transport, spread in self._sessions.items():
            spread.tell(sessions, [transport])
        for kind, by_tool in list(self._calls.items()):
            for tool, count in list(by_tool.items()):
                calls.add_metric([kind, tool], count)
        yield operations
        yield sessions
        yield calls

    def describe(
        self,
    ) -> tuple[HistogramMetricFamily, HistogramMetricFamily, CounterMetricFamily]:
        """Return the metrics without any series."""
        return (
            HistogramMetricFamily(
                "mcp_server_operation_duration_seconds",
                "How long MCP requests took, by method.",
                labels=["mcp_method_name", "network_transport"],
            ),
            HistogramMetricFamily(
                "mcp_server_session_duration_seconds",
                "How long MCP sessions lasted that have ended.",
                labels=["network_transport"],
            ),
            CounterMetricFamily(
                "iterm_mcp_client_tool_calls_total",
                "Tool calls that ended, by the kind of client that made them.",
                labels=["client", "tool"],
            ),
        )


def kind_of(name: str) -> str:
    """Return the kind of a client that calls itself so."""
    lower = name.lower()
    return next((kind for start, kind in CLIENTS if lower.startswith(start)), OTHER)
