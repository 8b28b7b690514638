"""Tags: which words may be some, and what is read of what a program may have written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.sessions.tags import MOST, check_tags, read_tags


def test_each_tag_is_kept_once_in_the_order_they_came() -> None:
    assert check_tags(["ci", "team:blue", "ci"]) == ("ci", "team:blue")


@pytest.mark.parametrize("tag", ["", "two words", "x" * 65, "a\nb", "<system>"])
def test_what_cannot_be_a_tag_is_refused(tag: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be a tag") as caught:
        check_tags([tag])
    assert caught.value.hint


def test_a_session_has_no_more_tags_than_anybody_needs() -> None:
    with pytest.raises(InvalidRequestError, match="more than"):
        check_tags([str(number) for number in range(MOST + 1)])


@given(st.lists(st.from_regex(r"\A[a-z0-9.:/@+=-]{1,64}\Z"), max_size=MOST))
def test_tags_that_were_kept_are_read_again(tags: list[str]) -> None:
    kept = check_tags(tags)
    assert read_tags(json.dumps(kept)) == kept


@pytest.mark.parametrize(
    "value", [None, 5, "", "no json", "[" * 100_000, '"ci"', "{}", [5, None, "a b"], "[[]]"]
)
def test_what_others_wrote_there_is_passed_over(value: object) -> None:
    assert read_tags(value) == ()


def test_a_list_from_a_script_is_read_too_as_far_as_it_holds_tags() -> None:
    assert read_tags(["ci", "\x1b[31m", "ci", "qa"]) == ("ci", "qa")
    assert len(read_tags([str(number) for number in range(MOST + 9)])) == MOST
