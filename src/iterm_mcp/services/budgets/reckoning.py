"""How far budgets are spent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.budgets import Act

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
    whose = {"all": ""}.get(budget.scope, f" of {budget.scope} {state.part or budget.of}")
    used = []
    if budget.nanodollars:
        used.append(f"${spent.nanodollars / 1e9:,.2f} of ${budget.nanodollars / 1e9:,.2f}")
    if budget.tokens:
        used.append(f"{spent.tokens:,} of {budget.tokens:,} tokens")
    text = f"budget {budget.name}{whose}: {step.percent}% reached, {' and '.join(used)} spent"
    if spent.unpriced_tokens and budget.nanodollars:
        text += f"; the cost of {spent.unpriced_tokens:,} tokens is unknown and not in it"
    if step.act is not Act.WARN:
        done = "suspended" if step.act is Act.PAUSE else "stopped"
        text += f"; agents that spend more are {done}"
    return text
