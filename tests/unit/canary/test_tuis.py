"""What counts as drift between a TUI and its persona, and as not seen."""

from __future__ import annotations

from scripts.canary.tuis import compare
from scripts.canary.watched import Check

READY = Check("codex: a_turn", "state", "ready")


def test_what_both_showed_in_time_agrees() -> None:
    assert [one.agrees for one in compare([READY], [READY])] == [True]


def test_what_differs_what_never_came_and_what_is_missing_does_not_agree() -> None:
    never = Check("codex: a_turn", "state ready", "never", came=False)
    busy = Check("codex: a_turn", "state", "working")

    assert [one.agrees for one in compare([READY], [busy])] == [False]
    assert [one.agrees for one in compare([never], [never])] == [False]
    assert [one.agrees for one in compare([READY, busy], [READY])] == [True, False]
