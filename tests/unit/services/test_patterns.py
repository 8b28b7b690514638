"""Patterns, and styles as marks."""

from __future__ import annotations

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.output import OutputLine, TextStyle
from iterm_mcp.models.patterns import MAX_PATTERN
from iterm_mcp.services.output.patterns import MAX_PATTERNS, Patterns
from iterm_mcp.services.output.styled_text import styled


def test_the_first_match_wins_with_its_groups() -> None:
    found = Patterns(["b(.)(x)?", "a"]).first("a bc")
    assert found is not None
    assert (found.index, found.text, found.start, found.end) == (1, "a", 0, 1)

    found = Patterns(["b(.)(x)?", "nothing"]).first("a bc")
    assert found is not None
    assert (found.index, found.groups) == (0, ("c", None))


def test_of_two_that_begin_together_the_first_pattern_wins() -> None:
    found = Patterns(["ab", "abc"]).first("abc")

    assert found is not None
    assert found.index == 0


def test_lines_have_their_beginnings_and_ends() -> None:
    assert Patterns(["^b$"]).first("a\nb\nc") is not None


def test_a_literal_means_itself_and_capitals_may_not_matter() -> None:
    assert Patterns(["a.b("], literal=True).first("xa.b(") is not None
    assert Patterns(["a.b"], literal=True).first("axb") is None
    assert Patterns(["DONE"], ignore_case=True).first("done") is not None
    assert Patterns(["a"]).first("ba", 2) is None


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["a"] * (MAX_PATTERNS + 1), ["a" * (MAX_PATTERN + 1)], ["("], ["(?=a)"]],
)
def test_what_is_no_pattern_is_refused_with_the_reason(texts: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        Patterns(texts)

    assert refused.value.hint


def test_a_pattern_that_would_take_for_ever_elsewhere_is_quick() -> None:
    assert Patterns(["(a+)+$"]).first("a" * 5000 + "b") is None


def test_only_what_is_not_plain_is_marked() -> None:
    row = OutputLine(
        "ab cd ef",
        styles=(
            TextStyle(2, foreground=1, bold=True),
            TextStyle(1),
            TextStyle(2, background="#202020", url="https://example.org"),
        ),
    )

    assert styled(row) == ("[[bold fg=1]]ab[[/]] [[bg=#202020 link=https://example.org]]cd[[/]] ef")
    assert styled(OutputLine("plain")) == "plain"
    assert styled(OutputLine("a", styles=(TextStyle(1), TextStyle(3, bold=True)))) == "a"
