from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.sessions import Direction, Size
from iterm_mcp.testing.fake_tree import DIVIDER, Branch, Leaf, leaves, remove, split

Step = tuple[bool, int, Direction]
steps = st.lists(
    st.tuples(st.booleans(), st.integers(0, 1000), st.sampled_from(list(Direction))), max_size=30
)


def extent(node: Leaf | Branch) -> Size:
    """Add up a node's size and see that its children agree with one another."""
    if isinstance(node, Leaf):
        return node.size
    sizes = [extent(child) for child in node.children]
    dividers = DIVIDER * (len(sizes) - 1)
    if node.vertical:
        assert len({size.rows for size in sizes}) == 1
        return Size(sum(size.columns for size in sizes) + dividers, sizes[0].rows)
    assert len({size.columns for size in sizes}) == 1
    return Size(sizes[0].columns, sum(size.rows for size in sizes) + dividers)


@given(steps)
def test_splits_and_removals_always_fill_the_tab_exactly(steps: list[Step]) -> None:
    whole = Size(80, 24)
    root = Branch(vertical=True, children=[Leaf(SessionId("0"), whole)])
    for number, (grow, choice, direction) in enumerate(steps, start=1):
        standing = [leaf.session_id for leaf in leaves(root)]
        chosen = standing[choice % len(standing)]
        if grow:
            split(root, chosen, direction, SessionId(str(number)))
        elif len(standing) > 1:
            remove(root, chosen)

        assert extent(root) == whole
        assert all(leaf.size.columns > 0 and leaf.size.rows > 0 for leaf in leaves(root))


def test_a_branch_with_one_child_left_is_replaced_by_it() -> None:
    root = Branch(vertical=True, children=[Leaf(SessionId("a"), Size(80, 24))])
    split(root, SessionId("a"), Direction.RIGHT, SessionId("b"))
    split(root, SessionId("b"), Direction.BELOW, SessionId("c"))

    remove(root, SessionId("b"))

    assert all(isinstance(child, Leaf) for child in root.children)
    assert [leaf.session_id for leaf in leaves(root)] == ["a", "c"]
