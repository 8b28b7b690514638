"""tmux says in a pane's corner where in its history it is."""

from __future__ import annotations

import pytest
from tests.unit.agents.screens import drawn

from iterm_mcp.agents.screen_rows import is_scrolled
from iterm_mcp.models.sessions import Size

SIZE = Size(30, 6)


def row(text: str, corner: str) -> str:
    return text.ljust(SIZE.columns - len(corner)) + corner


@pytest.mark.parametrize(
    "rows",
    [
        (row("what was said", "[12/340]"), "more"),
        (row("", "(3 results) [0/7]"), "more"),
        ("left of it  [3/9]│right", "more"),
        ("above", "─" * 30, row("below", "[0/0]")),
        ("above│right", "─────┼────", "below [1/2]│right"),
    ],
)
def test_a_pane_that_is_scrolled_says_so_in_its_corner(rows: tuple[str, ...]) -> None:
    assert is_scrolled(drawn(*rows, size=SIZE))


@pytest.mark.parametrize(
    "rows",
    [
        ("an agent says [3/9]", "more"),
        ("first", row("in the middle", "[12/340]")),
        (row("what was said", "[12/340] "), "more"),
        ("", "─" * 30, "> [1/2]"),
        (),
    ],
)
def test_what_stands_elsewhere_tells_of_no_scrolling(rows: tuple[str, ...]) -> None:
    assert not is_scrolled(drawn(*rows, size=SIZE))
