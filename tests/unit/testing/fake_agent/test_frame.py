from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.testing.fake_agent.frame import View, draw, shown_prompt, width_of, wrap

STYLE = re.compile(r"\x1b\[[0-9]+m")


def plain(view: View, columns: int = 40, rows: int = 12) -> list[str]:
    return [STYLE.sub("", row).rstrip() for row in draw(view, columns, rows)]


def test_the_composer_stands_below_between_rules() -> None:
    rows = plain(View(log=["hello"], before="half", after="way", hint="a hint"))

    assert rows[0] == "hello"
    assert rows[-4:] == ["─" * 40, "\u276f\xa0halfway", "─" * 40, "a hint"]


def test_a_suggestion_is_dim_and_only_in_an_empty_composer() -> None:
    assert "\x1b[2mry it" in "".join(draw(View(ghost="try it"), 40, 12))
    assert "try it" not in "".join(plain(View(ghost="try it", before="x")))


def test_a_dialog_takes_the_composers_place() -> None:
    rows = plain(View(dialog=["Proceed?", "1. Yes"], before="draft"))

    assert rows[-2:] == ["Proceed?", "1. Yes"]
    assert not any("draft" in row for row in rows)


def test_what_waits_is_shown_as_queued() -> None:
    rows = plain(View(waiting=["next"], busy="Working"), columns=60)

    assert "\u276f next" in rows
    assert any("Queued" in row for row in rows)
    assert any(row.endswith("Working") for row in rows)


def test_a_long_prompt_is_folded() -> None:
    assert shown_prompt("1\n2\n3\n4\n5\n6") == "\u276f 1\n  2\n  3\n  … +3 lines"


@given(
    st.text(max_size=60), st.text(max_size=60), st.text(max_size=200),
    st.integers(5, 60), st.integers(6, 30),
)  # fmt: skip
def test_a_frame_has_the_screens_size_whatever_is_in_it(
    before: str, after: str, log: str, columns: int, rows: int
) -> None:
    before, after = ("".join(c for c in one if c.isprintable()) for one in (before, after))
    frame = draw(View(log=[log], before=before, after=after, hint="h" * 90), columns, rows)

    assert len(frame) == rows
    assert all(width_of(STYLE.sub("", row)) <= columns for row in frame)


def test_wide_characters_wrap_by_cells() -> None:
    assert wrap("日本語", 4) == ["日本", "語"]
