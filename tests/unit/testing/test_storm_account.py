"""The account of a storm finds every receipt that is wrong, and only those."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.stress.storm_account import Kept, settle
from tests.stress.storm_crew import Member
from tests.stress.storm_messages import ORDERS, Sent, make_message, possible

from iterm_mcp.models.deliveries import Stage

START = datetime(2026, 11, 21, tzinfo=UTC)
TEXT = "message 1 for ann \u276f and so on"


def line(what: str, at: float = 1.0, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    moment = (START + timedelta(seconds=at)).isoformat()
    return {"what": what, "at": moment, "pid": 7, **more}


def got(text: str = TEXT, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return line("received", unwrapped=text, source="typed", number=1, **more)


def faults(stage: Stage | None, *lines: dict[str, Any], kind: str = "claude") -> list[str]:
    """Return the first lines of what is found wrong with one message."""
    member = Member("ann", kind, Path("/nowhere"), lines=list(lines))
    moves = (("accepted", START.isoformat(), "", ""), (str(stage), START.isoformat(), "why", ""))
    kept = {} if stage is None else {("ann", TEXT): Kept(stage, START, moves)}
    account = settle([Sent("ann", TEXT)], [member], kept)
    assert sum(account.outcomes.values()) == 1
    return [one.split("\n")[0] for one in account.faults]


@pytest.mark.parametrize(
    ("stage", "lines", "wrong"),
    [
        (Stage.ENDED, [got()], ""),
        (Stage.ENDED, [], "was lost"),
        (Stage.ENDED, [got(), got()], "came twice"),
        (Stage.REFUSED, [], ""),
        (Stage.REFUSED, [got()], "was refused falsely"),
        (Stage.EXPIRED, [got()], "was refused falsely"),
        (Stage.STARTED, [got()], "has no end"),
        (None, [], "has no end"),
        (Stage.UNKNOWN, [], ""),
        (Stage.UNKNOWN, [got(), got()], "came twice"),
        (Stage.UNKNOWN, [got()], ""),
        (
            Stage.UNKNOWN,
            [got(), line("turn_ended", 2, numbers=[1]), line("state", 60)],
            "is unknown falsely",
        ),
        (Stage.UNKNOWN, [got(), line("turn_ended", 2, numbers=[1]), line("state", 5)], ""),
    ],
)
def test_a_receipt_is_wrong_where_the_agents_record_says_otherwise(
    stage: Stage | None, lines: list[dict[str, Any]], wrong: str
) -> None:
    found = faults(stage, *lines)

    assert [one.endswith(wrong) for one in found] == ([True] if wrong else [])


def test_a_line_program_tells_no_ends_and_may_leave_a_message_submitted() -> None:
    assert faults(Stage.SUBMITTED, got(), kind="lines") == []
    assert faults(Stage.WRITTEN, kind="lines")


def test_what_came_together_with_a_persons_text_came_and_half_a_message_is_a_fault() -> None:
    assert faults(Stage.ENDED, got(f"{TEXT}half a thought")) == []
    assert len(faults(Stage.REFUSED, got("message 1 for ann"))) == 1


@pytest.mark.parametrize("kind", ["claude", "codex", "gemini", "claude-headless", "lines"])
def test_messages_are_the_seeds_alone_and_bring_what_their_agent_can(kind: str) -> None:
    def run() -> list[Sent]:
        dice = Random(3)
        return [make_message(dice, "ann", kind, one, may_crash=True) for one in range(400)]

    messages = run()
    assert messages == run()
    assert len({one.text for one in messages}) == 400
    brought = {one.fault for one in messages} - {""}
    assert brought <= possible(kind) <= set(ORDERS)
    assert len(brought) >= len(possible(kind)) * 0.6
    if kind == "lines":
        assert not any("\n" in one.text for one in messages)
