"""Grafana dashboards as code; `python -m scripts.generate` writes them to docs/grafana."""

from __future__ import annotations

from scripts.dashboards import (
    agents,
    alerts,
    approvals,
    costs,
    errors,
    events,
    fleet,
    http,
    latency,
    messages,
    models,
    overview,
    resources,
    sessions,
    tasks,
    tools,
    worktrees,
)

PAGES = {
    "overview": overview.dashboard,
    "tools": tools.dashboard,
    "latency": latency.dashboard,
    "sessions": sessions.dashboard,
    "messages": messages.dashboard,
    "agents": agents.dashboard,
    "approvals": approvals.dashboard,
    "tasks": tasks.dashboard,
    "worktrees": worktrees.dashboard,
    "costs": costs.dashboard,
    "models": models.dashboard,
    "events": events.dashboard,
    "http": http.dashboard,
    "resources": resources.dashboard,
    "errors": errors.dashboard,
    "alerts": alerts.dashboard,
    "fleet": fleet.dashboard,
}
"""By the name of its file, in the order in which people look."""
