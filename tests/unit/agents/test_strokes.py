"""What kinds share of typing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.strokes import (
    DOWN,
    ENTER,
    LEAD_CHARACTERS,
    LEAD_LINES,
    UP,
    check_order,
    choose,
    option_index,
    pasted,
    split_lead,
)
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

CLAUDE = ["Yes", "Yes, and don't ask again for: make *", "No, and tell Claude what to do (esc)"]
CODEX = ["Yes, proceed (y)", "Yes, and don't ask again for commands that start with `make`", "No"]
GEMINI = ["Allow once", "Allow for this session", "No, suggest changes (esc)"]


@pytest.mark.parametrize("options", [CLAUDE, CODEX, GEMINI])
def test_allow_always_and_deny_mean_the_same_in_each_agents_words(options: list[str]) -> None:
    dialog: dict[str, Json] = {"options": [*options]}

    assert [option_index(dialog, one) for one in ("allow", "allow_always", "deny")] == [0, 1, 2]


def test_an_option_is_meant_by_its_text_before_its_number() -> None:
    dialog: dict[str, Json] = {"options": ["2", "one", "Two"]}

    assert option_index(dialog, "2") == 0
    assert option_index(dialog, " 3 ") == 2
    assert option_index(dialog, "two") == 2


@pytest.mark.parametrize("choice", ["0", "4", "maybe", "", "allow"])
def test_what_is_not_offered_is_refused_with_what_is(choice: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        option_index({"options": ["Red", "Blue", "Green"]}, choice)

    assert "1 (Red), 2 (Blue)" in caught.value.hint


def test_a_dialog_without_known_options_says_what_to_do_instead() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        option_index({"asks": "permission"}, "allow")

    assert "screen" in caught.value.hint


def test_digits_choose_where_they_can_and_arrows_from_the_mark_elsewhere() -> None:
    options: list[Json] = [str(number) for number in range(12)]

    def keys(choice: str, **more: Json) -> list[str]:
        return [stroke.text for stroke in choose({"options": options, **more}, choice)]

    assert keys("2") == ["3"]
    assert keys("2", numbered=False) == [DOWN, DOWN, ENTER]
    assert keys("0", numbered=False, marked=2) == [UP, UP, ENTER]
    assert keys("10", marked=10) == [ENTER]
    assert keys("11", marked=10) == [DOWN, ENTER]


def test_a_paste_waits_before_its_enter() -> None:
    text, enter = pasted("a\nb")

    assert (text.text, text.paste, enter.text, enter.paste) == ("a\nb", True, "\r", False)
    assert text.pause_seconds >= 0.15


@given(st.text(max_size=2000))
def test_a_lead_is_short_whole_lines_and_nothing_is_lost(text: str) -> None:
    lead, rest = split_lead(text)

    assert len(lead) <= LEAD_CHARACTERS
    assert lead.count("\n") < LEAD_LINES
    assert text in {lead, rest, f"{lead}\n{rest}"}


def test_a_long_first_line_leaves_no_lead() -> None:
    assert split_lead("x" * 900 + "\nmore") == ("", "x" * 900 + "\nmore")
    assert split_lead("one\ntwo\nthree\nfour") == ("one\ntwo\nthree", "four")


@pytest.mark.parametrize(
    ("text", "code"), [("", "text_empty"), (" \n", "text_empty"), (" /x", "command_text")]
)
def test_an_order_is_something_and_no_command(text: str, code: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_order(text)

    assert caught.value.code == code
    check_order("- a list\n- of things")
    check_order("/x", commands="")
    with pytest.raises(InvalidRequestError):
        check_order("x" * 11, limit_bytes=10)


@pytest.mark.parametrize(
    "options",
    [
        ("Trust folder (my session)", "Trust parent folder (always)", "Don't trust"),
        ("Trust and continue", "Back to Agent Command Center"),
        ("Yes, I trust this folder", "No, exit"),
    ],
)
def test_to_allow_a_directory_is_to_trust_it_and_not_the_one_above(
    options: tuple[str, ...],
) -> None:
    assert option_index({"options": list(options)}, "allow") == 0
