"""How the run of an agent stands, from all that is known of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.agent_states import NEEDS_PERSON, AgentState
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.services.tasks.supervising import Sight
from iterm_mcp.tasks.work import Ending

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.deliveries import Delivery

ASKED_SECONDS = 2.0
"""How long it must ask before a person is troubled: rules, or a template's trust, answer at once.
"""

QUIET_SECONDS = 10.0
"""How long it must be at rest where nobody tells of the end of its turn."""

FINISHED = frozenset({AgentState.READY, AgentState.DONE, AgentState.DRAFT})
"""States at rest after a turn that nothing has cut short."""

_TYPED = frozenset({Stage.WRITTEN, Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED, Stage.UNKNOWN})
_HELD = frozenset({AgentState.RATE_LIMITED, AgentState.SUSPENDED}) | NEEDS_PERSON


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an agent's run.

    Attributes:
        life: None when it was forgotten, or never was.
        view: None when it is not registered.
        delivery: What it was told to do; None when nothing is known of that.
        result: It has handed over a result.
        heard_at: When anything that comes from itself was last seen.
    """

    life: Life | None
    view: StateView | None
    delivery: Delivery | None
    result: bool = False
    heard_at: datetime | None = None


def judge(known: Known, now: datetime) -> Sight:
    """Return how an agent's run stands.

    A turn that has ended is not: the work is done. That is for who looks at the result.
    """
    life, view, delivery = known.life, known.view, known.delivery
    if life is None or view is None:
        return Sight(_failed("its agent is gone"))
    if delivery is None:
        return Sight(_failed("nothing is known of what its agent was told"))
    ending = (
        _process_ended(known, life)
        or _undelivered(delivery)
        or _asks(view, now)
        or _turn_ended(known, life, view, delivery, now)
    )
    held = life.desired is Desired.PAUSED or view.state in _HELD
    return Sight(ending, known.heard_at, held)


def _process_ended(known: Known, life: Life) -> Ending | None:
    if life.phase is Phase.QUARANTINED:
        return _failed(f"its agent crashed too often: {life.reason}")
    if life.phase is not Phase.ENDED:
        return None
    told = known.delivery is not None and known.delivery.stage is Stage.ENDED
    if told or known.result:
        return Ending(Outcome.SUCCEEDED)
    return _failed(f"its agent has ended: {life.reason or 'nobody knows why'}")


def _undelivered(delivery: Delivery) -> Ending | None:
    if delivery.stage not in {Stage.REFUSED, Stage.EXPIRED}:
        return None
    why = delivery.moves[-1].reason or delivery.stage.value
    return _failed(f"its agent could not be told what to do: {why}")


def _asks(view: StateView, now: datetime) -> Ending | None:
    if view.state not in NEEDS_PERSON or not _lasts(view, now, ASKED_SECONDS):
        return None
    question = view.reason or f"its agent is {view.state.value}"
    return Ending(Outcome.FAILED, "it waits for a person", question=question)


def _turn_ended(
    known: Known, life: Life, view: StateView, delivery: Delivery, now: datetime
) -> Ending | None:
    if delivery.stage is Stage.ENDED:
        return _by_state(view)
    if view.state not in FINISHED or delivery.stage not in _TYPED or life.pending:
        return None
    last = delivery.moves[-1]
    if not _lasts(view, now, QUIET_SECONDS) or now - last.at < timedelta(seconds=QUIET_SECONDS):
        return None
    if known.result or life.epoch > 1:  # it was told to go on, and that turn is over
        return Ending(Outcome.SUCCEEDED)
    if delivery.stage is Stage.UNKNOWN:
        return _failed(f"whether its agent took what it was told is not known: {last.reason}")
    return None


def _by_state(view: StateView) -> Ending | None:
    match view.state:
        case AgentState.FAILED:
            return _failed(f"its agent's turn failed: {view.reason}")
        case AgentState.INTERRUPTED:
            return _failed("its agent's turn was interrupted")
        case state if state in FINISHED:
            return Ending(Outcome.SUCCEEDED)
        case _:  # it works on, by itself or on what somebody else has told it since
            return None


def _failed(reason: str) -> Ending:
    return Ending(Outcome.FAILED, reason)


def _lasts(view: StateView, now: datetime, seconds: float) -> bool:
    return view.since is None or now - view.since >= timedelta(seconds=seconds)
