"""What real screens and titles of Gemini CLI 0.61 tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.agents.screens import drawn, recorded

from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.models.observations import Fact, ObservationSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json

SCREEN, TITLE = ObservationSource.SCREEN, ObservationSource.TITLE
Told = dict[tuple[Fact, ObservationSource], "Mapping[str, Json]"]


def seen(name: str) -> Told:
    sightings = Gemini().see(*recorded("gemini", name))
    return {(one.fact, one.source): one.value for one in sightings}


@pytest.mark.parametrize("name", ["idle", "denied", "interrupted"])
def test_an_idle_composer_holds_its_placeholder_and_no_draft(name: str) -> None:
    told = seen(name)

    assert told[Fact.COMPOSER, SCREEN]["holds"] == "ghost"
    assert told[Fact.ACTIVITY, SCREEN] == told[Fact.ACTIVITY, TITLE] == {"is": "idle"}
    assert told[Fact.DIALOG, SCREEN] == told[Fact.TROUBLE, SCREEN] == {}


def test_a_persons_text_is_a_draft_and_a_large_paste_is_known() -> None:
    assert seen("draft")[Fact.COMPOSER, SCREEN] == {"holds": "draft", "text": "half typed"}
    assert seen("pasted")[Fact.COMPOSER, SCREEN]["holds"] == "pasted"


@pytest.mark.parametrize("name", ["busy", "queued"])
def test_a_turn_that_runs_is_told_by_screen_and_title(name: str) -> None:
    told = seen(name)

    assert told[Fact.ACTIVITY, SCREEN] == told[Fact.ACTIVITY, TITLE] == {"is": "busy"}


def test_a_permission_is_told_with_its_tool_and_options() -> None:
    told = seen("approval")

    dialog = told[Fact.DIALOG, SCREEN]
    assert (dialog["asks"], dialog["tool"]) == ("permission", "Shell")
    assert dialog["input"] == {"command": "make all"}
    assert dialog["options"] == [
        "Allow once", "Allow for this session", "No, suggest changes (esc)"
    ]  # fmt: skip
    assert told[Fact.ACTIVITY, SCREEN]["is"] == "waiting"
    kind = Gemini()
    for choice, key in (("allow", "1"), ("allow_always", "2"), ("deny", "3")):
        assert [stroke.text for stroke in kind.answer(dialog, choice)] == [key]


@pytest.mark.parametrize(("name", "gate"), [("trust", "trust"), ("auth", "login")])
def test_a_gate_is_told_although_the_title_says_ready(name: str, gate: str) -> None:
    _, title = recorded("gemini", name)
    told = seen(name)

    assert "Ready" in title
    assert list(told) == [(Fact.GATE, SCREEN)]
    assert told[Fact.GATE, SCREEN]["name"] == gate


def test_the_title_of_a_question_says_that_a_person_is_waited_for() -> None:
    screen, _ = recorded("gemini", "idle")

    told = Gemini().see(screen, "\u270b  Action Required (proj)")

    assert [one.value for one in told if one.source is TITLE] == [{"is": "waiting"}]


def test_a_shells_screen_tells_nothing() -> None:
    assert Gemini().see(drawn("$ ls", "a  b", "$ "), "bash") == ()
    assert Gemini().see(drawn(), "") == ()
