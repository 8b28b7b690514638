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


def test_what_was_told_of_cancelling_is_no_work() -> None:
    told_so = drawn(
        " > Explain:", "   Thinking... (esc to cancel, 1s)", "   retrying in 5s", "", "✦ ok", "",
        "─" * 90, " Shift+Tab to accept edits", "", " > ", "", " workspace", cursor=(3, 9),
    )  # fmt: skip

    told = {one.fact: one.value for one in Gemini().see(told_so, "")}

    assert told[Fact.ACTIVITY] == {"is": "idle"}
    assert told[Fact.TROUBLE] == {}


def test_a_shells_screen_tells_nothing() -> None:
    assert Gemini().see(drawn("$ ls", "a  b", "$ "), "bash") == ()
    assert Gemini().see(drawn(), "") == ()


HINTS = (
    "                ? for shortcuts", "\u2500" * 40, " Shift+Tab to accept edits",
    " >   Type your message or @path/to/file", "", " workspace (/directory)", " ~/project",
)  # fmt: skip
AGAIN = " Gemini CLI is restarting to apply the trust changes..."


def told(*rows: str) -> list[dict[str, object]]:
    screen = drawn(*rows, cursor=(3, len(rows) - 4))
    sightings = Gemini().see(screen, "\u25c7  Ready (project)")
    return [dict(one.value) for one in sightings if one.fact is Fact.ACTIVITY]


def test_a_composer_with_nothing_above_it_is_early_by_screen_and_title() -> None:
    assert told(*HINTS) == [{"is": "idle", "early": True}] * 2
    assert told("Tips for getting started:", *HINTS) == [{"is": "idle"}] * 2


def test_a_restart_after_the_gate_is_a_start_until_the_next_header() -> None:
    gate = (
        "\u2502 \u25cf 1. Trust folder (project) \u2502",
        "\u2502   2. Don't trust \u2502",
        AGAIN,
    )

    assert told(*gate, "typed too soon") == [{"is": "starting"}]
    assert told(*gate, *HINTS) == [{"is": "idle", "early": True}] * 2
    assert told(*gate, "Tips for getting started:", *HINTS) == [{"is": "idle"}] * 2


def test_the_trust_gate_is_known_by_its_options_where_its_question_has_left_the_pane() -> None:
    inner = (
        "change the behavior of the CLI.", "", "\u25cf 1. Trust folder (project)",
        "  2. Trust parent folder (ann)", "  3. Don't trust",
    )  # fmt: skip
    rows = [*(f"\u2502 {row:36} \u2502" for row in inner), "\u2570" + "\u2500" * 38 + "\u256f"]

    (gate,) = Gemini().see(drawn(*rows), "")

    assert (gate.fact, gate.value["name"]) == (Fact.GATE, "trust")
