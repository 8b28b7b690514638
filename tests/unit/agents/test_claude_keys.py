"""What is typed into Claude Code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents import claude_keys
from iterm_mcp.agents.claude_keys import answer, compose, split_order
from iterm_mcp.agents.kind import Stroke
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

PERMISSION: dict[str, Json] = {
    "asks": "permission",
    "tool": "Bash",
    "options": ["Yes", "Yes, and don't ask again for: touch *", "No"],
    "numbered": True,
    "marked": 0,
}


def typed(strokes: tuple[Stroke, ...]) -> list[str]:
    return [stroke.text for stroke in strokes]


def test_a_short_order_is_one_paste_and_enter() -> None:
    first, enter = compose("Mend the test.\nThen say so.")

    assert first.text == "Mend the test.\nThen say so."
    assert first.paste
    assert first.pause_seconds >= 0.15
    assert enter == Stroke("\r")


def test_the_lead_of_a_long_order_goes_by_itself_so_that_it_is_taken_as_typed() -> None:
    log = "\n".join(f"line {number}" for number in range(100))

    lead, bulk, enter = compose(f"Say what is wrong in this log:\n{log}")

    assert lead.text.startswith("Say what is wrong in this log:")
    assert lead.text.count("\n") < 3
    assert bulk.paste
    assert lead.text + "\n" + bulk.text == f"Say what is wrong in this log:\n{log}"
    assert enter.text == "\r"


def test_a_lead_of_one_long_line_is_cut_between_words() -> None:
    text = "word " * 400

    lead, rest = split_order(text)

    assert 700 < len(lead) <= 800
    assert f"{lead} {rest}" == text


def test_a_rest_that_is_not_large_keeps_the_blank_before_it() -> None:
    text = "word " * 300

    lead, rest = split_order(text)

    assert len(rest) <= 800
    assert lead + rest == text


def test_a_text_without_words_is_all_paste() -> None:
    assert split_order("x" * 900) == ("", "x" * 900)


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"], include_characters="\n")))
def test_nothing_of_an_order_is_lost_between_its_lead_and_its_paste(text: str) -> None:
    lead, rest = split_order(text)

    assert text in {lead + rest, f"{lead}\n{rest}", f"{lead} {rest}"}
    assert len(lead) <= 800 or lead == text
    assert lead.count("\n") < 3


@pytest.mark.parametrize("text", ["!rm -rf /", "/clear", "  /clear", "\n!ls"])
def test_a_text_that_would_be_a_command_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        compose(text)

    assert refused.value.code == "command_text"


def test_a_command_is_typed_when_that_is_what_is_meant() -> None:
    assert typed(compose("/compact", raw=True)) == ["/compact", "\r"]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("text", ["a\x1b[201~b", "stop\x03", "one\rtwo", "\x9b31m"])
def test_control_characters_are_refused(text: str, *, raw: bool) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        compose(text, raw=raw)

    assert refused.value.code == "control_character"


def test_a_backslash_at_the_end_does_not_make_a_newline_of_enter() -> None:
    assert typed(compose("C:\\")) == ["C:\\ ", "\r"]


@pytest.mark.parametrize(
    ("choice", "key"),
    [
        ("allow", "1"), ("allow_always", "2"), ("deny", "\x1b"), ("No", "3"), ("2", "2"),
        ("yes", "1"),
    ],
)  # fmt: skip
def test_a_permission_is_answered_by_its_options(choice: str, key: str) -> None:
    assert typed(answer(PERMISSION, choice)) == [key]


def test_an_option_that_is_not_there_is_refused_and_the_others_are_listed() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        answer(PERMISSION, "maybe")

    assert "3 (No)" in refused.value.hint


def test_options_without_numbers_are_walked_to() -> None:
    gate: dict[str, Json] = {
        "options": ["No, exit", "Yes, I trust this folder"], "numbered": False, "marked": 0,
    }  # fmt: skip

    assert typed(answer(gate, "allow")) == ["\x1b[B", "\r"]
    assert typed(answer({**gate, "marked": 1}, "1")) == ["\x1b[A", "\r"]
    assert typed(answer(gate, "No, exit")) == ["\r"]


def test_of_a_permission_known_by_its_hook_alone_only_what_all_have_can_be_chosen() -> None:
    dialog: dict[str, Json] = {"asks": "permission", "tool": "Bash", "options": []}

    assert typed(answer(dialog, "allow")) == ["1"]
    assert typed(answer(dialog, "deny")) == ["\x1b"]
    with pytest.raises(InvalidRequestError):
        answer(dialog, "allow_always")
    with pytest.raises(InvalidRequestError):  # its first option also lets it edit from now on
        answer({**dialog, "tool": "ExitPlanMode"}, "allow")
    with pytest.raises(InvalidRequestError):
        answer({"asks": "question", "options": []}, "allow")


def test_emptying_the_composer_never_presses_escape_or_ctrl_c() -> None:
    keys = "".join(typed(claude_keys.clear()))

    assert "\x1b" not in keys
    assert "\x03" not in keys


def test_a_turn_is_interrupted_by_one_escape_because_two_open_the_past() -> None:
    assert typed(claude_keys.interrupt()) == ["\x1b"]


def test_it_leaves_by_its_own_command() -> None:
    assert typed(claude_keys.leave()) == ["/exit", "\r"]
