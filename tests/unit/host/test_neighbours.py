"""Which pane lies where."""

from __future__ import annotations

import pytest

from iterm_mcp.host.neighbours import Direction, neighbour
from iterm_mcp.host.tree import Pane, Splitter

#   a │ b │ c
#     │───│
#     │ d │
ROOT = Splitter(
    vertical=True,
    children=[
        Pane("a", 20, 21),
        Splitter(vertical=False, children=[Pane("b", 20, 12), Pane("d", 20, 8)]),
        Pane("c", 38, 21),
    ],
)


@pytest.mark.parametrize(
    ("session", "left", "right", "above", "below"),
    [
        ("a", None, "b", None, None),
        ("b", "a", "c", None, "d"),
        ("d", "a", "c", "b", None),
        ("c", "b", None, None, None),
    ],
)
def test_a_neighbour_is_what_lies_beyond_the_middle_of_an_edge(
    session: str, left: str | None, right: str | None, above: str | None, below: str | None
) -> None:
    directions: list[Direction] = ["left", "right", "above", "below"]
    found = [neighbour(ROOT, session, one) for one in directions]
    assert found == [left, right, above, below]
