"""A message belongs to the life of the agent in which it was typed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iterm_mcp.models.deliveries import DeliveryId, Stage
from iterm_mcp.services.delivery_evidence import TurnTracker
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
