import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.kinds import AGENT_KINDS, find_kind
from iterm_mcp.agents.shell import TEXT_LIMIT_BYTES, UNFIT, Shell
from iterm_mcp.errors import InvalidRequestError, NotFoundError

plain = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\n"))


def test_every_line_is_entered_and_the_last_one_exactly_once() -> None:
    assert Shell().compose("make\nmake test") == "make\rmake test\r"


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n"])
def test_newlines_at_the_end_add_no_enter(ending: str) -> None:
    assert Shell().compose("ls" + ending) == "ls\r"


def test_empty_lines_inside_are_kept() -> None:
    assert Shell().compose("a\n\nb") == "a\r\rb\r"


def test_a_tab_is_typed_as_it_is() -> None:
    assert Shell().compose("a\tb") == "a\tb\r"


@pytest.mark.parametrize("character", ["\x00", "\x03", "\x04", "\r", "\x1b", "\x7f", "\x9b"])
def test_other_control_characters_are_refused_with_their_place(character: str) -> None:
    with pytest.raises(InvalidRequestError, match="at position 3") as caught:
        Shell().compose(f"ls {character}rm")

    assert f"U+{ord(character):04X}" in str(caught.value)
    assert caught.value.code == "control_character"
    assert caught.value.hint


def test_all_that_unicode_calls_a_control_character_or_a_surrogate_is_unfit() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))

    unfit = {one for one in every if unicodedata.category(one) in {"Cc", "Cs"}} - {"\t", "\n"}

    assert set(UNFIT.findall(every)) == unfit


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        Shell().compose("\ud800")


def test_the_limit_counts_bytes_and_is_inclusive() -> None:
    umlauts = "ü" * (TEXT_LIMIT_BYTES // 2)
    assert Shell().compose(umlauts) == umlauts + "\r"

    with pytest.raises(InvalidRequestError) as caught:
        Shell().compose(umlauts + "x")

    assert caught.value.code == "text_too_long"


@given(plain)
def test_what_is_composed_is_the_text_with_returns_for_newlines(text: str) -> None:
    keystrokes = Shell().compose(text)

    assert keystrokes.endswith("\r")
    assert not keystrokes.endswith("\r\r")
    assert "\n" not in keystrokes
    assert keystrokes.replace("\r", "\n").rstrip("\n") == text.rstrip("\n")


def test_each_kind_is_found_under_its_own_name() -> None:
    assert [find_kind(name).name for name in AGENT_KINDS] == list(AGENT_KINDS)
    assert find_kind("shell").compose("ls") == "ls\r"


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        find_kind("telepathy")

    assert (caught.value.kind, caught.value.name) == ("kind", "telepathy")
    assert "shell" in caught.value.hint
