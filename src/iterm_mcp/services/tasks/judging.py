"""How the run of an agent stands, from all that is known of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.agent_states import NEEDS_PERSON, AgentState
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.services.tasks.supervising import Sight
from iterm_mcp.services.untrusted import sanitise
from iterm_mcp.tasks.work import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.observations import Observation

ASKED_SECONDS = 2.0
"""How long it must ask before a person is troubled: rules, or a template's trust, answer at once.
"""

UNCLEAR_SECONDS = 10.0
"""The same where it is seen to ask, and nobody knows what: that may be over already."""

QUESTION_CHARACTERS = 2000

QUIET_SECONDS = 10.0
"""How long it must be at rest where nobody tells of the end of its turn."""

UNTOLD_SECONDS = 60.0
"""The same where it has neither handed over a result nor been told to go on: that its turn is over
is known from its rest alone, as when the word of the end was lost with a daemon."""

VAIN_LIVES = 3
"""So many lives of an agent may end before it could be told anything: it does not come up. (One or
two may be the terminal's fault.) What has worked is started again until it is quarantined."""

FINISHED = frozenset({AgentState.READY, AgentState.DONE, AgentState.DRAFT})
"""States at rest after a turn that nothing has cut short."""

ASKING = frozenset({AgentState.WAITING_PERMISSION, AgentState.WAITING_QUESTION})
_TAKEN = frozenset({Stage.SUBMITTED, Stage.STARTED})
_TYPED = frozenset({Stage.WRITTEN, Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED, Stage.UNKNOWN})
_HELD = frozenset({AgentState.RATE_LIMITED, AgentState.SUSPENDED}) | NEEDS_PERSON


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an agent's run.

    Attributes:
        life: None when it was forgotten, or never was.
        view: None when it is not registered.
        delivery: What it was told to do; None when nothing is known of that.
        approval: What it asks a person, if its dialog is known.
        asks_since: Since when it was seen to wait for a person; None while it does not.
        turn: How its last turn ended: ended, failed or interrupted; empty when nobody tells.
        result: It has handed over a result.
        heard_at: When anything that comes from itself was last seen.
    """

    life: Life | None
    view: StateView | None
    delivery: Delivery | None
    approval: Approval | None = None
    asks_since: datetime | None = None
    turn: str = ""
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
        or _never_came_up(life, delivery)
        or _undelivered(delivery)
        or _asks(known, view, now)
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


def _never_came_up(life: Life, delivery: Delivery) -> Ending | None:
    down = life.phase is Phase.RESTARTING and life.epoch >= VAIN_LIVES
    if not down or delivery.stage in _TYPED or delivery.stage is Stage.ENDED:
        return None
    return _failed(f"its agent ended {life.epoch} times before it could be told: {life.reason}")


def _undelivered(delivery: Delivery) -> Ending | None:
    if delivery.stage not in {Stage.REFUSED, Stage.EXPIRED}:
        return None
    why = delivery.moves[-1].reason or delivery.stage.value
    return _failed(f"its agent could not be told what to do: {why}")


def _asks(known: Known, view: StateView, now: datetime) -> Ending | None:
    if view.state not in NEEDS_PERSON or known.asks_since is None:
        return None
    asked = known.approval
    patience = UNCLEAR_SECONDS if view.state in ASKING and asked is None else ASKED_SECONDS
    if now - known.asks_since < timedelta(seconds=patience):
        return None
    question = view.reason or f"its agent is {view.state.value}"
    if asked is not None:
        question = _words(asked) or question
    return Ending(Outcome.FAILED, "it waits for a person", question=question)


def _words(asked: Approval) -> str:
    """Return what is asked, with what may be answered."""
    given = next((str(one) for one in asked.input.values() if isinstance(one, str)), "")
    text = asked.text or " ".join(filter(None, (asked.tool, given)))
    options = f" ({' | '.join(asked.options)})" if asked.options else ""
    return sanitise(f"{text}{options}")[:QUESTION_CHARACTERS]


def _turn_ended(
    known: Known, life: Life, view: StateView, delivery: Delivery, now: datetime
) -> Ending | None:
    if delivery.stage is Stage.ENDED:
        return _by_state(known, view)
    if view.state not in FINISHED or delivery.stage not in _TYPED or life.pending:
        return None
    last = delivery.moves[-1]
    if not _lasts(view, now, QUIET_SECONDS) or now - last.at < timedelta(seconds=QUIET_SECONDS):
        return None
    if known.result or _told_to_go_on(life, delivery):  # and that turn is over
        return Ending(Outcome.SUCCEEDED)
    if delivery.stage is Stage.UNKNOWN:
        return _failed(f"whether its agent took what it was told is not known: {last.reason}")
    rested = _lasts(view, now, UNTOLD_SECONDS) and now - last.at >= timedelta(
        seconds=UNTOLD_SECONDS
    )
    return Ending(Outcome.SUCCEEDED) if rested and delivery.stage in _TAKEN else None


def _told_to_go_on(life: Life, delivery: Delivery) -> bool:
    """Tell whether its life began after it was told: one that began before was told nothing."""
    told = [one.at for one in delivery.moves if one.stage is Stage.LEASED] or [delivery.accepted_at]
    return life.epoch > 1 and life.begun_at is not None and life.begun_at > told[-1]


def _by_state(known: Known, view: StateView) -> Ending | None:
    rests = view.state in FINISHED
    if view.state is AgentState.FAILED or (rests and known.turn == "failed"):
        return _failed(f"its agent's turn failed: {view.reason}")
    if view.state is AgentState.INTERRUPTED or (rests and known.turn == "interrupted"):
        return _failed("its agent's turn was interrupted")
    # Else it works on, by itself or on what somebody else has told it since.
    return Ending(Outcome.SUCCEEDED) if rests else None


def last_turn(observations: Iterable[Observation], epoch: int) -> str:
    """Return how the last turn of an agent's life ended, the worst that any source says last.

    Sources lag behind each other, so what one says of the beginning may come after the end.
    """
    last = {
        one.sighting.source: str(one.sighting.value.get("phase"))
        for one in observations
        if one.epoch == epoch and one.sighting.fact is Fact.TURN
    }
    told = set(last.values())
    return next((one for one in ("failed", "interrupted", "ended") if one in told), "")


def _failed(reason: str) -> Ending:
    return Ending(Outcome.FAILED, reason)


def _lasts(view: StateView, now: datetime, seconds: float) -> bool:
    return view.since is None or now - view.since >= timedelta(seconds=seconds)
