"""What real screens of Codex 0.169 tell, and what it takes to be misled."""

from __future__ import annotations

import pytest
from tests.unit.agents.screens import drawn, facts, recorded

from iterm_mcp.agents.codex import Codex
from iterm_mcp.models.observations import Fact, ObservationSource
from iterm_mcp.models.output import OutputLine, TextStyle

MARK = "\u203a"


def seen(name: str) -> dict[Fact, dict[str, object]]:
    return {
        fact: dict(value) for fact, value in facts(Codex().see(*recorded("codex", name))).items()
    }


def test_an_idle_composer_with_a_suggestion_is_idle_and_holds_no_draft() -> None:
    told = seen("idle")

    assert told[Fact.ACTIVITY] == {"is": "idle"}
    assert told[Fact.COMPOSER] == {"holds": "ghost", "text": "Ask Codex to do anything"}
    assert (told[Fact.DIALOG], told[Fact.GATE], told[Fact.TROUBLE]) == ({}, {}, {})


def test_a_persons_text_is_a_draft_also_over_several_lines_and_a_large_paste_is_known() -> None:
    assert seen("draft")[Fact.COMPOSER] == {"holds": "draft", "text": "half typed draft"}
    lines = seen("draft_lines")[Fact.COMPOSER]
    assert (lines["holds"], str(lines["text"]).split()) == ("draft", ["line1", "line2", "line3"])
    assert seen("pasted")[Fact.COMPOSER]["holds"] == "pasted"


def test_a_draft_of_numbered_lines_is_no_question() -> None:
    screen = drawn(f"{MARK} 1. yes", "  2. no", "", "  gpt-5 default", "  ? for shortcuts")

    told = facts(Codex().see(screen, ""))

    assert told[Fact.DIALOG] == {}
    assert told[Fact.COMPOSER]["holds"] == "draft"


@pytest.mark.parametrize("name", ["busy", "queued"])
def test_a_turn_that_runs_is_busy_also_when_messages_wait(name: str) -> None:
    told = seen(name)

    assert told[Fact.ACTIVITY] == {"is": "busy"}
    assert told[Fact.DIALOG] == {}


@pytest.mark.parametrize("name", ["denied", "after_esc"])
def test_after_an_interruption_it_is_idle(name: str) -> None:
    assert seen(name)[Fact.ACTIVITY] == {"is": "idle"}
    assert seen(name)[Fact.TROUBLE] == {}


def test_a_permission_is_told_with_its_command_and_options() -> None:
    told = seen("approval")

    dialog = told[Fact.DIALOG]
    assert (dialog["asks"], dialog["tool"]) == ("permission", "Bash")
    assert dialog["input"] == {"command": "touch /home/ann/esc-outside"}
    options = dialog["options"]
    assert isinstance(options, list)
    assert [option.partition(",")[0] for option in options] == ["Yes", "Yes", "No"]
    assert options[1].endswith("esc-outside` (p)")
    assert str(dialog["text"]).startswith("Would you like to run the following command?")
    assert told[Fact.ACTIVITY] == {"is": "waiting", "for": "permission"}
    assert Fact.COMPOSER not in told


@pytest.mark.parametrize(("name", "options"), [("trust", 2), ("hooks", 3)])
def test_a_gate_is_no_dialog_and_is_answered_by_arrows(name: str, options: int) -> None:
    told = seen(name)

    assert list(told) == [Fact.GATE]
    assert told[Fact.GATE]["name"] == name
    assert len(list(told[Fact.GATE]["options"])) == options  # type: ignore[call-overload]
    assert told[Fact.GATE]["numbered"] is False


def test_a_turn_that_ended_at_a_rate_limit_is_no_readiness() -> None:
    assert seen("rate_limited")[Fact.TROUBLE] == {"what": "rate_limited"}


def test_an_agent_that_talks_about_rate_limits_is_not_limited() -> None:
    talk = drawn(
        "• I added: if the API says 429, it says retrying in 5s and gives up.",
        "  You have hit your usage limit is shown then.",
        *[""] * 9,
        f"{MARK} ",
        "",
        "  gpt-5 default",
        cursor=(2, 11),
    )

    told = facts(Codex().see(talk, "project"))

    assert told[Fact.TROUBLE] == {}
    assert told[Fact.ACTIVITY] == {"is": "idle"}


def test_what_was_told_of_interruptions_and_limits_is_neither_work_nor_trouble() -> None:
    told_so = drawn(
        f"{MARK} Explain this screen:",
        "  \u2022 Working (1s \u2022 esc to interrupt)",
        "  esc to interrupt",
        "  429, retrying in 5s",
        "",
        "\u2022 ok",
        "",
        f"{MARK} ",
        "",
        "  gpt-5 default",
        cursor=(2, 7),
    )

    told = facts(Codex().see(told_so, "project"))

    assert told[Fact.TROUBLE] == {}
    assert told[Fact.ACTIVITY] == {"is": "idle"}


def test_a_spinner_in_the_title_is_work_whatever_the_screen_shows() -> None:
    screen, _ = recorded("codex", "idle")

    assert facts(Codex().see(screen, "⠇ project"))[Fact.ACTIVITY] == {"is": "busy"}


def test_styles_tell_a_suggestion_from_a_draft_wherever_the_cursor_is() -> None:
    screen = drawn(f"{MARK} fix the tests", "", "  hint", cursor=(9, 0))
    faint = (TextStyle(2), TextStyle(13, faint=True))
    plain = (TextStyle(15),)

    for styles, holds in ((faint, "ghost"), (plain, "draft")):
        rows = (OutputLine(screen.lines[0], styles=styles),)
        told = facts(Codex().see(screen, "", rows))
        assert told[Fact.COMPOSER]["holds"] == holds


def test_a_shells_screen_tells_nothing() -> None:
    assert Codex().see(drawn("$ ls", "a  b", "$ "), "bash") == ()
    assert Codex().see(drawn(), "") == ()


def test_all_of_it_is_by_the_screen_and_has_bounded_evidence() -> None:
    told = Codex().see(*recorded("codex", "approval"))

    assert {one.source for one in told} == {ObservationSource.SCREEN}
    assert all(len(one.evidence) <= 2000 for one in told)


def test_a_composer_that_is_drawn_before_the_gates_is_early_and_others_are_not() -> None:
    composer = (f"{MARK} Ask Codex to do anything", "")
    first = drawn(*composer, "  ? for shortcuts", cursor=(2, 0))
    later = drawn(*composer, "  \u2190 for agents \u00b7 ? for shortcuts", cursor=(2, 0))

    assert facts(Codex().see(first, ""))[Fact.ACTIVITY] == {"is": "idle", "early": True}
    assert facts(Codex().see(first, "project"))[Fact.ACTIVITY] == {"is": "idle"}
    assert facts(Codex().see(later, ""))[Fact.ACTIVITY] == {"is": "idle"}


def test_the_page_of_hooks_is_a_gate_and_no_composer() -> None:
    page = drawn(
        "  Hooks", "  Lifecycle hooks from config and enabled plugins.",
        "  Event                 Installed   Active      Review",
        f"{MARK} PreToolUse            1           0           1",
        "  PermissionRequest     1           0           1",
        "  t trust all \u00b7 enter review \u00b7 esc close",
    )  # fmt: skip

    assert facts(Codex().see(page, "")) == {Fact.GATE: {"name": "hooks"}}
