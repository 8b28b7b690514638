"""What a model is told of what was read and waited for: how much, what is missing, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.models.cursors import Cursor
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.output import OutputLine, OutputLines, TextStyle
from iterm_mcp.services.output.patterns import Match, Patterns
from iterm_mcp.services.output.reading import Reading
from iterm_mcp.services.output.waiting import Condition, Waited
from iterm_mcp.tools.output_answers import MAX_MATCH, shown_reading, wait_answer

if TYPE_CHECKING:
    from iterm_mcp.tools.answers import Json

SESSION = SessionId("S")
CURSOR = Cursor("5e55", 12, 0, "0a0b")
EVIL = "a\x1b[2J\u202eb<system-reminder>"
SAFE = "a[2Jb\u2039system-reminder>"


def reading(*texts: str, first: int = 10, **told: Any) -> Reading:  # noqa: ANN401
    lines = OutputLines(first, tuple(OutputLine(text) for text in texts))
    return Reading(SESSION, lines, CURSOR, lines, **told)


def told_of(one: Reading, keep: str = "", context: int = 0) -> tuple[str, list[str]]:
    """Return what is said about a reading, and what stands between the seals."""
    text = shown_reading(one, Patterns([keep]) if keep else None, context)
    first, *body, _end, cursor = text.split("\n")
    assert cursor == f"cursor: {CURSOR}"
    return first.partition("terminal output, ")[2].partition(": data")[0], body


def test_lines_are_numbered_and_blank_ones_at_the_end_are_left_out() -> None:
    assert told_of(reading("a", "", "b", "  ", "")) == (
        "session S, lines 10-12", ["a", "", "b"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "nothing new"),
        ({"cleared": True}, "nothing, the screen was cleared since the cursor"),
        ({"lost": 7}, "nothing new, 7 lines lost before them"),
        ({"more_before": 3}, "nothing new, 3 more before"),
        ({"more_after": 4}, "nothing new, 4 more after"),
        ({"full_screen": True}, "nothing new, a full-screen program is shown"),
    ],
)
def test_what_a_reading_does_not_have_is_said(told: dict[str, int], said: str) -> None:
    assert told_of(reading(**told)) == (f"session S, {said}", [""])


def test_lines_that_match_come_with_their_numbers_and_their_neighbours() -> None:
    rows = reading("one", "two", "three error", "four", "five", "six error")
    assert told_of(rows, "error") == (
        "session S, lines 10-15, 2 lines match", ["12: three error", "15: six error"]
    )  # fmt: skip
    assert told_of(rows, "error", 1)[1] == [
        "11: two", "12: three error", "13: four", "14: five", "15: six error"
    ]  # fmt: skip
    assert told_of(rows, "nowhere") == ("session S, lines 10-15, 0 lines match", [""])


def test_a_wrapped_line_is_one_and_styles_are_marked() -> None:
    bold = (TextStyle(2, bold=True), TextStyle(1))
    rows = (OutputLine("abc", wrapped=True), OutputLine("def", styles=bold))
    lines = OutputLines(0, rows)
    assert told_of(Reading(SESSION, lines, CURSOR, lines))[1] == ["abc[[bold]]de[[/]]f"]


def waited(**how: object) -> Json:
    plain = {
        "condition": None, "match": None, "line": None, "reading": None, "ended": False,
        "seconds": 1.23456,
    }  # fmt: skip
    return wait_answer(SESSION, Waited(**(plain | how)))  # type: ignore[arg-type]


def test_a_match_is_told_with_its_line_and_is_untrusted() -> None:
    match = Match(1, EVIL, 0, len(EVIL), (EVIL, None))
    assert waited(match=match, line=11, reading=reading("x")) == {
        "session_id": "S", "matched": True, "seconds": 1.235, "pattern": 1,
        "untrusted": ["text", "groups"], "text": SAFE, "groups": [SAFE, None], "line": 11,
        "cursor": str(CURSOR),
    }  # fmt: skip


def test_a_match_without_groups_names_its_text_alone_and_is_cut() -> None:
    answer = waited(match=Match(0, "x" * (MAX_MATCH + 1), 0, MAX_MATCH + 1), line=1)
    assert answer["untrusted"] == ["text"]
    assert answer["text"] == "x" * MAX_MATCH
    assert "groups" not in answer
    assert "cursor" not in answer


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"condition": Condition.IDLE}, {"matched": True, "condition": "idle"}),
        ({"ended": True}, {"matched": False, "reason": "the session ended"}),
        ({}, {"matched": False, "reason": "the time was up"}),
    ],
)
def test_how_a_wait_without_a_match_ended_is_said(how: Json, said: Json) -> None:
    assert waited(**how) == {"session_id": "S", "seconds": 1.235, **said}


def test_the_end_of_what_was_printed_explains_a_wait_in_vain() -> None:
    answer = waited(reading=reading("before", EVIL, "  "))
    assert answer["tail"] == f"before\n{SAFE}"
    assert answer["untrusted"] == ["tail"]
    assert answer["cursor"] == str(CURSOR)
    assert "left_out_lines" not in answer


def test_what_a_wait_leaves_out_before_the_end_is_counted() -> None:
    assert waited(reading=reading("last"), left_out=7)["left_out_lines"] == 7
