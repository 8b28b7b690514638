"""What is wrong with agents and with keeping events, from how they are now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.agent_states import NEEDS_PERSON, AgentState
from iterm_mcp.models.alerts import AlertKind, Finding, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.event_queries import EventStats

BUSY = frozenset(
    {AgentState.WORKING, AgentState.COMPACTING, AgentState.API_RETRY, AgentState.STARTING}
)
"""States in which something is to be heard."""


@dataclass(frozen=True, slots=True)
class AlertRules:
    """From when on something is worth an alert.

    Attributes:
        waiting_seconds: So long an agent may wait for a person.
        stuck_seconds: So long nothing may be heard from an agent that works.
        lag_seconds: So long events may wait to be kept.
        least_free_bytes: So much of the disk shall be free.
        cooldown_seconds: What comes back sooner is the same alert.
    """

    waiting_seconds: float = 300.0
    stuck_seconds: float = 900.0
    lag_seconds: float = 30.0
    least_free_bytes: float = 500e6
    cooldown_seconds: float = 600.0


def agent_finding(
    view: StateView, team: str, heard_at: datetime, now: datetime, rules: AlertRules
) -> Finding | None:
    """Return what is wrong with an agent, if something is.

    Args:
        heard_at: When something was last heard of it, or could have been.
    """
    name = str(view.agent)
    if view.state is AgentState.QUARANTINED:
        text = f"{name} is quarantined: {view.reason}"
        return Finding(AlertKind.QUARANTINED, name, Severity.CRITICAL, text, name, team)
    since = view.since or now
    if view.state in NEEDS_PERSON and (now - since).total_seconds() >= rules.waiting_seconds:
        text = f"{name} has waited for a person since {since:%F %T} UTC: {view.reason}"
        return Finding(AlertKind.WAITING, name, Severity.WARNING, text, name, team)
    quiet_since = max(since, heard_at)
    if view.state in BUSY and (now - quiet_since).total_seconds() >= rules.stuck_seconds:
        text = f"{name} is {view.state}, and nothing was heard of it since {quiet_since:%F %T} UTC"
        return Finding(AlertKind.STUCK, name, Severity.WARNING, text, name, team)
    return None


def intake_finding(stats: EventStats, rules: AlertRules) -> Finding | None:
    """Return why events are not kept, or kept late, if so."""
    if stats.problem:
        text = f"events cannot be kept: {stats.problem}"
        return Finding(AlertKind.INTAKE, "events", Severity.CRITICAL, text)
    if stats.lag_seconds >= rules.lag_seconds:
        text = f"events wait for more than {rules.lag_seconds:g} s to be kept"
        return Finding(AlertKind.INTAKE, "events", Severity.WARNING, text)
    return None


def disk_finding(free_bytes: int, folder: str, rules: AlertRules) -> Finding | None:
    """Return that a disk is nearly full, if it is."""
    if free_bytes >= rules.least_free_bytes:
        return None
    text = f"less than {rules.least_free_bytes / 1e6:,.0f} MB are free in {folder}"
    return Finding(AlertKind.DISK, folder, Severity.CRITICAL, text)
