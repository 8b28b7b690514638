"""Every metric of the daemon, in one registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from iterm_mcp import __version__
from iterm_mcp.models.messages import ReceiptState, Source
from iterm_mcp.telemetry.agent_metrics import AgentMetrics
from iterm_mcp.telemetry.alert_metrics import AlertMetrics
from iterm_mcp.telemetry.cost_metrics import CostMetrics
from iterm_mcp.telemetry.daemon_metrics import DaemonMetrics
from iterm_mcp.telemetry.event_metrics import EventMetrics
from iterm_mcp.telemetry.exemplars import exemplar
from iterm_mcp.telemetry.export_metrics import ExportMetrics
from iterm_mcp.telemetry.host_metrics import HostMetrics
from iterm_mcp.telemetry.http_metrics import HttpMetrics
from iterm_mcp.telemetry.labels import NAMELESS, Bounded
from iterm_mcp.telemetry.mcp_metrics import McpMetrics
from iterm_mcp.telemetry.message_metrics import DeliveryMetrics
from iterm_mcp.telemetry.meter import LATENCY_BUCKETS, TERMINAL_OUTCOMES, Meter
from iterm_mcp.telemetry.probe_metrics import ProbeMetrics
from iterm_mcp.telemetry.resource_metrics import ResourceMetrics
from iterm_mcp.telemetry.task_metrics import TaskMetrics
from iterm_mcp.telemetry.worktree_metrics import WorktreeMetrics

if TYPE_CHECKING:
    from iterm_mcp.models.agent_states import AgentState
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.messages import Receipt

disable_created_metrics()  # type: ignore[no-untyped-call]
"""When each series began is a third of a scrape, and Prometheus reads it from nobody's text."""

WAIT_BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""Seconds that people take."""


class Metrics:
    """The daemon's metrics. No label carries an id, so the number of series is bounded.

    Attributes:
        kinds: Of agents: users describe as many as they like.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.kinds = Bounded()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Gauge(
            "iterm_mcp_build_info", "Always 1; the label says which.", ["version"],
            registry=registry,
        ).labels(__version__).set(1)  # fmt: skip

        self.tools = Meter(registry, "iterm_mcp_tool", "iterm_mcp_tool_calls", "tool", "tool calls")
        self.operations = Meter(
            registry,
            "iterm_mcp_terminal_operation",
            "iterm_mcp_terminal_operations",
            "operation",
            "terminal operations",
            TERMINAL_OUTCOMES,
        )
        self.clients = Gauge(
            "iterm_mcp_clients_connected", "MCP client connections.", ["transport"],
            registry=registry,
        )  # fmt: skip
        self.mcp = McpMetrics(registry)
        self.http = HttpMetrics(registry)
        self.http_requests = self.http.requests

        self.sessions_open = Gauge(
            "iterm_mcp_sessions_open", "Sessions that the terminal shows.", registry=registry
        )
        self.sessions_opened = Counter(
            "iterm_mcp_sessions_opened_total", "Sessions seen to open.", registry=registry
        )
        self.sessions_closed = Counter(
            "iterm_mcp_sessions_closed_total", "Sessions seen to end.", registry=registry
        )
        self.agents_registered = Gauge(
            "iterm_mcp_agents_registered", "Agents in the registry.", registry=registry
        )
        self.teams_registered = Gauge(
            "iterm_mcp_teams_registered", "Teams in the registry.", registry=registry
        )
        self.agents = Gauge(
            "iterm_mcp_agents", "Registered agents, by kind and state.", ["kind", "state"],
            registry=registry,
        )  # fmt: skip
        self.messages = Counter(
            "iterm_mcp_messages_total",
            "Messages for agents, by the level of the cascade they came from and their state.",
            ["source", "state"],
            registry=registry,
        )
        for source in Source:  # from zero, so that the first of a kind is seen as growth
            for state in ReceiptState:
                self.messages.labels(source, state)
        self.message_bytes = Counter(
            "iterm_mcp_message_bytes_total", "UTF-8 bytes of messages typed.", registry=registry
        )
        self.message_duration = Histogram(
            "iterm_mcp_message_delivery_duration_seconds",
            "From a message's turn in its session to its receipt.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.approvals_open = Gauge(
            "iterm_mcp_approvals_open", "Dialogs of agents that wait for an answer.",
            registry=registry,
        )  # fmt: skip
        self.approvals = Counter(
            "iterm_mcp_approvals_total",
            "Dialogs of agents that were answered, by what was chosen and how it got there.",
            ["choice", "channel"],
            registry=registry,
        )
        self.approval_wait = Histogram(
            "iterm_mcp_approval_wait_seconds",
            "From a dialog's coming up to its answer.",
            buckets=WAIT_BUCKETS,
            registry=registry,
        )
        self.hooks = Counter(
            "iterm_mcp_agent_hooks_total",
            "Events of agents' hooks: recorded or nobody's as they came, then kept or torn.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.hooks.labels(NAMELESS, "torn")  # of nobody's hook: what is torn does not say whose
        self.terminal_connected = Gauge(
            "iterm_mcp_terminal_connected", "1 while a terminal answers.", registry=registry
        )
        self.terminal_reconnects = Counter(
            "iterm_mcp_terminal_reconnects_total",
            "Connections to the terminal made after an earlier one was lost.",
            registry=registry,
        )
        self.events = EventMetrics(registry)
        self.resources = ResourceMetrics(registry, self.kinds)
        self.host = HostMetrics(registry)
        self.daemon = DaemonMetrics(registry)
        self.lives = AgentMetrics(registry, self.kinds)
        self.deliveries = DeliveryMetrics(registry)
        self.tasks = TaskMetrics(registry)
        self.worktrees = WorktreeMetrics(registry)
        self.costs = CostMetrics(registry)
        self.alerts = AlertMetrics(registry)
        self.probe = ProbeMetrics(registry)
        self.exports = ExportMetrics(registry)
        self._sessions: set[SessionId] = set()

    async def refresh(self) -> None:
        """Learn what only other processes know; to be awaited before the registry is read.

        It never takes long, and what cannot be learnt meanwhile is told as it was.
        """
        if self.host.fresh is not None:
            await self.host.fresh()

    # What the terminal tells (terminal.link.TerminalObserver).

    def terminal_up(self, sessions: set[SessionId], *, again: bool) -> None:
        """Note that a terminal answers, and which sessions it has.

        Args:
            again: An earlier one was lost: what came and went meanwhile is counted now.
        """
        self.terminal_connected.set(1)
        if again:
            self.terminal_reconnects.inc()
            self.sessions_opened.inc(len(sessions - self._sessions))
            self.sessions_closed.inc(len(self._sessions - sessions))
        self._sessions = set(sessions)
        self.sessions_open.set(len(sessions))

    def terminal_down(self) -> None:
        """Note that no terminal answers."""
        self.terminal_connected.set(0)

    def session_opened(self, session_id: SessionId) -> None:
        """Count a session once, however often it is announced."""
        if session_id not in self._sessions:
            self._sessions.add(session_id)
            self.sessions_opened.inc()
            self.sessions_open.set(len(self._sessions))

    def session_ended(self, session_id: SessionId) -> None:
        """Count a session's end once: iTerm2 may announce it twice."""
        if session_id in self._sessions:
            self._sessions.remove(session_id)
            self.sessions_closed.inc()
            self.sessions_open.set(len(self._sessions))

    # What services tell (services.agents.RegistryObserver,
    # services.agent_states.StateObserver, services.messages.MessageObserver).

    def registry_changed(self, agents: int, teams: int) -> None:
        """Note how large the registry is."""
        self.agents_registered.set(agents)
        self.teams_registered.set(teams)

    def agent_state_changed(
        self, kind: str, before: AgentState | None, after: AgentState | None
    ) -> None:
        """Count agents by kind and state."""
        if after not in {None, before} and before is not None:
            self.lives.state_changed(kind, after)
        if before is not None:
            self.agents.labels(self.kinds(kind), before).dec()
        if after is not None:
            self.agents.labels(self.kinds(kind), after).inc()

    def approvals_standing(self, count: int) -> None:
        """Note how many dialogs wait for an answer."""
        self.approvals_open.set(count)

    def approval_answered(self, choice: str, channel: str, waited_seconds: float) -> None:
        """Count one dialog's answer."""
        self.approvals.labels(choice, channel).inc()
        self.approval_wait.observe(waited_seconds)

    def hook_taken(self, kind: str, outcome: str) -> None:
        """Count one event of a hook."""
        self.hooks.labels(self.kinds(kind), outcome).inc()

    def delivered(self, receipt: Receipt, duration_seconds: float) -> None:
        """Count one receipt."""
        self.messages.labels(receipt.source, receipt.state).inc()
        self.message_duration.observe(duration_seconds, exemplar())
        if receipt.state == "written":
            self.message_bytes.inc(len(receipt.text.encode("utf-8", "replace")))
