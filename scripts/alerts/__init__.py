"""Recording rules, alerts and objectives as code; `generated` makes the files that ship of them."""

from __future__ import annotations

from scripts.alerts.agents import AGENTS, APPROVALS, MESSAGES
from scripts.alerts.machine import DAEMON, TERMINAL
from scripts.alerts.records import COSTS, EVENTS, HTTP, NOTIFICATIONS, PROBE, RESOURCES
from scripts.alerts.rule import Family
from scripts.alerts.slos import SLO_ALERTS
from scripts.alerts.work import TASKS, WORKTREES

FAMILIES = (
    DAEMON, TERMINAL, MESSAGES, AGENTS, APPROVALS, TASKS, WORKTREES, EVENTS, COSTS, RESOURCES,
    NOTIFICATIONS, HTTP, PROBE,
    Family("slo", "Objectives", SLO_ALERTS),
)  # fmt: skip

ALERTS = {alert.full_name: alert for family in FAMILIES for alert in family.alerts}
"""Every alert by the name that Prometheus knows."""
