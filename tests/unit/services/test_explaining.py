"""A state with its evidence, as text."""

from __future__ import annotations

import pytest
from tests.unit.services.observed import (
    ANN,
    HOOK,
    REGISTRY,
    SCREEN,
    does,
    moment,
    saw,
    sees,
)  # fmt: skip

from iterm_mcp.models.observations import Fact, Sighting
from iterm_mcp.services.states.explaining import MOST_LOSING, explain
from iterm_mcp.services.states.fusion import fuse


def test_what_decided_and_what_did_not_is_told_with_sources_and_ages() -> None:
    waits = Sighting(
        Fact.DIALOG, {"asks": "permission", "tool": "Bash"}, HOOK, '{"hook": "x\x1b[2J"}'
    )
    seen = [saw(1, does(REGISTRY, "waiting")), saw(2, waits), saw(3, does(SCREEN, "busy"))]

    text = explain(fuse(ANN, 1, seen, moment(63)), moment(63))

    assert text.split("\n") == [
        "ann (life 1): waiting_permission, for 61 s",
        "it asks for permission to use Bash",
        "",
        "decided by:",
        "  hook dialog asks=permission tool=Bash, 61 s ago (#0)",
        '    \u00ab{"hook": "x[2J"}\u00bb',
        "",
        "not believed:",
        "  screen activity busy, 60 s ago (#0): the registry is trusted more than the screen",
    ]


def test_of_an_agent_that_nobody_saw_that_is_told() -> None:
    text = explain(fuse(ANN, 3, [], moment(0)), moment(0))

    assert "unknown" in text
    assert "nothing that was seen decides" in text


def test_what_lost_is_cut_where_it_is_much() -> None:
    seen = [saw(1, does(REGISTRY, "idle"))]
    view = fuse(ANN, 1, seen, moment(9))
    lost = tuple((saw(n / 10, does(SCREEN, f"s{n}")), "why") for n in range(MOST_LOSING + 3))

    text = explain(type(view)(ANN, 1, view.state, "r", None, {}, view.winning, lost), moment(9))

    assert "and 3 older" in text
    assert text.count(": why") == MOST_LOSING


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.2 s"), (42, "42 s"), (150, "2 min"), (8000, "2 h"), (300000, "3 d")],
)
def test_ages_are_told_in_their_unit(seconds: float, words: str) -> None:
    seen = [saw(0, does(REGISTRY, "busy"))]

    assert f"activity busy, {words} ago" in explain(fuse(ANN, 1, seen, moment(seconds)),
                                                    moment(seconds))  # fmt: skip


def test_an_empty_value_that_lost_tells_nothing_and_is_left_out() -> None:
    seen = [saw(1, does(REGISTRY, "idle")), saw(1, sees(HOOK, Fact.DIALOG)),
            saw(2, sees(SCREEN, Fact.DIALOG))]  # fmt: skip

    assert "not believed" not in explain(fuse(ANN, 1, seen, moment(9)), moment(9))
