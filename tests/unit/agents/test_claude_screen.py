"""What recorded screens of a real Claude Code tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iterm_mcp.agents.claude_screen import screen_sightings
from iterm_mcp.models.observations import Fact, ObservationSource
from iterm_mcp.models.output import OutputLine, TextStyle
from iterm_mcp.models.sessions import Screen, Size

RECORDED = Path(__file__).parents[2] / "fixtures" / "claude" / "screens"
RULE = "─" * 100
MARK = "\u276f"


def recorded(name: str) -> tuple[Screen, str, tuple[OutputLine, ...]]:
    """Return a recorded screen, its title, and its rows with what was faint of them."""
    seen = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    size = Size(seen["columns"], seen["rows"])
    row, column = seen["cursor"]
    screen = Screen(tuple(seen["lines"]), 0, column, row, size)
    styled = []
    for at, text in enumerate(screen.lines):
        runs: list[TextStyle] = []
        column = 0
        for _, start, end in (one for one in seen["faint"] if one[0] == at):
            runs += [TextStyle(start - column), TextStyle(end - start, faint=True)]
            column = end
        styled.append(OutputLine(text, styles=(*runs, TextStyle(size.columns - column))))
    return screen, seen["title"], tuple(styled)


def told(name: str, *, styles: bool = False) -> dict[Fact, dict[str, Any]]:
    screen, title, styled = recorded(name)
    found = screen_sightings(screen, title, styled if styles else ())
    return {one.fact: dict(one.value) for one in found if one.source is ObservationSource.SCREEN}


def drawn(*rows: str, cursor: tuple[int, int] = (0, 0)) -> Screen:
    return Screen(rows, 0, cursor[1], cursor[0], Size(100, len(rows)))


@pytest.mark.parametrize("styles", [False, True])
@pytest.mark.parametrize(
    ("name", "activity", "composer"),
    [
        ("fresh", "idle", {"holds": "nothing"}),
        ("idle", "idle", {"holds": "nothing"}),
        ("busy", "busy", {"holds": "nothing"}),
        ("draft", "idle", {"holds": "draft", "text": "half a thought"}),
        ("draft_lines", "idle", {"holds": "draft", "text": "one\ntwo\nthree"}),
        ("draft_pasted", "idle", {"holds": "pasted", "text": "[Pasted text #1 +4 lines]"}),
        ("bang", "idle", {"holds": "draft", "text": "!ls"}),
        ("slash_menu", "idle", {"holds": "draft", "text": "/he"}),
        ("restored", "idle", {"holds": "draft", "text": "victim [[work 60]]"}),
    ],
)
def test_the_composer_and_what_goes_on_are_read(
    name: str, activity: str, composer: dict[str, str], *, styles: bool
) -> None:
    facts = told(name, styles=styles)

    assert facts[Fact.COMPOSER] == composer
    assert facts[Fact.ACTIVITY] == {"is": activity}
    assert facts[Fact.DIALOG] == {}
    assert facts[Fact.GATE] == {}
    assert facts[Fact.TROUBLE] == {}


@pytest.mark.parametrize("styles", [False, True])
def test_a_dim_suggestion_is_no_draft(*, styles: bool) -> None:
    assert told("queued", styles=styles)[Fact.COMPOSER] == {
        "holds": "ghost", "text": "Press up to edit queued messages",
    }  # fmt: skip


def test_a_draft_whose_cursor_was_moved_to_its_start_is_known_by_its_styles() -> None:
    rows = (RULE, f"{MARK} half", RULE, "  ? for shortcuts")
    plain = [OutputLine(row, styles=(TextStyle(100),)) for row in rows]
    faint = (TextStyle(2), TextStyle(1, inverse=True), TextStyle(3, faint=True))
    dim = [OutputLine(row, styles=faint) for row in rows]

    def holds(styles: list[OutputLine]) -> object:
        found = screen_sightings(drawn(*rows, cursor=(1, 2)), "", styles)
        return next(one.value["holds"] for one in found if one.fact is Fact.COMPOSER)

    assert holds(plain) == "draft"
    assert holds(dim) == "ghost"
    assert holds([]) == "ghost"  # without styles the cursor has to do


def test_a_message_that_waits_for_the_turns_end_is_seen() -> None:
    assert told("queued")[Fact.TURN] == {"phase": "queued", "prompt": "second"}


def test_a_shell_that_goes_on_is_counted() -> None:
    assert told("background")[Fact.BACKGROUND] == {"count": 1}
    assert told("idle")[Fact.BACKGROUND] == {}


@pytest.mark.parametrize(
    ("name", "tool", "words"),
    [
        ("permission_bash", "Bash", "touch xx"),
        ("permission_write", "Write", "new.txt"),
        ("permission_edit", "Edit", "+zwei"),
        ("permission_fetch", "WebFetch", "example.com"),
    ],
)
def test_a_permission_is_read_with_its_tool_and_options(name: str, tool: str, words: str) -> None:
    facts = told(name)

    dialog = facts[Fact.DIALOG]
    assert (dialog["asks"], dialog["tool"]) == ("permission", tool)
    assert words in dialog["text"]
    assert dialog["options"][0] == "Yes"
    assert dialog["options"][-1].startswith("No")
    assert (dialog["marked"], dialog["numbered"]) == (0, True)
    assert facts[Fact.ACTIVITY] == {"is": "waiting", "for": "permission prompt"}
    assert Fact.COMPOSER not in facts


def test_a_question_is_read_with_its_choices_alone() -> None:
    dialog = told("question")[Fact.DIALOG]

    assert dialog["asks"] == "question"
    assert dialog["options"][:2] == ["left", "right"]
    assert "Which one?" in dialog["text"]


def test_a_dialog_keeps_its_id_while_it_stands_and_another_has_another() -> None:
    ids = {told(f"permission_{one}")[Fact.DIALOG]["id"] for one in ("bash", "edit", "bash")}

    assert len(ids) == 2


def test_an_idle_title_is_not_believed_while_a_dialog_stands() -> None:
    screen, title, _ = recorded("permission_bash")

    assert title.startswith("✳")
    found = screen_sightings(screen, title)
    assert not [one for one in found if one.source is ObservationSource.TITLE]


@pytest.mark.parametrize(("name", "activity"), [("idle", "idle"), ("busy", "busy")])
def test_the_title_tells_whether_it_works(name: str, activity: str) -> None:
    screen, title, _ = recorded(name)

    found = screen_sightings(screen, title)

    assert [one.value for one in found if one.source is ObservationSource.TITLE] == [
        {"is": activity}
    ]


@pytest.mark.parametrize(
    ("name", "gate"),
    [
        ("gate_trust", "trust"), ("gate_theme", "theme"), ("gate_login", "login"),
        ("gate_key", "api_key"), ("gate_resume", "resume"), ("transcript_view", "transcript"),
    ],
)  # fmt: skip
def test_what_stands_before_the_composer_is_named(name: str, gate: str) -> None:
    facts = told(name)

    assert facts[Fact.GATE]["name"] == gate
    assert facts[Fact.DIALOG] == {}
    assert Fact.COMPOSER not in facts
    assert Fact.ACTIVITY not in facts


def test_the_gate_of_an_unknown_folder_can_be_answered() -> None:
    gate = told("gate_trust")[Fact.GATE]

    assert gate["options"] == ["No, exit", "Yes, I trust this folder"]
    assert (gate["marked"], gate["numbered"]) == (0, False)


def test_a_menu_that_somebody_opened_is_no_permission() -> None:
    dialog = told("model_menu")[Fact.DIALOG]

    assert dialog["asks"] == "question"
    assert str(dialog["options"][0]).startswith("Default")


def test_help_below_the_composer_hides_nothing() -> None:
    assert told("help")[Fact.COMPOSER] == {"holds": "nothing"}


@pytest.mark.parametrize("name", ["retry_rate_limit", "retry_auth", "retry_overloaded"])
def test_a_service_that_is_tried_again_does_not_look_like_work(name: str) -> None:
    facts = told(name)

    assert facts[Fact.TROUBLE] == {"what": "api_retry", "attempt": 2, "of": 10}
    assert facts[Fact.ACTIVITY] == {"is": "busy"}


def test_a_later_attempt_says_why() -> None:
    found = screen_sightings(
        drawn(
            "● hello", "", "✻ 429 slow down · retrying in 6s · attempt 5/10", "", RULE,
            f"{MARK} ", RULE, "  esc to interrupt",
        ),
        "",
    )  # fmt: skip

    assert [one.value for one in found if one.fact is Fact.TROUBLE] == [
        {"what": "rate_limited", "attempt": 5, "of": 10}
    ]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("failed_rate_limit", "rate_limited"),
        ("failed_auth", "auth_failed"),
        ("failed_overloaded", "overloaded"),
    ],
)
def test_a_turn_that_failed_says_why_and_suggests_no_draft(name: str, what: str) -> None:
    facts = told(name)

    assert facts[Fact.TROUBLE]["what"] == what
    assert facts[Fact.COMPOSER]["holds"] == "ghost"
    assert facts[Fact.ACTIVITY] == {"is": "idle"}


def test_compacting_is_seen() -> None:
    found = screen_sightings(
        drawn("✻ Compacting conversation… (12s)", "", RULE, f"{MARK} ", RULE, "  esc to interrupt"),
        "",
    )

    assert {"is": "compacting"} in [one.value for one in found if one.fact is Fact.ACTIVITY]


def test_an_agent_that_talks_about_rate_limits_is_not_limited() -> None:
    found = screen_sightings(
        drawn(
            "● The log says: 429 slow down · retrying in 6s · attempt 5/10",
            "  You've hit your usage limit, it says.",
            "",
            RULE, f"{MARK} ", RULE, "  ? for shortcuts",
        ),
        "✳ Claude Code",
    )  # fmt: skip

    assert [one.value for one in found if one.fact is Fact.TROUBLE] == [{}]


def test_options_that_the_conversation_shows_are_no_dialog() -> None:
    found = screen_sightings(
        drawn(
            "● It asks:", "   Do you want to proceed?", f"   {MARK} 1. Yes", "     2. No",
            "   Esc to cancel", "", RULE, f"{MARK} ", RULE, "  ? for shortcuts",
        ),
        "",
    )  # fmt: skip

    assert [one.value for one in found if one.fact is Fact.DIALOG] == [{}]


@pytest.mark.parametrize(
    "rows",
    [
        (), ("",), ("$ ls", "a b", "$ "), (f"{MARK} starship",), (RULE, f"{MARK} ", ""),
        ("1. one", "2. two"), (f"{MARK} 1. one", "  2. two"), (RULE, "text", RULE),
    ],
)  # fmt: skip
def test_a_screen_of_something_else_tells_nothing(rows: tuple[str, ...]) -> None:
    assert screen_sightings(drawn(*rows), "bash") == ()
