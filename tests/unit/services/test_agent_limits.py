"""How long agents may go on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iterm_mcp.models.agent_lives import AgentOrder, Desired, Life, Limits, Phase
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.agents.limits import Overdue, Remedy, overdue
from iterm_mcp.testing.fake_clock import START

ADA = AgentName("ada")


def verdict(
    state: AgentState,
    seconds: float,
    limits: Limits,
    *,
    sign: float | None = None,
    interrupted: bool = False,
    age: float = 0.0,
) -> Overdue | None:
    """Judge an agent that has been in a state for so long, and gave its last sign so long ago."""
    begun = START - timedelta(seconds=age)
    life = Life(
        ADA,
        AgentOrder("claude", "/", limits=limits),
        Desired.RUNNING,
        Phase.RUNNING,
        "t",
        "t",
        begun,
    )
    view = StateView(ADA, 1, state, "", START - timedelta(seconds=seconds))
    last = None if sign is None else START - timedelta(seconds=sign)
    return overdue(life, view, last, START, interrupted=interrupted)


def test_an_agent_without_limits_goes_on_for_ever() -> None:
    assert verdict(AgentState.WORKING, 10**6, Limits(), age=10**7) is None


@pytest.mark.parametrize("state", [AgentState.READY, AgentState.DONE, AgentState.INTERRUPTED])
def test_an_agent_idle_at_its_prompt_for_too_long_is_stopped(state: AgentState) -> None:
    limits = Limits(idle=60)

    assert verdict(state, 59, limits) is None
    assert verdict(state, 61, limits) == Overdue(Remedy.STOP, "it had nothing to do for 60 s")


@pytest.mark.parametrize(
    "state",
    [
        AgentState.DRAFT, AgentState.BACKGROUND, AgentState.WAITING_PERMISSION,
        AgentState.RATE_LIMITED, AgentState.GATE, AgentState.UNKNOWN,
    ],
)  # fmt: skip
def test_who_waits_for_a_person_or_a_quota_is_neither_idle_nor_silent(state: AgentState) -> None:
    assert verdict(state, 10**6, Limits(idle=1, turn=1, silent=1)) is None


def test_a_turn_that_takes_too_long_is_interrupted_and_then_the_agent_is_stopped() -> None:
    limits = Limits(turn=60)

    first = verdict(AgentState.WORKING, 61, limits)
    patient = verdict(AgentState.WORKING, 70, limits, interrupted=True)
    last = verdict(AgentState.WORKING, 91, limits, interrupted=True)

    assert first == Overdue(Remedy.INTERRUPT, "its turn takes longer than 60 s")
    assert patient is None
    assert last is not None
    assert last.remedy is Remedy.STOP


def test_a_life_has_its_length_whatever_goes_on() -> None:
    limits = Limits(total=3600)

    assert verdict(AgentState.GATE, 1, limits, age=3599) is None
    over = verdict(AgentState.GATE, 1, limits, age=3601)

    assert over == Overdue(Remedy.STOP, "its 3600 s in all are over")


def test_a_healthy_worker_that_is_silent_is_told_of_and_not_killed() -> None:
    limits = Limits(silent=60)

    assert verdict(AgentState.WORKING, 600, limits, sign=10) is None
    told = verdict(AgentState.WORKING, 600, limits, sign=61)

    assert told is not None
    assert told.remedy is Remedy.TELL


def test_a_silent_worker_is_restarted_only_where_that_was_asked_for() -> None:
    found = verdict(AgentState.WORKING, 600, Limits(silent=60, restart_silent=True))

    assert found is not None
    assert found.remedy is Remedy.RESTART


def test_of_which_nothing_was_ever_seen_only_the_whole_time_counts() -> None:
    life = Life(
        ADA,
        AgentOrder("claude", "/", limits=Limits(idle=1, turn=1, silent=1)),
        Desired.RUNNING,
        Phase.RUNNING,
        "t",
        "t",
        START,
    )
    view = StateView(ADA, 1, AgentState.UNKNOWN, "", None)

    assert overdue(life, view, None, START + timedelta(days=1), interrupted=False) is None
