"""How budgets stand, told to who counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.budgets import Act

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.budgets import Budget, BudgetState, Step


class BudgetObserver(Protocol):
    """Is told how far budgets are used. No method may raise."""

    def budgets_compared(self, used: Mapping[str, float]) -> None:
        """Note how far every budget is used, by its name; 1 is all of it."""

    def budget_paused(self) -> None:
        """Note that a budget has come to a step that holds agents."""


class SilentBudgetObserver:
    """Notes nothing."""

    def budgets_compared(self, used: Mapping[str, float]) -> None:
        """Do nothing."""

    def budget_paused(self) -> None:
        """Do nothing."""


def used_of(state: BudgetState) -> float:
    """Return how far a budget is used: by the limit that is nearer, 1 for all of it."""
    budget, spent = state.budget, state.spent
    ratios = [0.0]
    if budget.nanodollars:
        ratios.append(spent.nanodollars / budget.nanodollars)
    if budget.tokens:
        ratios.append(spent.tokens / budget.tokens)
    return max(ratios)


def most_used(budgets: Iterable[Budget], states: Iterable[BudgetState]) -> dict[str, float]:
    """Return how far each budget is used; of one that each agent or team has, the one most used."""
    used = {one.name: 0.0 for one in budgets}
    for state in states:
        used[state.budget.name] = max(used.get(state.budget.name, 0.0), used_of(state))
    return used


def holds_agents(step: Step) -> bool:
    """Tell whether a step holds agents when it is reached."""
    return step.act is not Act.WARN
