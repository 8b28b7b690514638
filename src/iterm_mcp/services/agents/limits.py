"""How long an agent may go on, and what follows when it went on for longer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.models.agent_states import AgentState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.agent_states import StateView

AT_WORK = frozenset({AgentState.WORKING, AgentState.COMPACTING})
AT_REST = frozenset({AgentState.READY, AgentState.DONE, AgentState.FAILED, AgentState.INTERRUPTED})
"""With a draft in its composer, or a background job, an agent is not idle."""

TURN_GRACE_SECONDS = 30.0
"""How long a turn that was interrupted for being too long may take to end."""


class Remedy(StrEnum):
    """What is done with an agent that has gone on for too long."""

    STOP = "stop"
    INTERRUPT = "interrupt"
    RESTART = "restart"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class Overdue:
    """An agent is over one of its limits."""

    remedy: Remedy
    reason: str


def overdue(
    life: Life, view: StateView, last_sign: datetime | None, now: datetime, *, interrupted: bool
) -> Overdue | None:
    """Return what is to be done with a running agent, the most final first; None for nothing.

    Waiting for a person, a rate limit or a restart counts for no limit but the total.

    Args:
        last_sign: When anything was last seen to come from the agent; None when nothing ever was.
        interrupted: Its present turn was interrupted for being too long.
    """
    found = _all(life, view, last_sign, now, interrupted=interrupted)
    return next(found, None)


def _all(
    life: Life, view: StateView, last_sign: datetime | None, now: datetime, *, interrupted: bool
) -> Iterator[Overdue]:
    limits = life.order.limits
    if limits.total and _seconds(life.ordered_at, now) > limits.total:
        yield Overdue(Remedy.STOP, f"its {limits.total:g} s in all are over")
    if view.since is None:
        return
    took = _seconds(view.since, now)
    if view.state in AT_REST and limits.idle and took > limits.idle:
        yield Overdue(Remedy.STOP, f"it had nothing to do for {limits.idle:g} s")
    if view.state not in AT_WORK:
        return
    if limits.turn and took > limits.turn + TURN_GRACE_SECONDS and interrupted:
        yield Overdue(Remedy.STOP, f"its turn went on after {limits.turn:g} s and an interruption")
    if limits.turn and took > limits.turn and not interrupted:
        yield Overdue(Remedy.INTERRUPT, f"its turn takes longer than {limits.turn:g} s")
    quiet = _seconds(max(last_sign or view.since, view.since), now)
    if limits.silent and quiet > limits.silent:
        remedy = Remedy.RESTART if limits.restart_silent else Remedy.TELL
        yield Overdue(remedy, f"it works, and has given no sign of life for {limits.silent:g} s")


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
