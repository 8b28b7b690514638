"""What a run said it found, out of what it wrote, printed or said last."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.services.tasks.handed_over import (
    RESULT_BYTES,
    TEXT_CHARACTERS,
    NoJsonError,
    of_message,
    of_output,
    plain,
    read_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, min_size=1, max_size=4)


@given(OBJECTS)
def test_json_that_ends_a_message_is_what_it_hands_over(found: dict[str, object]) -> None:
    text = json.dumps(found)

    assert of_message(text) == found
    assert of_message(f"Done.\n\n```json\n{text}\n```\n") == found
    assert of_output(f"working\r\n{text}\r\n") == found


@given(st.text())
def test_any_text_is_handed_over_as_something_that_json_can_hold(text: str) -> None:
    json.dumps(of_message(text))
    json.dumps(of_output(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("  it is done  ", "it is done"),
        ('```json\n{"a": 1}\n``` and then some', '```json\n{"a": 1}\n``` and then some'),
        ('first\n```\n{"a": 1}\n```\nthen\n```json\n{"b": 2}\n```', {"b": 2}),
        ("```json\n{broken\n```", "```json\n{broken\n```"),
        ("[1, 2]", [1, 2]),
        ("42", "42"),
        ("", ""),
    ],
    ids=["text", "not at the end", "the last", "broken", "list", "number", "nothing"],
)
def test_only_json_at_the_end_counts(text: str, found: object) -> None:
    assert of_message(text) == found


def test_the_end_of_a_long_text_is_kept() -> None:
    long = "\n".join(f"line {number}" for number in range(10_000))

    kept = of_output(long)

    assert isinstance(kept, str)
    assert len(kept) <= TEXT_CHARACTERS
    assert kept.endswith("line 9999")


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1mbold\x1b[0m\r\n", "bold\n"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\r100%\r\ndone\r\n", "100%\ndone\n"),
        ("cut \x1b[3", "cut 3"),
        ("\x1b(Bplain", "plain"),
    ],
    ids=["colour", "title", "link", "progress", "cut off", "charset"],
)
def test_what_commands_a_terminal_is_taken_out(printed: str, shown: str) -> None:
    assert plain(printed) == shown


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1"),
        ("NaN", "no number"),
        ('"' + "x" * RESULT_BYTES + '"', "may have"),
        ("[" * 100 + "]" * 100, "nested"),
        ("[" * 100_000 + "]" * 100_000, "nested"),
        (b"\xff", "decode"),
    ],
    ids=["broken", "no number", "large", "deep", "very deep", "bytes"],
)
def test_what_is_no_result_says_why(text: str | bytes, says: str) -> None:
    with pytest.raises(NoJsonError, match=says):
        read_json(text)
