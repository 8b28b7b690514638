from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.testing.fake_agent.burst import Burst
from iterm_mcp.testing.fake_agent.composer import (
    CODEX_RULE,
    GEMINI_RULE,
    Composer,
    Draft,
    claude_rule,
    unwrap,
)

FIVE = "l1\nl2\nl3\nl4\nl5"
WRAPPED = f'\n\n<pasted_content id="b5cf">\n{FIVE}\n</pasted_content id="b5cf">\n'


@pytest.fixture
def box() -> Composer:
    return Composer(claude_rule("b5cf"))


@pytest.mark.parametrize("text", ["one", "1\n2\n3", "x" * 800])
def test_a_small_paste_is_as_if_typed(box: Composer, text: str) -> None:
    box.paste(text)

    assert box.take() == Draft(text, text)


@pytest.mark.parametrize("text", ["1\n2\n3\n4", "x" * 801])
def test_four_lines_or_801_characters_are_wrapped(box: Composer, text: str) -> None:
    box.paste(text)

    assert "<pasted_content" in box.draft.text
    assert unwrap(box.draft.text) == text


def test_a_large_paste_is_shown_by_its_number_and_its_line_breaks(box: Composer) -> None:
    box.paste(FIVE)
    box.type(" and ")
    box.paste("y" * 900)

    assert box.draft.shown == "[Pasted text #1 +4 lines] and [Pasted text #2]"


def test_a_typed_lead_stands_before_the_wrapped_paste(box: Composer) -> None:
    box.type("lead:")
    box.paste(FIVE)

    assert box.draft.text == f"lead:{WRAPPED}"
    assert unwrap(box.draft.text) == f"lead:\n{FIVE}"


def test_many_characters_at_once_are_a_paste_though_no_marks_stand_around_them(
    box: Composer,
) -> None:
    box.type("z" * 3000)

    assert box.draft.shown == "[Pasted text #1]"


def test_lines_that_are_typed_one_by_one_are_never_wrapped(box: Composer) -> None:
    for line in FIVE.split("\n"):
        box.type(line)
        box.press("newline")

    assert box.draft.text == FIVE + "\n"


def test_an_escape_sequence_in_a_paste_is_dropped(box: Composer) -> None:
    box.paste("evil\x1b[31m !touch x")

    assert box.draft.text == "evil !touch x"


def test_codex_and_gemini_submit_the_plain_text_of_a_large_paste() -> None:
    for rule, shown in (
        (CODEX_RULE, "[Pasted Content 1001 chars]"),
        (GEMINI_RULE, "[Pasted Text: 1 lines]"),
    ):
        box = Composer(rule)
        box.paste("q" * 1001)

        assert box.draft.shown == shown
        assert box.draft.text == "q" * 1001


def test_blanks_at_the_end_are_dropped_and_those_before_are_kept(box: Composer) -> None:
    box.type("  hello \t ")

    assert box.take().text == "  hello"


def test_a_line_is_cut_with_ctrl_u_and_comes_back_with_ctrl_y(box: Composer) -> None:
    box.type("first")
    box.press("newline")
    box.type("second")
    box.press("ctrl-u")

    assert box.draft.text == "first\n"

    box.press("ctrl-y")

    assert box.draft.text == "first\nsecond"


def test_the_cursor_moves_and_edits_where_it_stands(box: Composer) -> None:
    box.type("one two")
    for name in ("ctrl-w", "home", "right"):
        box.press(name)
    box.type("X")
    box.press("backspace")
    box.press("ctrl-k")

    assert box.draft.text == "o"
    assert not box.press("f-key")


@given(st.lists(st.sampled_from(["left", "right", "home", "end", "backspace", "ctrl-w", "ctrl-k"])))
def test_no_key_brings_the_cursor_out_of_the_text(names: list[str]) -> None:
    box = Composer(claude_rule("b5cf"))
    box.type("some words\nin two lines")
    for name in names:
        box.press(name)

        assert 0 <= box.cursor <= len(box.items)


@given(st.text(alphabet="ab \n<>/", max_size=2000))
def test_what_was_pasted_is_found_again_in_what_was_submitted(text: str) -> None:
    box = Composer(claude_rule("0000"))
    box.paste(text)

    assert unwrap(box.take().text).strip() == text.strip()


def test_codex_takes_an_early_enter_after_quick_characters_for_a_newline() -> None:
    burst = Burst()
    burst.typed(5, 10.0)

    assert burst.enter_is_newline(10.1)
    assert burst.enter_is_newline(10.2)
    assert not burst.enter_is_newline(10.4)


def test_slow_typing_is_no_burst() -> None:
    burst = Burst()
    for at in (1.0, 1.05, 1.1, 1.15):
        burst.typed(1, at)

    assert not burst.enter_is_newline(1.16)


def test_a_bracketed_paste_ends_a_burst() -> None:
    burst = Burst()
    burst.typed(9, 1.0)
    burst.clear()

    assert not burst.enter_is_newline(1.001)
