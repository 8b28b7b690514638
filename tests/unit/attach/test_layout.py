"""Where panes stand, and which is next to which."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.attach.layout import Divider, Pane, Placed, Split, after, neighbour, place, span
from iterm_mcp.host import tree

LEFT, TOP, BOTTOM = Pane("left", 10, 11), Pane("top", 20, 5), Pane("bottom", 20, 5)
TREE = Split(vertical=True, children=(LEFT, Split(vertical=False, children=(TOP, BOTTOM))))


@st.composite
def host_tabs(draw: st.DrawFn) -> tree.Tab:
    """Return a tab of the host that was split and given a size."""
    tab = tree.Tab("tab", tree.Splitter(False, [tree.Pane("0", 120, 60)]), "0")  # noqa: FBT003
    for number in range(1, draw(st.integers(1, 7))):
        parent = str(draw(st.integers(0, number - 1)))
        try:
            tree.split(tab, parent, str(number), vertical=draw(st.booleans()), before=False)
        except tree.CannotSplitError:
            break
    tree.fit(tab.root, draw(st.integers(60, 130)), draw(st.integers(40, 70)))
    return tab


def _node(one: tree.Node) -> Pane | Split:
    if isinstance(one, tree.Pane):
        return Pane(one.session_id, one.columns, one.rows)
    return Split(one.vertical, tuple(_node(child) for child in one.children))


@given(host_tabs())
def test_panes_titles_and_lines_cover_the_window_once(tab: tree.Tab) -> None:
    node = _node(tab.root)
    columns, rows = span(node)
    assert (columns, rows) == tree.span(tab.root)
    taken: list[tuple[int, int]] = []
    for one in place(node):
        if isinstance(one, Divider):
            taken += [(one.x, y) for y in range(one.y, one.y + one.rows)]
        else:
            taken += [
                (x, y)
                for x in range(one.x, one.x + one.pane.columns)
                for y in range(one.y - 1, one.y + one.pane.rows)
            ]
    assert sorted(taken) == [(x, y) for x in range(columns) for y in range(rows + 1)]


def test_a_title_stands_above_each_pane_and_a_line_between_columns() -> None:
    assert list(place(TREE)) == [
        Placed(LEFT, 0, 1), Divider(10, 0, 12), Placed(TOP, 11, 1), Placed(BOTTOM, 11, 7)
    ]  # fmt: skip


def test_an_arrow_leads_to_the_nearest_pane_that_way() -> None:
    assert neighbour(TREE, "top", "down") == "bottom"
    assert neighbour(TREE, "bottom", "up") == "top"
    assert neighbour(TREE, "bottom", "left") == "left"
    assert neighbour(TREE, "left", "right") in {"top", "bottom"}


def test_at_the_edge_an_arrow_leads_nowhere() -> None:
    assert neighbour(TREE, "top", "right") == "top"
    assert neighbour(TREE, "left", "up") == "left"
    assert neighbour(TREE, "gone", "up") == "gone"


def test_going_round_meets_every_pane() -> None:
    assert [after(TREE, one) for one in ("left", "top", "bottom", "gone")] == [
        "top", "bottom", "left", "gone"
    ]  # fmt: skip
