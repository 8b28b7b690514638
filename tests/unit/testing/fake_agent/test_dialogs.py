from __future__ import annotations

import pytest

from iterm_mcp.testing.fake_agent.dialogs import CANCELLED, Answer, gate, permission, question
from iterm_mcp.testing.fake_agent.keys import Pasted, Press, Text


def test_a_digit_answers_a_permission_at_once() -> None:
    dialog = permission("Bash", "touch x")

    assert dialog.press(Text("3")) == Answer("keys", 2, "deny", used=1)


def test_a_message_typed_into_a_dialog_answers_it_with_its_first_digit() -> None:
    answer = permission("Bash", "touch x").press(Text("do 2 things"))

    assert answer == Answer("keys", 1, "always", used=4)


def test_a_message_without_digits_answers_with_its_enter() -> None:
    dialog = permission("Bash", "touch x")

    assert dialog.press(Text("no no no")) is None
    assert dialog.press(Press("enter")) == Answer("keys", 0, "allow")


def test_escape_refuses_and_arrows_choose() -> None:
    dialog = permission("Bash", "touch x")
    for name in ("down", "down", "up"):
        assert dialog.press(Press(name)) is None

    assert dialog.press(Press("enter")) == Answer("keys", 1, "always")
    assert permission("Bash", "x").press(Press("escape")) == Answer("keys", CANCELLED, "deny")


def test_a_question_can_be_answered_in_ones_own_words() -> None:
    dialog = question("Which?", ["A", "B"])

    assert dialog.press(Text("3mine")) is None
    assert dialog.press(Pasted(" too")) is None
    assert dialog.press(Press("backspace")) is None
    assert dialog.press(Press("enter")) == Answer("keys", 2, "typed", "mine to")


def test_a_paste_into_options_is_lost() -> None:
    dialog = permission("Bash", "x")

    assert dialog.press(Pasted("1")) is None


def test_the_trust_gate_has_no_numbers_and_stands_on_no() -> None:
    dialog = gate("trust", "/somewhere")

    assert dialog.press(Text("2")) is None
    assert dialog.press(Press("enter")) == Answer("keys", 0, "exit")
    assert "  Yes, I trust this folder" in list(dialog.rows())


def test_others_answer_by_value_by_label_or_by_number() -> None:
    dialog = permission("Bash", "x")

    assert dialog.answer("deny", "hook") == Answer("hook", 2, "deny")
    assert dialog.answer("Yes", "control").value == "allow"
    assert dialog.answer("2", "control").value == "always"
    assert gate("theme", "").answer("go", "hook").index == 0
    with pytest.raises(KeyError):
        dialog.answer("perhaps", "hook")


def test_what_a_person_sees_marks_the_chosen_line() -> None:
    dialog = question("Which?", ["A", "B"])
    dialog.press(Press("down"))
    dialog.press(Press("down"))
    dialog.press(Text("own"))

    rows = list(dialog.rows())

    assert rows[0] == "Which?"
    assert "  1. A" in rows
    assert any(row.endswith("3. Type something. own") and row[0] != " " for row in rows)
