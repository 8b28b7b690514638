"""Steps of budgets as they are kept, told and released. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from iterm_mcp.models.budgets import Act, Crossing, Scope
from iterm_mcp.models.events import Event, EventKind, Links, event_key
from iterm_mcp.services.budgets.reckoning import reached, told
from iterm_mcp.services.events.own_events import SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.budgets import BudgetState, Step

Place = tuple[str, str, str, str]
"""A budget, whose, since when, and its limits: what steps are counted by."""


def place_of(state: BudgetState) -> Place:
    """Return by what the steps of a budget are counted now."""
    budget = state.budget
    return budget.name, state.part, state.span.since.isoformat(), budget.limits


def place_of_crossing(crossing: Crossing) -> Place:
    """Return by what a step was counted."""
    return crossing.budget, crossing.part, crossing.since.isoformat(), crossing.limits


def subject_of(part: Place, step: Step) -> str:
    """Return what the alert of a step is about; the day is that of UTC."""
    budget, whose, since, _ = part
    day = datetime.fromisoformat(since).date()
    return "/".join((budget, whose, f"{step.percent}%", day.isoformat()))


def with_hold(state: BudgetState, released: int, by: str) -> BudgetState:
    """Return a budget's state with the step that holds, if nobody has let all go that it holds."""
    steps = [one for one in reached(state.budget, state.spent) if one.act is not Act.WARN]
    if not steps:
        return state
    if steps[-1].percent <= released:
        return replace(state, released_by=by)
    return replace(state, holds=steps[-1])


def chosen(states: Sequence[BudgetState], name: str, of: str) -> tuple[BudgetState, ...]:
    """Return how one budget stands: of somebody, or of everybody who has one."""
    return tuple(one for one in states if one.budget.name == name and of in {"", one.whose})


def crossing_of(state: BudgetState, step: Step, now: datetime) -> Crossing:
    """Return a step as it is kept."""
    budget = state.budget
    return Crossing(budget.name, state.part, state.span.since, budget.limits, step.percent, now)


def _links(state: BudgetState) -> Links:
    scope, whose = state.budget.scope, state.whose
    return Links(
        agent=whose if scope is Scope.AGENT else "",
        team=whose if scope is Scope.TEAM else "",
        conversation=whose if scope is Scope.CONVERSATION else "",
        session=whose if scope is Scope.SESSION else "",
    )


def released_event(state: BudgetState, step: Step, by: str, at: datetime) -> Event:
    """Return what is recorded when somebody lets agents go."""
    name = state.budget.name
    text = f"budget {name} was released by {by} at {state.percent}%"
    return Event(
        key=event_key("own", EventKind.BUDGET_RELEASED, *place_of(state), str(step.percent)),
        at=at,
        kind=EventKind.BUDGET_RELEASED,
        source=SOURCE,
        subject=f"{name} {step.percent}%",
        text=text,
        links=_links(state),
        payload={"budget": name, "part": state.part, "percent": step.percent, "by": by},
    )


def crossed_event(state: BudgetState, step: Step, at: datetime) -> Event:
    """Return what is recorded when a step is reached; its key is the same for every daemon."""
    budget, spent = state.budget, state.spent
    return Event(
        key=event_key("own", EventKind.BUDGET_CROSSED, *place_of(state), str(step.percent)),
        at=at,
        kind=EventKind.BUDGET_CROSSED,
        source=SOURCE,
        subject=f"{budget.name} {step.percent}%",
        text=told(state, step),
        links=_links(state),
        payload={
            "budget": budget.name,
            "part": state.part,
            "percent": step.percent,
            "act": step.act.value,
            "nanodollars": spent.nanodollars,
            "tokens": spent.tokens,
            "unpriced_tokens": spent.unpriced_tokens,
        },
    )
