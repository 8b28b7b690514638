from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.layouts import Node, Pane, PaneAgent, Splitter
from iterm_mcp.models.sessions import Direction, Program
from iterm_mcp.services.layouts import plan as layout_plan
from iterm_mcp.services.layouts.plan import Split

LEAF = st.builds(Pane, weight=st.floats(0.5, 2))
TREE = st.recursive(
    LEAF,
    lambda children: st.builds(
        Splitter,
        vertical=st.booleans(),
        children=st.lists(children, min_size=2, max_size=4).map(tuple),
        weight=st.floats(0.5, 2),
    ),
    max_leaves=12,
)

ONE = SessionId("one")
ADA = PaneAgent(AgentName("ada"))


def pane(name: str, weight: float = 1.0) -> Pane:
    return Pane(Program(name=name), weight)


def side_by_side(*children: Node) -> Splitter:
    return Splitter(vertical=True, children=children)


def stacked(*children: Node) -> Splitter:
    return Splitter(vertical=False, children=children)


def test_a_quad_is_two_rows_of_two() -> None:
    a, b, c, d = (pane(name) for name in "abcd")

    assert layout_plan.grid([a, b, c, d], 2) == stacked(side_by_side(a, b), side_by_side(c, d))


def test_a_grids_last_row_may_be_short() -> None:
    a, b, c = (pane(name) for name in "abc")

    assert layout_plan.grid([a, b, c], 2) == stacked(side_by_side(a, b), c)


@pytest.mark.parametrize("across", [0, -1])
def test_a_grid_without_columns_is_refused(across: int) -> None:
    with pytest.raises(InvalidRequestError, match="at least one column") as caught:
        layout_plan.grid([pane("a")], across)

    assert caught.value.hint


def test_one_pane_alone_is_no_stack() -> None:
    assert layout_plan.main_stack([pane("a")]) == pane("a")


def test_main_and_stack_puts_the_first_pane_beside_the_others() -> None:
    a, b, c = (pane(name) for name in "abc")

    assert layout_plan.main_stack([a, b, c]) == side_by_side(a, stacked(b, c))


def test_siblings_are_made_before_any_of_them_is_split() -> None:
    a, b, c, d = (pane(name) for name in "abcd")
    quad = layout_plan.grid([a, b, c, d], 2)

    assert layout_plan.splits(quad) == [
        Split(0, 2, Direction.BELOW),
        Split(0, 1, Direction.RIGHT),
        Split(2, 3, Direction.RIGHT),
    ]


def test_a_splitter_of_the_same_kind_dissolves_into_its_parent() -> None:
    a, b, c = pane("a", 1), pane("b", 1), pane("c", 3)
    nested = side_by_side(a, Splitter(vertical=True, children=(b, c), weight=2))

    flat = layout_plan.normalise(nested)

    assert isinstance(flat, Splitter)
    assert [child.weight for child in flat.children] == [1, 0.5, 1.5]


def test_a_dissolved_splitter_of_a_fixed_size_gives_its_children_fixed_sizes() -> None:
    inner = Splitter(vertical=True, children=(pane("a", 1), pane("b", 2)), cells=31)

    flat = layout_plan.normalise(side_by_side(inner, pane("c")))

    assert isinstance(flat, Splitter)
    assert [child.cells for child in flat.children] == [10, 20, None]


def test_a_dissolved_splitter_leaves_its_childrens_fixed_sizes_alone() -> None:
    inner = side_by_side(Pane(cells=10), pane("b", 5), pane("c", 5))

    flat = layout_plan.normalise(side_by_side(inner, pane("d")))

    assert isinstance(flat, Splitter)
    assert [(child.cells, child.weight) for child in flat.children[1:]] == [
        (None, 0.5), (None, 0.5), (None, 1)
    ]  # fmt: skip
    assert flat.children[0].cells == 10


@pytest.mark.parametrize(
    ("tree", "complaint"),
    [
        (Splitter(vertical=True, children=(pane("a"),)), "at least two"),
        (side_by_side(pane("a", 0), pane("b")), "no share"),
        (side_by_side(pane("a", float("nan")), pane("b")), "no share"),
        (side_by_side(pane("a", float("inf")), pane("b")), "no share"),
        (side_by_side(pane("a"), pane("a")), "two panes are named"),
        (side_by_side(Pane(session_id=ONE), Pane(session_id=ONE)), "two panes take session"),
        (side_by_side(Pane(agent=ADA), Pane(agent=ADA)), "two panes hold agent"),
        (side_by_side(Pane(cells=10), Pane(cells=20)), "all children"),
        (side_by_side(*(Pane() for _ in range(65))), "64"),
    ],
)
def test_a_tree_that_makes_no_sense_is_refused(tree: Node, complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        layout_plan.normalise(tree)


def test_too_deep_a_tree_is_refused() -> None:
    tree: Node = Pane()
    for level in range(20):
        tree = Splitter(vertical=level % 2 == 0, children=(Pane(), tree))

    with pytest.raises(InvalidRequestError, match="deep"):
        layout_plan.normalise(tree)


@given(TREE)
def test_a_normalised_tree_alternates_and_keeps_its_leaves(tree: Node) -> None:
    flat = layout_plan.normalise(tree)

    assert len(list(layout_plan.leaves(flat))) == len(list(layout_plan.leaves(tree)))
    assert _alternates(flat)


@given(TREE)
def test_every_split_makes_one_new_leaf_out_of_one_that_stands(tree: Node) -> None:
    flat = layout_plan.normalise(tree)
    standing = {0}
    for step in layout_plan.splits(flat):
        assert step.source in standing
        assert step.target not in standing
        standing.add(step.target)

    assert standing == set(range(len(list(layout_plan.leaves(flat)))))


@given(TREE)
def test_carrying_the_splits_out_builds_the_declared_tree(tree: Node) -> None:
    flat = layout_plan.normalise(tree)
    built = _Builder()
    for step in layout_plan.splits(flat):
        built.split(step)

    assert built.shape() == _shape(flat, iter(range(100)))


class _Builder:
    """Splits as iTerm2 does: a pane split along its parent's direction becomes a sibling."""

    def __init__(self) -> None:
        self._root: list[object] = [True, [0]]

    def split(self, step: Split) -> None:
        vertical = step.direction is Direction.RIGHT
        self._split(self._root, step, vertical=vertical)

    def _split(self, node: list[object], step: Split, *, vertical: bool) -> bool:
        children = node[1]
        assert isinstance(children, list)
        for index, child in enumerate(children):
            if child == step.source:
                if len(children) == 1:
                    node[0] = vertical
                if node[0] == vertical:
                    children.insert(index + 1, step.target)
                else:
                    children[index] = [vertical, [step.source, step.target]]
                return True
            if isinstance(child, list) and self._split(child, step, vertical=vertical):
                return True
        return False

    def shape(self) -> object:
        children = self._root[1]
        assert isinstance(children, list)
        return children[0] if len(children) == 1 else self._root


def _shape(node: Node, numbers: object) -> object:
    if isinstance(node, Pane):
        return next(numbers)  # type: ignore[call-overload]
    return [node.vertical, [_shape(child, numbers) for child in node.children]]


def _alternates(node: Node) -> bool:
    if isinstance(node, Pane):
        return True
    inner = [child for child in node.children if isinstance(child, Splitter)]
    return all(child.vertical != node.vertical and _alternates(child) for child in inner)
