"""Whom budgets hold now, for all that ask before they bring or start something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.budgets import Act, Scope, Turns
from iterm_mcp.services.deliveries.means import SHELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.budgets import BudgetState
    from iterm_mcp.models.ids import AgentName, TeamName

UNKNOWN = "what was spent is being added up"


@dataclass(frozen=True, slots=True)
class Hold:
    """A budget that holds agents.

    Attributes:
        state: How the budget stands; its `holds` is the step.
        why: In words for people.
        agents: Those that it covers, by name; `teams` are those whose agents it covers.
    """

    state: BudgetState
    why: str
    agents: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()

    def covers(self, agent: str, teams: Sequence[str]) -> bool:
        """Tell whether it covers an agent; one of several teams counts with the first by name."""
        if self.state.budget.scope is Scope.ALL or agent in self.agents:
            return True
        return bool(teams) and min(teams) in self.teams

    @property
    def stops(self) -> bool:
        """Tell whether agents that spend more are stopped."""
        return self.state.holds is not None and self.state.holds.act is Act.STOP

    @property
    def suspends(self) -> bool:
        """Tell whether agents that have spent something stand still."""
        return not self.stops and self.state.budget.turns is Turns.SUSPEND


class BudgetHolds:
    """Knows whom budgets hold. It is asked before every message and every start.

    Until somebody has looked at the budgets after `doubt`, everybody is held: a daemon that was
    killed between the last cent and what was to be done about it lets nothing slip meanwhile.
    """

    def __init__(self) -> None:
        self._holds: tuple[Hold, ...] = ()
        self._doubt = ""

    def doubt(self, why: str = UNKNOWN) -> None:
        """Hold everybody, because nobody knows how the budgets stand."""
        self._doubt = why

    def put(self, holds: Sequence[Hold]) -> None:
        """Hold these alone from now on."""
        self._holds, self._doubt = tuple(holds), ""

    def why(self, agent: AgentName, kind: str, teams: Sequence[TeamName]) -> str:
        """Return why an agent may neither be told nor started anything; empty when it may.

        A plain shell spends nothing, and is never held.
        """
        if kind == SHELL:
            return ""
        return self._doubt or "; ".join(one.why for one in self._holds if one.covers(agent, teams))
