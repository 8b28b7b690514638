"""How far budgets are spent. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from iterm_mcp.models.budgets import Act, Turns

if TYPE_CHECKING:
    from iterm_mcp.models.budgets import Budget, BudgetState, Spending, Step


def percent_of(budget: Budget, spent: Spending) -> int:
    """Return how much is spent of the limit that is nearer, in percent, rounded down."""
    shares = [
        100 * used // limit
        for used, limit in ((spent.nanodollars, budget.nanodollars), (spent.tokens, budget.tokens))
        if limit
    ]
    return max(shares)


def reached(budget: Budget, spent: Spending) -> tuple[Step, ...]:
    """Return the steps that are reached, upwards."""
    percent = percent_of(budget, spent)
    return tuple(one for one in budget.steps if one.percent <= percent)


def told(state: BudgetState, step: Step) -> str:
    """Return what a person is told of a step."""
    budget, spent = state.budget, state.spent
    whose = {"all": ""}.get(budget.scope, f" of {budget.scope} {state.whose}")
    used = []
    if budget.nanodollars:
        used.append(f"${spent.nanodollars / 1e9:,.2f} of ${budget.nanodollars / 1e9:,.2f}")
    if budget.tokens:
        used.append(f"{spent.tokens:,} of {budget.tokens:,} tokens")
    text = f"budget {budget.name}{whose}: {step.percent}% reached, {' and '.join(used)} spent"
    if spent.unpriced_tokens and budget.nanodollars:
        text += f"; the cost of {spent.unpriced_tokens:,} tokens is unknown and not in it"
    if step.act is not Act.WARN:
        text += f"; {_done(state, step)} until {_end(state)}"
    return text


def held(state: BudgetState, step: Step) -> str:
    """Return why something waits for a budget, and what lets it go."""
    budget = state.budget
    whose = f" of {budget.scope} {state.whose}" if state.whose else ""
    of = f" --of {shlex.quote(state.whose)}" if state.part else ""
    return (
        f"budget {budget.name}{whose} is spent to {state.percent}%, and holds from {step.percent}% "
        f"until {_end(state)}: raise it in budgets.toml, or let it go with "
        f"`iterm-mcp budgets release {shlex.quote(budget.name)}{of}`"
    )


def _end(state: BudgetState) -> str:
    until = state.span.until
    return "it is raised or released" if until is None else f"{until:%Y-%m-%d %H:%M} UTC"


def _done(state: BudgetState, step: Step) -> str:
    if step.act is Act.STOP:
        return "agents that spend more are stopped, and none is told or started anything"
    what = {
        Turns.SUSPEND: "agents that spend more stand still",
        Turns.FINISH: "turns under way go on",
        Turns.INTERRUPT: "turns are interrupted",
    }
    return f"{what[state.budget.turns]}, and none is told or started anything"
