"""A message belongs to one life of its agent, and to one turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iterm_mcp.models.deliveries import DeliveryId, Stage
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.services.deliveries.evidence import TurnTracker
from iterm_mcp.testing.fake_clock import START

OLD, NEW = DeliveryId("d-1"), DeliveryId("d-2")


def tracking(stage: Stage) -> TurnTracker:
    tracker = TurnTracker()
    for delivery_id, epoch in ((OLD, 1), (NEW, 2)):
        since = START + timedelta(seconds=epoch)
        tracker.follow(delivery_id, "go", stage=stage, since=since, behind=False, epoch=epoch)
    return tracker


@pytest.mark.parametrize("stage", [Stage.WRITTEN, Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED])
def test_a_new_life_loses_what_the_former_had_not_ended(stage: Stage) -> None:
    tracker = tracking(stage)

    steps = tracker.lost("started anew", before=2)

    assert [(one.delivery_id, one.stage, one.reason) for one in steps] == [
        (OLD, Stage.UNKNOWN, "started anew")
    ]
    assert tracker.former(2) == (OLD,)
    assert tracker.former(3) == (OLD, NEW)


def test_a_message_of_which_the_life_is_not_known_belongs_to_all() -> None:
    tracker = TurnTracker()
    tracker.follow(OLD, "go", stage=Stage.STARTED, since=START, behind=False)

    assert tracker.former(9) == ()
    assert tracker.lost("started anew", before=9) == []
    assert [one.delivery_id for one in tracker.lost("it ended")] == [OLD]


def told(phase: str, seconds: float, *, dated: bool = True, prompt: str = "") -> Observation:
    at = START + timedelta(seconds=seconds)
    source = ObservationSource.TRANSCRIPT if dated else ObservationSource.HOOK
    value = {"phase": phase} | ({"at": at.isoformat()} if dated else {})
    value |= {"prompt": prompt} if prompt else {}
    return Observation(AgentName("ada"), 1, Sighting(Fact.TURN, value, source), at)


def behind_a_turn() -> TurnTracker:
    tracker = TurnTracker()
    tracker.follow(OLD, "go", stage=Stage.QUEUED, since=START, behind=True)
    return tracker


def stages(tracker: TurnTracker, *observations: Observation) -> list[Stage]:
    return [step.stage for one in observations for step in tracker.feed(one)]


def test_an_end_that_is_written_late_is_not_that_of_the_message_that_was_taken_next() -> None:
    tracker = behind_a_turn()

    begun = stages(tracker, told("dequeued", 2.0, prompt="go"), told("ended", 1.8))

    assert begun == [Stage.STARTED]
    assert stages(tracker, told("ended", 9.0)) == [Stage.ENDED]


def test_one_end_that_two_sources_tell_of_is_one() -> None:
    tracker = behind_a_turn()

    twice = stages(tracker, told("ended", 1.8, dated=False), told("ended", 1.7))

    assert twice == []
    assert stages(tracker, told("ended", 9.0, dated=False)) == [Stage.ENDED]
