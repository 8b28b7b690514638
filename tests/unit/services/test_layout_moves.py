"""Every session keeps a place, whatever is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.layouts import StandingPane, StandingSplitter, StandingTab
from iterm_mcp.models.sessions import Size
from iterm_mcp.services.layouts import moves as layout_moves
from iterm_mcp.services.layouts.moves import same_shape, without

if TYPE_CHECKING:
    from iterm_mcp.models.layouts import StandingNode
    from iterm_mcp.services.layouts.moves import Moves

ANY = Size(80, 24)
W, T, U, V = WindowId("w"), TabId("t"), TabId("u"), TabId("v")


def leaf(name: str) -> StandingPane:
    return StandingPane(SessionId(name), ANY)


def columns(*children: StandingNode | str) -> StandingSplitter:
    return StandingSplitter(vertical=True, children=tuple(_node(one) for one in children))


def rows(*children: StandingNode | str) -> StandingSplitter:
    return StandingSplitter(vertical=False, children=tuple(_node(one) for one in children))


def _node(one: StandingNode | str) -> StandingNode:
    return leaf(one) if isinstance(one, str) else one


def tab(tab_id: TabId, root: StandingNode | str, window: str = "w") -> StandingTab:
    return StandingTab(WindowId(window), tab_id, _node(root))


def plan_moves(wanted: StandingNode, target: TabId, tabs: list[StandingTab]) -> Moves:
    goal = next(one for one in tabs if one.tab_id == target)
    return layout_moves.plan_moves(wanted, goal, tabs)


def test_nothing_is_asked_for_when_all_stands_as_wanted() -> None:
    moves = plan_moves(columns("a", "b"), T, [tab(T, columns("a", "b")), tab(U, "c")])

    assert (moves.trees, moves.closing, moves.left_over, moves.homeless) == ({}, (), (), False)


def test_a_tab_that_gives_some_sessions_keeps_the_others_as_they_were() -> None:
    moves = plan_moves(columns("a", "c"), T, [tab(T, "a"), tab(U, rows("b", columns("c", "d")))])

    assert moves.trees == {U: rows("b", "d"), T: columns("a", "c")}
    assert moves.closing == ()


def test_a_tab_that_gives_all_closes() -> None:
    moves = plan_moves(columns("a", "b"), T, [tab(T, "a"), tab(U, "b", "elsewhere")])

    assert moves.closing == (U,)


def test_who_has_no_place_goes_where_a_tab_of_the_window_became_free() -> None:
    tabs = [tab(T, columns("a", "b", "c")), tab(V, "e", "elsewhere"), tab(U, "d")]

    moves = plan_moves(rows("a", "d", "e"), T, tabs)

    assert moves.trees == {U: columns("b", "c"), T: rows("a", "d", "e")}
    assert (moves.closing, moves.left_over, moves.homeless) == ((V,), ("b", "c"), False)


def test_who_has_nowhere_to_go_is_homeless() -> None:
    tabs = [tab(T, columns("a", "b")), tab(U, "c", "elsewhere")]

    assert plan_moves(rows("a", "c"), T, tabs).homeless
    assert plan_moves(leaf("a"), T, tabs).homeless


def test_a_split_of_one_is_none_and_like_splits_become_one() -> None:
    root = columns("a", rows("b", columns("c", "d")))

    def rest(gone: str) -> StandingNode | None:
        return without(root, {SessionId(one) for one in gone})

    assert rest("b") == columns("a", "c", "d")
    assert rest("abc") == leaf("d")
    assert rest("abcd") is None


def test_shapes_differ_by_sessions_directions_and_numbers() -> None:
    shapes: list[StandingNode] = [
        leaf("a"), leaf("b"), columns("a", "b"), columns("b", "a"), rows("a", "b"),
        columns("a", "b", "c"), columns("a", rows("b", "c")),
    ]  # fmt: skip

    for one in shapes:
        assert [same_shape(one, other) for other in shapes] == [one is other for other in shapes]


TREE = st.recursive(
    st.just("leaf"), lambda inner: st.tuples(st.booleans(), st.lists(inner, min_size=2, max_size=3))
)


def _grown(tree: object, names: list[str], vertical: bool) -> StandingNode:  # noqa: FBT001 - local
    if not isinstance(tree, tuple):
        names.append(f"s{len(names)}")
        return leaf(names[-1])
    children = tuple(_grown(child, names, not vertical) for child in tree[1])
    return StandingSplitter(vertical, children)


@given(TREE, TREE, st.data())
def test_nobody_is_lost_and_nobody_stands_twice(
    first: object, second: object, data: st.DataObject
) -> None:
    names: list[str] = []
    tabs = [
        StandingTab(W, T, _grown(first, names, vertical=True)),
        StandingTab(W, U, _grown(second, names, vertical=False)),
    ]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    wanted = leaf(chosen[0]) if len(chosen) == 1 else columns(*chosen)

    moves = plan_moves(wanted, T, tabs)

    if moves.homeless:
        return
    after = {one.tab_id: one.root for one in tabs if one.tab_id not in moves.closing} | moves.trees
    there = [pane.session_id for root in after.values() for pane in root.panes()]
    assert sorted(there) == sorted(names)
    assert same_shape(after[T], wanted)
    assert all(_alternates(root) for root in after.values())


def _alternates(node: StandingNode) -> bool:
    if isinstance(node, StandingPane):
        return True
    inner = [one for one in node.children if isinstance(one, StandingSplitter)]
    return len(node.children) > 1 and all(
        one.vertical != node.vertical and _alternates(one) for one in inner
    )
