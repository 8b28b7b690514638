import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.shell import TEXT_LIMIT_BYTES, UNFIT, Shell
from iterm_mcp.errors import InvalidRequestError


def typed(text: str) -> str:
    """Return what a shell is typed for a text."""
    return "".join(stroke.text for stroke in Shell().compose(text))


plain = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\n"))


def test_every_line_is_entered_and_the_last_one_exactly_once() -> None:
    assert typed("make\nmake test") == "make\rmake test\r"


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n"])
def test_newlines_at_the_end_add_no_enter(ending: str) -> None:
    assert typed("ls" + ending) == "ls\r"


def test_empty_lines_inside_are_kept() -> None:
    assert typed("a\n\nb") == "a\r\rb\r"


def test_a_tab_is_typed_as_it_is() -> None:
    assert typed("a\tb") == "a\tb\r"


@pytest.mark.parametrize("character", ["\x00", "\x03", "\x04", "\r", "\x1b", "\x7f", "\x9b"])
def test_other_control_characters_are_refused_with_their_place(character: str) -> None:
    with pytest.raises(InvalidRequestError, match="at position 3") as caught:
        typed(f"ls {character}rm")

    assert f"U+{ord(character):04X}" in str(caught.value)
    assert caught.value.code == "control_character"
    assert caught.value.hint


def test_all_that_unicode_calls_a_control_character_or_a_surrogate_is_unfit() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))

    unfit = {one for one in every if unicodedata.category(one) in {"Cc", "Cs"}} - {"\t", "\n"}

    assert set(UNFIT.findall(every)) == unfit


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        typed("\ud800")


def test_the_limit_counts_bytes_and_is_inclusive() -> None:
    umlauts = "ü" * (TEXT_LIMIT_BYTES // 2)
    assert typed(umlauts) == umlauts + "\r"

    with pytest.raises(InvalidRequestError) as caught:
        typed(umlauts + "x")

    assert caught.value.code == "text_too_long"


@given(plain)
def test_what_is_composed_is_the_text_with_returns_for_newlines(text: str) -> None:
    keystrokes = typed(text)

    assert keystrokes.endswith("\r")
    assert not keystrokes.endswith("\r\r")
    assert "\n" not in keystrokes
    assert keystrokes.replace("\r", "\n").rstrip("\n") == text.rstrip("\n")
