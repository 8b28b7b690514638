"""What stands in a composer is told apart from a message, its beginning, and what others typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.claude_keys import split_order
from iterm_mcp.services.deliveries.composer_text import Shown, compare, is_begun, is_left_over
from iterm_mcp.services.deliveries.guard import Seen

LEAD = "look at all of these files, please\nand then\nat this"
ORDER = LEAD + "\n" + "\n".join(f"line {number}" for number in range(9))
LINE_BREAK = "\n"
LITERAL = "see what I got from another agent\n[Pasted text #1 +4 lines]\nand more\nof that\nend"


def holding(text: str) -> Seen:
    return Seen({"holds": "draft" if text else "nothing", "text": text})


@pytest.mark.parametrize(
    ("text", "shown", "expected"),
    [
        pytest.param(ORDER, f"{LEAD}[Pasted text #3 +9 lines]", Shown.OURS, id="claude"),
        pytest.param(ORDER, f"{LEAD}[Pasted text #3 +8 lines]", Shown.OURS, id="a break left out"),
        pytest.param(ORDER, f"{LEAD}[Pasted text #3 +40 lines]", Shown.OTHER, id="more than ours"),
        pytest.param(ORDER, f"{LEAD}[Pasted text #3 +3 lines]", Shown.OTHER, id="less than ours"),
        pytest.param(ORDER, "[Pasted Text: 12 lines]", Shown.OURS, id="gemini"),
        pytest.param(ORDER, "[Pasted Text: 30 lines]", Shown.OTHER, id="more in gemini"),
        pytest.param(ORDER, f"[Pasted Content {len(ORDER)} chars]", Shown.OURS, id="codex"),
        pytest.param(ORDER, "[Pasted Content 9 chars]", Shown.OTHER, id="less in codex"),
        pytest.param(
            ORDER, "look at[Pasted text #1]at this[Pasted text #2 +9 lines]", Shown.OURS, id="two"
        ),
        pytest.param(ORDER, "look at [Pasted text #1 +11 lines] line 8", Shown.OURS, id="amid"),
        pytest.param(
            LITERAL, "\n".join(LITERAL.split("\n")[:3]), Shown.BEGUN, id="looks like a stand-in"
        ),
        pytest.param(LITERAL, LITERAL, Shown.OURS, id="all of what looks like one"),
        pytest.param(ORDER, "look at", Shown.BEGUN, id="its beginning"),
        pytest.param(ORDER, "", Shown.EMPTY, id="nothing"),
        pytest.param(ORDER, "what else?", Shown.OTHER, id="another text"),
    ],
)
def test_a_composer_is_compared_with_a_message(text: str, shown: str, expected: Shown) -> None:
    assert compare(holding(shown), text) is expected


@pytest.mark.parametrize(
    ("shown", "left_over"),
    [
        pytest.param(f"{LEAD}[Pasted text #3 +9 lines]", True, id="the message"),
        pytest.param(f"{LEAD}[Pasted text #3 +40 lines]", True, id="with a paste before it"),
        pytest.param("look at all of these files, pl", True, id="its beginning"),
        pytest.param("look at", False, id="what anybody may type"),
        pytest.param("look at all of these files, or not", False, id="somebody's text"),
        pytest.param(f"{LEAD}[Pasted text #3 +9 lines] and mine", False, id="typed on"),
        pytest.param("[Pasted text #1 +70 lines]", False, id="somebody's paste"),
    ],
)
def test_what_is_left_of_a_message_is_nobodys_draft(shown: str, *, left_over: bool) -> None:
    assert is_left_over(holding(shown), ORDER) is left_over


def test_a_beginning_may_hold_what_looks_like_a_stand_in_for_the_rest() -> None:
    beginning = "\n".join(LITERAL.split("\n")[:2])
    assert compare(holding(beginning), LITERAL) is Shown.OURS
    assert is_begun(holding(beginning), LITERAL)
    assert not is_begun(holding(LITERAL), LITERAL)
    assert not is_begun(holding(f"{LEAD}[Pasted text #3 +9 lines]"), ORDER)


words = st.text(alphabet="ab \n漢é", min_size=1, max_size=60).map(lambda text: f"do {text} now")


@given(st.lists(words, min_size=1, max_size=12).map("\n".join), st.integers(0, 3))
def test_what_claude_shows_of_a_message_is_the_message_and_of_more_is_not(
    text: str, more: int
) -> None:
    lead, rest = split_order(text)
    breaks = rest.count("\n")
    if not breaks:
        return
    shown = f"{lead}[Pasted text #7 +{breaks + more * text.count(LINE_BREAK)} lines]"
    assert compare(holding(shown), text) is (Shown.OTHER if more else Shown.OURS)
