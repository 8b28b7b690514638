"""Alerts and budgets as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.models.budgets import Turns
from iterm_mcp.services.budgets.reckoning import held

if TYPE_CHECKING:
    from iterm_mcp.models.alerts import Alert
    from iterm_mcp.models.budgets import BudgetState


def alert_answer(alert: Alert) -> dict[str, Any]:
    """Return an alert; what it does not have is left out."""
    finding = alert.finding
    answer: dict[str, Any] = {
        "alert_id": int(alert.alert_id),
        "kind": finding.kind.value,
        "subject": finding.subject,
        "severity": finding.severity.value,
        "text": finding.text,
        "agent": finding.agent,
        "team": finding.team,
        "raised_at": alert.raised_at.isoformat(),
        "count": alert.count,
        "acknowledged_by": alert.acknowledged_by,
    }
    if alert.settled_at is not None:
        answer["settled_at"] = alert.settled_at.isoformat()
    if alert.acknowledged_at is not None:
        answer["acknowledged_at"] = alert.acknowledged_at.isoformat()
    return {name: value for name, value in answer.items() if value != ""}


def budget_answer(state: BudgetState) -> dict[str, Any]:
    """Return how a budget stands; what it does not have is left out."""
    budget, spent = state.budget, state.spent
    answer: dict[str, Any] = {
        "budget": budget.name,
        "period": budget.period.value,
        "scope": budget.scope.value,
        "of": state.whose,
        "since": state.span.since.isoformat(),
        "percent": state.percent,
        "dollars": spent.nanodollars / 1e9,
        "tokens": spent.tokens,
        "unpriced_tokens": spent.unpriced_tokens,
        "answers": spent.answers,
        "steps": {str(one.percent): one.act.value for one in budget.steps},
        "crossed": list(state.crossed),
    }
    if budget.nanodollars:
        answer["limit_dollars"] = budget.nanodollars / 1e9
    if budget.tokens:
        answer["limit_tokens"] = budget.tokens
    if budget.turns is not Turns.SUSPEND:
        answer["turns"] = budget.turns.value
    if state.holds is not None:
        answer["holds"] = {"percent": state.holds.percent, "act": state.holds.act.value}
        answer["why"] = held(state, state.holds)
    if state.released_by:
        answer["released_by"] = state.released_by
    if state.span.until is not None:
        answer["until"] = state.span.until.isoformat()
    return {name: value for name, value in answer.items() if value != ""}
