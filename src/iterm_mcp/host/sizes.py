"""Sizes of windows and panes: in cells, and in points where frames are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import tree

if TYPE_CHECKING:
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.tree import Splitter, Tab, Window
    from iterm_mcp.host.world import World

CELL_WIDTH, CELL_HEIGHT = 8, 16
"""Points. Nothing is drawn, but frames are asked for."""

Frame = tuple[int, int, int, int]
"""Origin x and y, width and height."""


def frame(window: Window) -> Frame:
    """Return a window's frame in points."""
    return *window.origin, window.columns * CELL_WIDTH, window.rows * CELL_HEIGHT


def set_frame(world: World, window: Window, wanted: Frame) -> None:
    """Move a window, and give it as many whole cells as fit."""
    x, y, width, height = wanted
    window.origin = (x, y)
    resize_window(world, window, width // CELL_WIDTH, height // CELL_HEIGHT)


def resize_session(world: World, session: Session, columns: int, rows: int) -> None:
    """Give a session's pane a grid; the window grows or shrinks with it."""
    place = world.place(session.session_id)
    if place is not None:
        window, tab = place
        tree.resize(tab.root, session.session_id, columns, rows)
        resize_window(world, window, *tree.span(tab.root))


def relayout(world: World, window: Window, tab: Tab, wanted: Splitter) -> None:
    """Take over the sizes of a tree of the same shape; the window follows.

    Raises:
        WrongTreeError: The shapes differ.
    """
    tree.apply_sizes(tab.root, wanted)
    resize_window(world, window, *tree.span(tab.root))


def resize_window(world: World, window: Window, columns: int, rows: int) -> None:
    """Give a window a grid, as large as is allowed and its panes need; all tabs fill it."""
    least = [tree.minimum(tab.root) for tab in window.tabs]
    columns = max([tree.within_bounds(columns), *(one for one, _ in least)])
    rows = max([tree.within_bounds(rows), *(one for _, one in least)])
    window.columns, window.rows = columns, rows
    for tab in window.tabs:
        tree.fit(tab.root, columns, rows)
        apply(world, tab)


def apply(world: World, tab: Tab) -> None:
    """Give each session of a tab its pane's grid."""
    for pane in tab.panes():
        session = world.sessions.get(pane.session_id)
        if session is not None:
            session.resize(pane.columns, pane.rows)
    world.layout_touched()
