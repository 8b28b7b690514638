"""Lives of agents: starts, restarts and turns; and what the models that they use cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.parts.agents import CREW
from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.events import Cost, CostBasis, TokenUsage

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

KINDS = {"claude": 6, "codex": 3, "gemini": 1}
STARTS = 4
"""Agents ordered in a busy hour."""
TURNS = 30
WELL = {"done": 96, "interrupted": 3, "failed": 1}
ILL = {"done": 3, "interrupted": 1, "failed": 6}

MODELS = {
    # name: answers in a busy hour, nanodollars a token
    "claude-opus-4-8": (160, 4000),
    "claude-sonnet-4-9": (120, 900),
    "gpt-5.5-codex": (90, 1100),
    "gemini-3.1-pro": (25, 700),
}
NAMELESS = "new-model-preview"
"""Nobody has its price."""

BUDGETS = {"team": 0.45, "nightly": 0.2}
"""How much of each is used at the end of a day when all is well."""


class Lives(Part):
    """Agents that are started, take turns, and are started again when they fall."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self.metrics.lives.kinds_known(dict.fromkeys(CREW))

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Start agents and end turns."""
        del time
        lives, is_ill = self.metrics.lives, moment.is_ill(Ill.AGENTS_STUCK)
        for _ in range(self.chance.times(STARTS * moment.busy_hours)):
            kind = self.chance.one_of(KINDS)
            succeeded = not self.chance.happens(0.4 if is_ill else 0.003)
            lives.life_begun(kind, again=False, succeeded=succeeded)
            if succeeded:
                lives.agent_came_up(kind, self.chance.seconds(12.0 if is_ill else 2.2))
        for _ in range(self.chance.times((6 if is_ill else 0.02) * moment.busy_hours)):
            kind = self.chance.one_of(KINDS)
            lives.life_begun(kind, again=True, succeeded=not self.chance.happens(0.2))
        for _ in range(self.chance.times(TURNS * moment.busy_hours)):
            outcome = self.chance.one_of(ILL if is_ill else WELL)
            lives.turn_ended(self.chance.one_of(KINDS), outcome, self.chance.seconds(90, 1.1))
        lives.quarantined(2 if is_ill else 0)
        for _ in range(self.chance.times(3 * TURNS * moment.busy_hours)):
            state = AgentState.FAILED if is_ill else AgentState.WORKING
            lives.state_changed(self.chance.one_of(KINDS), state)


class Costs(Part):
    """Answers of models, each kept and priced once, and the budgets that they use up."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self.metrics.costs.budgets_compared(dict.fromkeys(BUDGETS, 0.0))

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Take answers."""
        del time
        for model, (hourly, price) in MODELS.items():
            for _ in range(self.chance.times(hourly * moment.busy_hours)):
                usage = self._usage()
                paid = usage.input + usage.output + usage.cache_write
                cost = Cost(paid * price + usage.cache_read * price // 10, CostBasis.COMPUTED)
                self.metrics.costs.spent(model, usage, cost)
        if moment.is_ill(Ill.UNPRICED):
            for _ in range(self.chance.times(40 * moment.busy_hours)):
                self.metrics.costs.spent(NAMELESS, self._usage(), None)
        part_of_day = moment.at % 86400 / 86400
        is_spent = moment.is_ill(Ill.BUDGET_SPENT)
        self.metrics.costs.budgets_compared(
            {name: 1.1 if is_spent else part_of_day * most for name, most in BUDGETS.items()}
        )
        if is_spent and self.chance.happens(moment.seconds / 600):
            self.metrics.costs.budget_paused()

    def _usage(self) -> TokenUsage:
        output = int(self.chance.seconds(500, 1.0))
        return TokenUsage(
            input=int(self.chance.seconds(300, 1.0)),
            cache_read=int(self.chance.seconds(40_000, 0.7)),
            cache_write=int(self.chance.seconds(1500, 1.0)),
            output=output,
            reasoning=output // 3,
        )
