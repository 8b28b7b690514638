"""iTerm2's messages become our values: with the real messages, and hypothesis's trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iterm2 import api_pb2 as wire

from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.sessions import Size
from iterm_mcp.terminal.wire_values import (
    active_session,
    leaves,
    resize_tree,
    screen,
    session_ids,
    sessions,
)

KEY = wire.FocusChangedNotification.Window.WindowStatus.TERMINAL_WINDOW_BECAME_KEY
CURRENT = wire.FocusChangedNotification.Window.WindowStatus.TERMINAL_WINDOW_IS_CURRENT
RESIGNED = wire.FocusChangedNotification.Window.WindowStatus.TERMINAL_WINDOW_RESIGNED_KEY


def fill(node: wire.SplitTreeNode, tree: list[object]) -> None:
    """Write a tree of names into a splitter."""
    for one in tree:
        link = node.links.add()
        if isinstance(one, list):
            link.node.SetInParent()
            fill(link.node, one)
        else:
            link.session.unique_identifier = str(one)
            link.session.title = f"title of {one}"
            link.session.grid_size.width, link.session.grid_size.height = 80, 24


def listing(**windows: dict[str, list[object]]) -> wire.ListSessionsResponse:
    """Return windows of tabs of trees of names."""
    response = wire.ListSessionsResponse()
    for window_id, tabs in windows.items():
        window = response.windows.add(window_id=window_id)
        for tab_id, tree in tabs.items():
            fill(window.tabs.add(tab_id=tab_id).root, tree)
    return response


TWO_WINDOWS = listing(w1={"1": ["a", ["b", "c"]], "2": ["d"]}, w2={"3": ["e"]})


def focus(
    *,
    window: tuple[str, wire.FocusChangedNotification.Window.WindowStatus.ValueType] | None,
    tabs: list[str],
    active: list[str],
) -> wire.FocusResponse:
    response = wire.FocusResponse()
    response.notifications.add().application_active = True
    if window:
        event = response.notifications.add().window
        event.window_id, event.window_status = window
    for tab_id in tabs:
        response.notifications.add().selected_tab = tab_id
    for session_id in active:
        response.notifications.add().session = session_id
    return response


def flat(tree: list[object]) -> list[str]:
    return [name for one in tree for name in (flat(one) if isinstance(one, list) else [str(one)])]


@given(st.recursive(st.lists(st.text(max_size=3)), lambda inner: st.lists(inner | st.text())))
def test_the_sessions_of_any_tree_come_in_reading_order(tree: list[object]) -> None:
    root = wire.SplitTreeNode()
    fill(root, tree)
    assert [leaf.unique_identifier for leaf in leaves(root)] == flat(tree)


def test_the_ids_of_all_windows_are_one_set() -> None:
    assert session_ids(TWO_WINDOWS) == {"a", "b", "c", "d", "e"}
    assert session_ids(wire.ListSessionsResponse()) == set()


def test_sessions_are_listed_with_where_they_stand() -> None:
    shown = sessions(TWO_WINDOWS, focus(window=("w1", KEY), tabs=["1", "3"], active=["c", "e"]))
    assert [(one.window_id, one.tab_id, one.session_id, one.active) for one in shown] == [
        ("w1", "1", "a", False),
        ("w1", "1", "b", False),
        ("w1", "1", "c", True),
        ("w1", "2", "d", False),
        ("w2", "3", "e", False),
    ]
    assert (shown[0].title, shown[0].size) == ("title of a", Size(80, 24))


@pytest.mark.parametrize(
    ("window", "tabs", "active", "expected"),
    [
        (("w1", KEY), ["1", "3"], ["a", "d", "e"], "a"),
        (("w1", CURRENT), ["2", "3"], ["a", "d", "e"], "d"),
        (("w2", KEY), ["1", "3"], ["a", "d", "e"], "e"),
        (("w1", RESIGNED), ["1", "3"], ["a", "d", "e"], None),
        (None, ["1", "3"], ["a", "d", "e"], None),
        (("w1", KEY), [], ["a"], None),
        (("w1", KEY), ["1"], ["d"], None),
        (("gone", KEY), ["1"], ["a"], None),
    ],
)
def test_the_active_session_is_that_of_the_selected_tab_of_the_current_window(
    window: tuple[str, wire.FocusChangedNotification.Window.WindowStatus.ValueType] | None,
    tabs: list[str],
    active: list[str],
    expected: str | None,
) -> None:
    found = active_session(TWO_WINDOWS, focus(window=window, tabs=tabs, active=active))
    assert found == expected


def test_a_screen_knows_where_it_stands_in_the_history_and_where_the_cursor_is() -> None:
    buffer = wire.GetBufferResponse()
    buffer.windowed_coord_range.coord_range.start.y = 100
    buffer.cursor.x, buffer.cursor.y = 7, 101
    for text in ("$ ls", "a\0b", ""):
        buffer.contents.add(text=text)

    shown = screen(buffer, columns=80)

    assert shown.lines == ("$ ls", "a b", "")
    assert (shown.first_line, shown.size) == (100, Size(80, 3))
    assert (shown.cursor_column, shown.cursor_row) == (7, 1)


def test_new_sizes_reach_every_leaf_of_a_tree() -> None:
    root = wire.SplitTreeNode()
    fill(root, ["a", ["b", "c"]])
    wanted = {SessionId(name): Size(10 + at, 5 + at) for at, name in enumerate("abc")}

    resize_tree(root, wanted)

    written = {
        leaf.unique_identifier: Size(leaf.grid_size.width, leaf.grid_size.height)
        for leaf in leaves(root)
    }
    assert written == wanted
