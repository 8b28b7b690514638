"""Sizes add up to the last cell, nobody is squeezed out, and an export gives them back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.layouts import Node, Pane, Splitter, StandingPane, StandingSplitter
from iterm_mcp.models.sessions import Size
from iterm_mcp.services.layouts import plan as layout_plan
from iterm_mcp.services.layouts import sizes as layout_sizes
from iterm_mcp.services.layouts.export import ratios
from iterm_mcp.services.layouts.moves import declared
from iterm_mcp.services.layouts.sizes import LEAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.models.layouts import StandingNode

WEIGHT = st.floats(0.01, 100)


def splitter(vertical: bool, children: list[Node], weight: float, cells: int | None) -> Splitter:  # noqa: FBT001 - drawn
    """Return a splitter whose first child stretches, as one must."""
    return Splitter(vertical, (replace(children[0], cells=None), *children[1:]), weight, cells)


TREE: st.SearchStrategy[Node] = st.recursive(
    st.builds(Pane, weight=WEIGHT, cells=st.none() | st.integers(2, 20)),
    lambda inner: st.builds(
        splitter,
        st.booleans(),
        st.lists(inner, min_size=2, max_size=3),
        WEIGHT,
        st.none() | st.integers(20, 60),
    ),
    max_leaves=8,
)
SIZE = st.builds(Size, st.integers(60, 400), st.integers(60, 200))


def allotted(tree: Node, size: Size) -> list[Size]:
    """Return the sizes, or pass this example over when there is no room."""
    try:
        return layout_sizes.allot(tree, size)
    except InvalidRequestError:
        assume(condition=False)
        raise


def normal(tree: Node) -> Node:
    try:
        return layout_plan.normalise(tree)
    except InvalidRequestError:  # a splitter of a fixed size may have no room for its children
        assume(condition=False)
        raise


def standing(tree: Node, sizes: Iterator[Size]) -> StandingNode:
    if isinstance(tree, Pane):
        return StandingPane(SessionId("any"), next(sizes))
    return StandingSplitter(tree.vertical, tuple(standing(one, sizes) for one in tree.children))


def check(tree: Node, stands: StandingNode, size: Size) -> None:
    """See that a tree fills a size, all the way down."""
    assert layout_sizes.span(stands) == size
    if isinstance(tree, Pane) or isinstance(stands, StandingPane):
        assert min(size.columns, size.rows) >= LEAST
        return
    whole = 0
    for child, place in zip(tree.children, stands.children, strict=True):
        covered = layout_sizes.span(place)
        length = covered.columns if tree.vertical else covered.rows
        across = (covered.rows, size.rows) if tree.vertical else (covered.columns, size.columns)
        assert across[0] == across[1]
        assert child.cells in {None, length}
        whole += length
        check(child, place, covered)
    assert whole + len(tree.children) - 1 == (size.columns if tree.vertical else size.rows)


@given(TREE, SIZE)
def test_the_panes_of_a_tree_fill_it_to_the_cell(tree: Node, size: Size) -> None:
    flat = normal(tree)
    sizes = allotted(flat, size)

    check(flat, standing(flat, iter(sizes)), size)


@given(TREE, SIZE)
def test_what_is_exported_gives_the_same_sizes_again(tree: Node, size: Size) -> None:
    flat = normal(tree)
    sizes = allotted(flat, size)

    assert layout_sizes.allot(_exported(standing(flat, iter(sizes)), 1.0), size) == sizes


def _exported(node: StandingNode, weight: float) -> Node:
    if isinstance(node, StandingPane):
        return Pane(weight=weight)
    spans = [layout_sizes.span(child) for child in node.children]
    shares = ratios([one.columns if node.vertical else one.rows for one in spans])
    return Splitter(
        node.vertical,
        tuple(_exported(child, one) for child, one in zip(node.children, shares, strict=True)),
        weight,
    )


@given(st.lists(st.integers(2, 300), min_size=2, max_size=30))
def test_ratios_are_short_and_add_up(lengths: list[int]) -> None:
    shares = ratios(lengths)

    assert all(share > 0 and len(f"{share:g}") <= 6 for share in shares)
    assert sum(shares) == pytest.approx(1)


def test_the_ratios_of_nothing_are_not_nothing() -> None:
    assert all(share > 0 for share in ratios([0, 0]))


def test_cells_are_shared_by_weight_after_the_dividers() -> None:
    tree = Splitter(vertical=True, children=(Pane(weight=2), Pane(weight=1)))

    assert layout_sizes.allot(tree, Size(80, 25)) == [Size(53, 25), Size(26, 25)]


def test_a_pane_of_fixed_cells_has_them_whatever_the_others_share() -> None:
    tree = Splitter(vertical=False, children=(Pane(), Pane(cells=5), Pane()))

    assert [one.rows for one in layout_sizes.allot(tree, Size(80, 25))] == [9, 5, 9]


def test_shares_differ_by_less_than_a_cell_from_their_weight() -> None:
    tree = Splitter(vertical=True, children=tuple(Pane() for _ in range(7)))
    widths = [size.columns for size in layout_sizes.allot(tree, Size(100, 10))]

    assert sum(widths) == 94
    assert all(abs(a - b) <= 1 for a, b in pairwise(widths))


def test_the_smallest_share_is_still_a_pane() -> None:
    tree = Splitter(vertical=True, children=(Pane(weight=0.001), Pane(weight=100)))

    assert [one.columns for one in layout_sizes.allot(tree, Size(80, 25))] == [2, 77]


def test_a_splitter_gets_what_all_its_panes_need() -> None:
    stack = Splitter(
        vertical=False, children=(Pane(), Splitter(vertical=True, children=(Pane(), Pane())))
    )
    tree = Splitter(vertical=True, children=(Pane(weight=1000), stack))

    assert layout_sizes.allot(tree, Size(12, 5))[1:] == [Size(5, 2), Size(2, 2), Size(2, 2)]


@pytest.mark.parametrize(
    ("tree", "size"),
    [
        (Pane(), Size(80, 1)),
        (Splitter(vertical=True, children=tuple(Pane() for _ in range(30))), Size(80, 25)),
        (Splitter(vertical=True, children=(Pane(cells=79), Pane())), Size(80, 25)),
        (Splitter(vertical=True, children=(Pane(), Pane())), Size(80, 1)),
        (
            Splitter(
                vertical=True,
                children=(
                    Pane(),
                    Splitter(
                        vertical=False,
                        children=(Pane(), Splitter(vertical=True, children=(Pane(), Pane()))),
                        cells=4,
                    ),
                ),
            ),
            Size(80, 25),
        ),
    ],
)
def test_panes_that_do_not_fit_are_refused(tree: Node, size: Size) -> None:
    with pytest.raises(InvalidRequestError, match="do not fit") as caught:
        layout_sizes.allot(tree, size)

    assert caught.value.hint


def test_a_declared_tree_takes_sessions_in_reading_order() -> None:
    tree = Splitter(vertical=True, children=(Pane(), Pane()))
    ids = [SessionId("a"), SessionId("b")]

    assert [one.session_id for one in declared(tree, iter(ids)).panes()] == ids
