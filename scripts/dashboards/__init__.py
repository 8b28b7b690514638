"""Grafana dashboards as code; `python -m scripts.generate` writes them to docs/grafana."""

from __future__ import annotations

from scripts.dashboards import (
    errors_by_operation,
    events,
    message_throughput,
    operation_latency,
    session_lifecycle,
    sessions_and_agents,
)

PAGES = {
    "errors-by-operation": errors_by_operation.dashboard,
    "events": events.dashboard,
    "message-throughput": message_throughput.dashboard,
    "operation-latency": operation_latency.dashboard,
    "session-lifecycle": session_lifecycle.dashboard,
    "sessions-and-agents": sessions_and_agents.dashboard,
}
"""By the name of its file."""
