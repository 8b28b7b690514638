"""The stages of a delivery."""

from __future__ import annotations

import pytest

from iterm_mcp.models.deliveries import FINAL, MOVES, Stage


def test_every_stage_has_its_moves() -> None:
    assert set(MOVES) == set(Stage)


@pytest.mark.parametrize("stage", sorted(FINAL - {Stage.UNKNOWN}))
def test_nothing_comes_after_a_final_stage(stage: Stage) -> None:
    assert not MOVES[stage]


def test_what_was_submitted_is_never_called_refused_or_expired() -> None:
    reached: set[Stage] = set()
    todo = [Stage.SUBMITTED]
    while todo:
        reached |= (found := MOVES[todo.pop()] - reached)
        todo += found
    assert not reached & {Stage.ACCEPTED, Stage.REFUSED, Stage.EXPIRED}


def test_every_final_stage_can_be_reached() -> None:
    reached, todo = {Stage.ACCEPTED}, [Stage.ACCEPTED]
    while todo:
        reached |= (found := MOVES[todo.pop()] - reached)
        todo += found
    assert reached == set(Stage)
