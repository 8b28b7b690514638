"""How the run of an agent stands, from all that is known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.models.agent_lives import AgentOrder, Desired, Life, Phase
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.approvals import Approval, ApprovalId, Asks
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.services.tasks.judging import (
    ASKED_SECONDS,
    QUIET_SECONDS,
    UNCLEAR_SECONDS,
    UNTOLD_SECONDS,
    VAIN_LIVES,
    Known,
    judge,
    last_turn,
)
from iterm_mcp.tasks.work import Ending
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from datetime import datetime


ADA = AgentName("ada")
LATER = START + timedelta(hours=1)


def life(**changes: Any) -> Life:  # noqa: ANN401
    one = Life(
        ADA, AgentOrder("claude", "/work"), Desired.RUNNING, Phase.RUNNING, "token", "trace", START,
        epoch=1,
    )  # fmt: skip
    return replace(one, **changes)


def view(state: AgentState, since: datetime | None = START, reason: str = "why") -> StateView:
    return StateView(ADA, 1, state, reason, since)


def delivery(*stages: Stage, at: datetime = START, reason: str = "") -> Delivery:
    moves = tuple(Move(one, at, reason) for one in stages)
    return Delivery(
        DeliveryId("d-1"), ADA, SessionId("s"), "text", Policy.MESSAGE, 0, START, LATER, moves
    )


def known(state: AgentState = AgentState.READY, stage: Stage = Stage.ENDED, **more: Any) -> Known:  # noqa: ANN401
    base = Known(life(), view(state), delivery(stage))
    return replace(base, **more)


def ending(one: Known, now: datetime = LATER) -> Ending:
    found = judge(one, now).ending
    assert found is not None
    return found


@pytest.mark.parametrize(
    "state", [AgentState.READY, AgentState.DONE, AgentState.DRAFT], ids=lambda one: one.value
)
def test_a_turn_that_has_ended_while_the_agent_rests_is_the_end(state: AgentState) -> None:
    assert ending(known(state, turn="ended")).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    "state",
    [
        AgentState.WORKING, AgentState.BACKGROUND, AgentState.COMPACTING, AgentState.RATE_LIMITED,
        AgentState.RESTARTING, AgentState.UNKNOWN,
    ],
    ids=lambda one: one.value,
)  # fmt: skip
def test_who_works_on_or_is_not_seen_to_rest_has_not_ended(state: AgentState) -> None:
    assert judge(known(state), LATER).ending is None


@pytest.mark.parametrize(
    ("state", "turn", "says"),
    [
        (AgentState.FAILED, "", "failed"),
        (AgentState.READY, "failed", "failed"),
        (AgentState.INTERRUPTED, "", "interrupted"),
        (AgentState.READY, "interrupted", "interrupted"),
    ],
    ids=["failed state", "failed turn", "interrupted state", "interrupted turn"],
)
def test_a_turn_that_was_cut_short_fails_it(state: AgentState, turn: str, says: str) -> None:
    found = ending(known(state, turn=turn))

    assert found.outcome is Outcome.FAILED
    assert says in found.reason


def test_what_is_gone_fails_it() -> None:
    assert "gone" in ending(known(life=None)).reason
    assert "gone" in ending(known(view=None)).reason
    assert "nothing is known" in ending(known(delivery=None)).reason


@pytest.mark.parametrize("stage", [Stage.REFUSED, Stage.EXPIRED], ids=lambda one: one.value)
def test_an_agent_that_could_not_be_told_fails_it(stage: Stage) -> None:
    told = known(delivery=delivery(stage, reason="a draft stands there"))

    assert "a draft stands there" in ending(told).reason


def test_the_end_of_its_process_counts_by_what_it_had_done() -> None:
    gone = life(phase=Phase.ENDED, reason="it ended with code 1")

    assert ending(known(life=gone)).outcome is Outcome.SUCCEEDED
    unheard = known(stage=Stage.STARTED, life=gone)
    assert ending(replace(unheard, result=True)).outcome is Outcome.SUCCEEDED
    assert "code 1" in ending(unheard).reason
    crashed = life(phase=Phase.QUARANTINED, reason="three times")
    assert "three times" in ending(known(life=crashed)).reason


def test_an_agent_that_never_comes_up_is_not_waited_for_until_its_quarantine() -> None:
    again = {"phase": Phase.RESTARTING, "reason": "it ended with code 1"}
    third = life(epoch=VAIN_LIVES, **again)
    assert ending(known(stage=Stage.ACCEPTED, life=third)) == Ending(
        Outcome.FAILED, "its agent ended 3 times before it could be told: it ended with code 1"
    )
    assert judge(known(stage=Stage.ACCEPTED, life=life(epoch=2, **again)), LATER).ending is None
    assert judge(known(stage=Stage.ACCEPTED, life=life(epoch=3)), LATER).ending is None
    working = known(AgentState.WORKING, Stage.STARTED, life=third)
    assert judge(working, LATER).ending is None


def test_a_person_is_asked_what_the_dialog_says_once_rules_have_had_their_time() -> None:
    approval = Approval(
        ApprovalId("a"), ADA, 1, Asks.PERMISSION, "Bash", {"command": "rm -rf x"}, "", ("yes",),
        START,
    )  # fmt: skip
    asks = known(AgentState.WAITING_PERMISSION, Stage.STARTED, approval=approval, asks_since=START)

    soon, late = (START + timedelta(seconds=ASKED_SECONDS + one) for one in (-0.1, 0.1))
    assert judge(asks, soon).ending is None
    assert ending(asks, late).question == "Bash rm -rf x (yes)"
    assert judge(asks, late).held


def test_what_only_looks_like_a_question_must_last() -> None:
    asks = known(AgentState.WAITING_QUESTION, Stage.STARTED, asks_since=START)
    gate = known(AgentState.GATE, Stage.ACCEPTED, asks_since=START)

    early = START + timedelta(seconds=UNCLEAR_SECONDS - 1)
    assert judge(asks, early).ending is None
    assert ending(gate, early).question == "why"
    assert ending(asks, LATER).question == "why"
    assert judge(replace(asks, asks_since=None), LATER).ending is None


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"result": True}, Outcome.SUCCEEDED),
        ({"life": life(epoch=2, begun_at=START + timedelta(minutes=1))}, Outcome.SUCCEEDED),
        (
            {"life": life(epoch=2, begun_at=START), "delivery": delivery(Stage.UNKNOWN)},
            Outcome.FAILED,
        ),
        ({"delivery": delivery(Stage.UNKNOWN, reason="lost")}, Outcome.FAILED),
        ({}, None),
        ({"life": life(epoch=2, pending="go on")}, None),
    ],
    ids=["result", "went on", "came up late", "unknown", "nothing told", "to be told"],
)
def test_where_nobody_tells_of_the_end_of_a_turn_rest_counts(
    change: dict[str, Any], outcome: Outcome | None
) -> None:
    one = known(stage=Stage.WRITTEN, **change)
    early = START + timedelta(seconds=QUIET_SECONDS - 1)

    assert judge(one, early).ending is None
    found = judge(one, LATER).ending
    assert (found and found.outcome) is outcome


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [
        (Stage.SUBMITTED, Outcome.SUCCEEDED),
        (Stage.STARTED, Outcome.SUCCEEDED),
        (Stage.WRITTEN, None),
        (Stage.QUEUED, None),
    ],
)
def test_a_turn_of_whose_end_nobody_tells_is_over_after_a_long_rest(
    stage: Stage, outcome: Outcome | None
) -> None:
    one = known(stage=stage)
    early = START + timedelta(seconds=UNTOLD_SECONDS - 1)

    assert judge(one, early).ending is None
    found = judge(one, LATER).ending
    assert (found and found.outcome) is outcome
    assert judge(known(AgentState.WORKING, stage=stage), LATER).ending is None


def test_a_suspended_agent_is_held() -> None:
    assert judge(known(AgentState.WORKING, life=life(desired=Desired.PAUSED)), LATER).held
    assert not judge(known(AgentState.WORKING), LATER).held


def seen(
    source: ObservationSource, phase: str, epoch: int = 1, fact: Fact = Fact.TURN
) -> Observation:
    sighting = Sighting(fact, {"phase": phase}, source)
    return Observation(agent=ADA, epoch=epoch, sighting=sighting, at=START, number=1)


def test_the_worst_that_any_source_says_last_is_how_a_turn_ended() -> None:
    hook, transcript = ObservationSource.HOOK, ObservationSource.TRANSCRIPT

    assert last_turn([], 1) == ""
    assert last_turn([seen(hook, "started"), seen(hook, "ended")], 1) == "ended"
    assert last_turn([seen(hook, "failed"), seen(transcript, "started")], 1) == "failed"
    assert last_turn([seen(hook, "failed"), seen(hook, "started"), seen(hook, "ended")], 1) == (
        "ended"
    )
    assert last_turn([seen(hook, "ended"), seen(transcript, "interrupted")], 1) == "interrupted"
    assert last_turn([seen(hook, "failed", epoch=1), seen(hook, "ended", epoch=2)], 2) == "ended"
    assert last_turn([seen(hook, "failed", fact=Fact.ACTIVITY)], 1) == ""
