"""Agents: who there is, what they do, what their hooks tell, what they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.approvals import Channel

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

CREW = ("claude", "claude", "claude", "claude", "codex", "codex", "gemini", "shell")
"""The kinds of a machine's agents."""
TEAMS = 3
HOOKS = 250
"""Events of hooks in an agent's busy hour."""
ASKED = 40
"""Dialogs in a busy hour, of all agents."""

STATES = {AgentState.WORKING: 6, AgentState.READY: 3, AgentState.WAITING_PERMISSION: 0.4,
          AgentState.WAITING_QUESTION: 0.2, AgentState.BACKGROUND: 0.3, AgentState.DRAFT: 0.1,
          AgentState.COMPACTING: 0.1}  # fmt: skip
ILL_STATES = {AgentState.FAILED: 3, AgentState.RATE_LIMITED: 2, AgentState.AUTH_FAILED: 1,
              AgentState.QUARANTINED: 2, AgentState.EXITED: 1, AgentState.GATE: 1}  # fmt: skip
CHOICES = {"allow": 6, "allow_always": 2, "deny": 1, "option": 2, "unknown": 1}


class Agents(Part):
    """A crew whose members change what they do."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._states: list[tuple[str, AgentState]] = []
        self.metrics.registry_changed(len(CREW), TEAMS)
        for kind in CREW:
            self.metrics.agent_state_changed(kind, None, AgentState.READY)
            self._states.append((kind, AgentState.READY))

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Change what agents do, and let them tell of it."""
        del time
        for number, (kind, before) in enumerate(self._states):
            after = self._next(moment)
            if after is not before:
                self.metrics.agent_state_changed(kind, before, after)
                self._states[number] = (kind, after)
            if kind != "shell":
                for _ in range(self.chance.times(HOOKS * moment.busy_hours)):
                    nobodys = self.chance.happens(0.01)
                    self.metrics.hook_taken(kind, "nobody" if nobodys else "recorded")
        if moment.is_ill(Ill.SPOOL_GROWS):
            for _ in range(self.chance.times(HOOKS * moment.busy_hours)):
                torn = self.chance.happens(0.01)
                kind = "" if torn else self.chance.pick(CREW[:-1])
                self.metrics.hook_taken(kind, "torn" if torn else "kept")

    def _next(self, moment: Moment) -> AgentState:
        if moment.is_ill(Ill.AGENTS_STUCK) and self.chance.happens(0.6):
            return self.chance.one_of(ILL_STATES)
        return self.chance.one_of(STATES) if moment.activity > 0.1 else AgentState.READY


class Approvals(Part):
    """Dialogs that wait for somebody."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._asked_at: list[float] = []
        self.metrics.approvals_standing(0)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Ask, and answer what has waited long enough."""
        del time
        for _ in range(self.chance.times(ASKED * moment.busy_hours)):
            if moment.is_ill(Ill.APPROVALS_WAIT):
                self._asked_at.append(moment.at)
            if not moment.is_ill(Ill.APPROVALS_WAIT) or self.chance.happens(0.5):
                self._answer(self.chance.seconds(40))
        if not moment.is_ill(Ill.APPROVALS_WAIT):
            for asked_at in self._asked_at:
                self._answer(moment.at - asked_at)
            self._asked_at.clear()
        self.metrics.approvals_standing(len(self._asked_at))

    def _answer(self, waited_seconds: float) -> None:
        choice, channel = self.chance.one_of(CHOICES), self.chance.pick(Channel)
        self.metrics.approval_answered(choice, channel, waited_seconds)
