"""Moving what is open: tabs within and between windows, panes out of their tabs and back."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.host import sizes, tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.host.tree import Tab, Window
    from iterm_mcp.host.world import World


@dataclass(frozen=True, slots=True)
class Burial:
    """Where a buried session stood: beside which neighbour, in which tab's window."""

    window_id: str
    neighbour: str
    vertical: bool
    before: bool


def arrange(world: World, wanted: Mapping[Window, Sequence[Tab]]) -> None:
    """Give windows these tabs, in this order.

    A window that is left without any closes. One that loses its selected tab selects a
    neighbour of it; one that gains tabs gives them its own size.
    """
    before = {window: list(window.tabs) for window in wanted}
    for window, tabs in wanted.items():
        window.tabs[:] = tabs
    world.layout_touched()
    # Nobody is told of a window without tabs: first all windows stand as they shall.
    for window in [one for one in wanted if not one.tabs]:
        world.windows.remove(window)
        world.forget(f"window {window.window_id}")
    for window, tabs in before.items():
        if not all(tab in tabs for tab in window.tabs):
            sizes.resize_window(world, window, window.columns, window.rows)
        if window.tabs and window.selected not in window.tabs:
            at = tabs.index(window.selected) if window.selected in tabs else 0
            world.focus_tab(window, window.tabs[min(at, len(window.tabs) - 1)])
    if world.key not in world.windows:
        world.focus_window(world.windows[-1] if world.windows else None)


def reorder(world: World, assignments: Mapping[Window, Sequence[Tab]]) -> None:
    """Put tabs first in windows, in this order; a window's other tabs follow as they stood."""
    moved = [tab for tabs in assignments.values() for tab in tabs]
    wanted = {}
    for window in world.windows:
        rest = [tab for tab in window.tabs if tab not in moved]
        wanted[window] = [*assignments.get(window, ()), *rest]
    arrange(world, {window: tabs for window, tabs in wanted.items() if tabs != window.tabs})


def move_tab(world: World, tab: Tab, target: Window, index: int | None = None) -> None:
    """Put a tab into a window, last or at an index."""
    source = next(window for window, one in world.tabs() if one is tab)
    rest = [one for one in source.tabs if one is not tab]
    others = rest if target is source else list(target.tabs)
    others.insert(len(others) if index is None else index, tab)
    arrange(world, {target: others} if target is source else {source: rest, target: others})


def take_out(world: World, session_id: str) -> None:
    """Take a session out of its tab; the tab closes with its last one, and so does its window."""
    place = world.place(session_id)
    if place is None:
        return
    window, tab = place
    active = tab.active
    if not tree.remove(tab, session_id):
        world.forget(f"tab {tab.tab_id}")
        arrange(world, {window: [one for one in window.tabs if one is not tab]})
        return
    sizes.apply(world, tab)
    if tab.active != active:
        world.observer.focus_changed("session", tab.active)


def put_beside(
    world: World, session_id: str, neighbour: str, *, vertical: bool, before: bool
) -> None:
    """Put a session that stands nowhere into the tab of another, beside it.

    Raises:
        KeyError: The neighbour stands nowhere.
        CannotSplitError: There is no room.
    """
    place = world.place(neighbour)
    if place is None:
        raise KeyError(neighbour)
    _, tab = place
    tree.split(tab, neighbour, session_id, vertical=vertical, before=before)
    sizes.apply(world, tab)


def bury(world: World, session_id: str) -> None:
    """Take a session out of sight; it runs on, and can be named by its id."""
    place = world.place(session_id)
    if place is None:
        return
    window, tab = place
    parent, pane = tree.find(tab.root, session_id)
    at = parent.children.index(pane)
    neighbours = parent.children[at - 1 : at] or parent.children[1:2]
    nearest = list(tree.panes(neighbours[0])) if neighbours else []
    before = at == 0
    world.burials[session_id] = Burial(
        window.window_id,
        nearest[0 if before else -1].session_id if nearest else "",
        parent.vertical,
        before,
    )
    take_out(world, session_id)
    world.layout_touched()


def unbury(world: World, session_id: str) -> None:
    """Bring a buried session back: beside its neighbour, else as a tab, else in a window."""
    burial = world.burials.pop(session_id, None)
    if burial is None:
        return
    try:
        put_beside(
            world, session_id, burial.neighbour, vertical=burial.vertical, before=burial.before
        )
    except (KeyError, tree.CannotSplitError):
        stand_alone(world, session_id, world.find_window(burial.window_id))


def stand_alone(
    world: World, session_id: str, window: Window | None, index: int | None = None
) -> tuple[Window, Tab]:
    """Give a session that stands nowhere a tab of its own, in a new window if none is given."""
    if window is None:
        session = world.sessions[session_id]
        window = world.add_window(session.columns, session.rows)
    tab = world.add_tab(window, session_id, index)
    sizes.apply(world, tab)
    if window.selected is None:
        world.focus_tab(window, tab)
    if world.key is None:
        world.focus_window(window)
    return window, tab


def move_beside(
    world: World, session_id: str, neighbour: str, *, vertical: bool, before: bool
) -> None:
    """Move a session's pane beside another one, in whatever tab and window that stands.

    Raises:
        KeyError: The neighbour stands nowhere, or is the session itself.
        CannotSplitError: There is no room; nothing has moved.
    """
    place = world.place(neighbour)
    if place is None or session_id == neighbour:
        raise KeyError(neighbour)
    _, tab = place
    rehearsal = copy.deepcopy(tab)
    if any(pane.session_id == session_id for pane in rehearsal.panes()):
        tree.remove(rehearsal, session_id)
    tree.split(rehearsal, neighbour, session_id, vertical=vertical, before=before)
    take_out(world, session_id)
    world.burials.pop(session_id, None)
    put_beside(world, session_id, neighbour, vertical=vertical, before=before)
    world.focus_session(tab, session_id)


def move_to_tab(
    world: World, session_id: str, target: Window | None, index: int | None = None
) -> tuple[Window, Tab]:
    """Move a session to a tab of its own, in a new window if none is given.

    One that already is alone in its tab takes the tab along.
    """
    place = world.place(session_id)
    if place is not None:
        window, tab = place
        if len(list(tab.panes())) == 1:
            if target is None:
                target = window if len(window.tabs) == 1 else move_to_window(world, tab)
            if target is not window or index is not None:
                move_tab(world, tab, target, index)
            return target, tab
        take_out(world, session_id)
    world.burials.pop(session_id, None)
    return stand_alone(world, session_id, target, index)


def move_to_window(world: World, tab: Tab) -> Window:
    """Move a tab to a new window, which becomes the key one."""
    source = next(window for window, one in world.tabs() if one is tab)
    window = world.add_window(source.columns, source.rows)
    move_tab(world, tab, window)
    world.focus_window(window)
    return window
