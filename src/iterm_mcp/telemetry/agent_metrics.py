"""Lives of agents: how they start, are started again, take turns, and change their states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from iterm_mcp.telemetry.labels import Bounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry

    from iterm_mcp.models.agent_states import AgentState

START_BUCKETS = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120)
"""Seconds in which programs come up; ten is what they are meant to stay below."""

TURN_BUCKETS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400)
"""Seconds that models work."""

BEGUN = ("ok", "failed")
"""How the beginning of a life may go."""

TURNS = ("done", "failed", "interrupted")
"""How a turn may end."""


class AgentMetrics:
    """Is told by the services that keep agents (services.agents.observing.LifeObserver).

    Args:
        kinds: Of agents: users describe as many as they like.
    """

    def __init__(self, registry: CollectorRegistry, kinds: Bounded | None = None) -> None:
        self._kinds = kinds or Bounded()
        self._starts = Counter(
            "iterm_mcp_agent_starts_total",
            "Agents that were ordered, by whether their program was started.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._restarts = Counter(
            "iterm_mcp_agent_restarts_total",
            "Agents that were started again, by themselves or by hand, by whether they were.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._start_duration = Histogram(
            "iterm_mcp_agent_start_duration_seconds",
            "From the order or a restart's beginning until an agent shows what it waits for.",
            ["kind"],
            buckets=START_BUCKETS,
            registry=registry,
        )
        self._turns = Counter(
            "iterm_mcp_agent_turns_total",
            "Turns of registered agents that ended, as their hooks and transcripts tell.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._turn_duration = Histogram(
            "iterm_mcp_agent_turn_duration_seconds",
            "From a prompt to the end of its turn, waiting for people included.",
            ["kind"],
            buckets=TURN_BUCKETS,
            registry=registry,
        )
        self._quarantined = Gauge(
            "iterm_mcp_agents_quarantined",
            "Agents that crashed too often to be started again by themselves.",
            registry=registry,
        )
        self._changes = Counter(
            "iterm_mcp_agent_state_changes_total",
            "Changes of agents' states, by the state that they came to.",
            ["kind", "state"],
            registry=registry,
        )

    def kinds_known(self, kinds: Iterable[str]) -> None:
        """Show the counters of kinds at zero, so that the first of anything is seen as growth."""
        for name in kinds:
            kind = self._kinds(name)
            for outcome in BEGUN:
                self._starts.labels(kind, outcome)
                self._restarts.labels(kind, outcome)
            for outcome in TURNS:
                self._turns.labels(kind, outcome)

    def life_begun(self, kind: str, *, again: bool, succeeded: bool) -> None:
        """Count a life whose program was started, or could not be.

        Args:
            again: The agent had a life before.
        """
        counted = self._restarts if again else self._starts
        counted.labels(self._kinds(kind), BEGUN[not succeeded]).inc()

    def agent_came_up(self, kind: str, seconds: float) -> None:
        """Note how long an agent took to show what it waits for, be it a person at a gate."""
        self._start_duration.labels(self._kinds(kind)).observe(seconds)

    def turn_ended(self, kind: str, outcome: str, seconds: float | None) -> None:
        """Count a turn: ``done``, ``failed`` or ``interrupted``.

        Args:
            seconds: None where nobody saw it begin.
        """
        kind = self._kinds(kind)
        self._turns.labels(kind, outcome).inc()
        if seconds is not None:
            self._turn_duration.labels(kind).observe(seconds)

    def quarantined(self, count: int) -> None:
        """Note how many agents are in quarantine."""
        self._quarantined.set(count)

    def state_changed(self, kind: str, state: AgentState) -> None:
        """Count that an agent came to a state from another one."""
        self._changes.labels(self._kinds(kind), state).inc()
