"""From our state to iTerm2's messages, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.host.worlds import open_session, open_world

from iterm_mcp.host import profiles, tree, wire
from iterm_mcp.host.lines import Color, Line, Style, StyleRun, cut
from iterm_mcp.host.messages import listing, read_tree
from iterm_mcp.host.tree import Pane, Splitter

CELLS = st.lists(
    st.sampled_from([("a", (1,)), ("é", (1,)), ("e\u0301", (2,)), ("界", (1, 0)), (" ", (1,))]),
    max_size=12,
)
PANES = st.builds(Pane, st.text("ab", min_size=1), st.integers(2, 99), st.integers(2, 99))
TREES = st.recursive(
    PANES,
    lambda inner: st.builds(Splitter, st.booleans(), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
).filter(lambda node: isinstance(node, Splitter))


def plain(node: Pane | Splitter) -> object:
    if isinstance(node, Pane):
        return node.session_id, node.columns, node.rows
    return node.vertical, [plain(child) for child in node.children]


def as_message(node: Splitter) -> wire.SplitTreeNode:
    message = wire.SplitTreeNode(vertical=node.vertical)
    for child in node.children:
        link = message.links.add()
        if isinstance(child, Splitter):
            link.node.CopyFrom(as_message(child))
        else:
            link.session.unique_identifier = child.session_id
            link.session.grid_size.width = child.columns
            link.session.grid_size.height = child.rows
    return message


@given(TREES)
def test_a_tree_is_read_as_it_was_sent(node: Splitter) -> None:
    assert plain(read_tree(as_message(node))) == plain(node)


async def test_an_empty_world_has_no_windows() -> None:
    async with open_world() as world:
        assert listing(world) == wire.ListSessionsResponse()


async def test_the_listing_shows_each_pane_where_it_stands() -> None:
    async with open_world() as world:
        left = await open_session(world)
        right = await world.split(left, dict(profiles.DEFAULT), vertical=True, before=False)
        await world.split(right, dict(profiles.DEFAULT), vertical=False, before=False)
        (window,) = listing(world).windows
        (tab,) = window.tabs
        assert (window.number, window.selected_tab_id) == (0, tab.tab_id)
        assert (window.frame.size.width, window.frame.size.height) == (80 * 8, 25 * 16)
        first, nested = tab.root.links
        assert (tab.root.vertical, nested.node.vertical) == (True, False)
        assert first.session.unique_identifier == left.session_id
        upper, lower = (link.session for link in nested.node.links)
        assert (upper.frame.origin.y, lower.frame.origin.y) == (0, 13 * 16)
        assert upper.grid_size.height + lower.grid_size.height + tree.DIVIDER == 25
        ours = world.windows[0].tabs[0]
        assert plain(read_tree(tab.root)) == plain(ours.root)
        assert tab.active_session_id == ours.active


async def test_a_session_that_is_only_being_started_has_no_title() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.set_name("named")
        summary = listing(world).windows[0].tabs[0].root.links[0].session
        assert summary.title == "named"
        del world.sessions[session.session_id]
        summary = listing(world).windows[0].tabs[0].root.links[0].session
        assert summary.title == ""


def line_of(cells: list[tuple[str, tuple[int, ...]]], *, soft_wrapped: bool) -> Line:
    widths = [points for _, widths in cells for points in widths]
    styles = tuple(StyleRun(Style(foreground=Color("rgb", n)), 1) for n in range(len(widths)))
    text = "".join(text for text, _ in cells)
    return Line(text, tuple((points, 1) for points in widths), styles, soft_wrapped)


@given(CELLS, st.integers(0, 30), st.booleans())
def test_the_two_parts_of_a_line_are_the_line(
    cells: list[tuple[str, tuple[int, ...]]],
    at: int,
    soft_wrapped: bool,  # noqa: FBT001 - drawn
) -> None:
    line = line_of(cells, soft_wrapped=soft_wrapped)
    left, right = cut(line, 0, at), cut(line, at, None)
    assert left.text + right.text == line.text
    assert left.cells + right.cells == line.cells
    assert left.styles + right.styles == line.styles
    assert left.soft_wrapped == (soft_wrapped or at <= line.width)
    assert right.soft_wrapped == soft_wrapped


@given(CELLS, st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_a_part_holds_as_many_points_as_its_cells_say(
    cells: list[tuple[str, tuple[int, ...]]],
    left: int,
    right: int,
    spaces: bool,  # noqa: FBT001 - drawn
) -> None:
    part = cut(line_of(cells, soft_wrapped=False), left, right, spaces=spaces)
    assert len(part.text) == sum(points * repeats for points, repeats in part.cells)
    assert len(part.styles) == part.width
    assert part.width <= max(0, right - left)
    assert spaces or not part.text.endswith(" ")
