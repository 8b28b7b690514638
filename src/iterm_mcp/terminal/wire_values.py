"""From iTerm2's messages to our values. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm2 import api_pb2 as wire

from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.layouts import StandingPane, StandingSplitter, StandingTab
from iterm_mcp.models.sessions import Screen, SessionInfo, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iterm_mcp.models.layouts import StandingNode


def leaves(node: wire.SplitTreeNode) -> Iterator[wire.SessionSummary]:
    """Yield the sessions of a split tree in reading order."""
    for link in node.links:
        if link.HasField("session"):
            yield link.session
        else:
            yield from leaves(link.node)


def session_ids(listing: wire.ListSessionsResponse) -> set[SessionId]:
    """Return the ids of all sessions that stand in windows."""
    return {
        SessionId(leaf.unique_identifier)
        for window in listing.windows
        for tab in window.tabs
        for leaf in leaves(tab.root)
    }


def sessions(
    listing: wire.ListSessionsResponse, focus: wire.FocusResponse
) -> tuple[SessionInfo, ...]:
    """Return all sessions in the order of windows, tabs and panes."""
    active = active_session(listing, focus)
    return tuple(
        SessionInfo(
            session_id=SessionId(leaf.unique_identifier),
            window_id=WindowId(window.window_id),
            tab_id=TabId(tab.tab_id),
            title=leaf.title,
            size=Size(leaf.grid_size.width, leaf.grid_size.height),
            active=leaf.unique_identifier == active,
        )
        for window in listing.windows
        for tab in window.tabs
        for leaf in leaves(tab.root)
    )


def tabs(listing: wire.ListSessionsResponse) -> tuple[StandingTab, ...]:
    """Return all tabs in the order of windows and tabs; a tab being closed may be empty."""
    return tuple(
        StandingTab(WindowId(window.window_id), TabId(tab.tab_id), _tree(tab.root))
        for window in listing.windows
        for tab in window.tabs
        if any(leaves(tab.root))
    )


def _tree(node: wire.SplitTreeNode) -> StandingNode:
    children = tuple(
        StandingPane(
            SessionId(link.session.unique_identifier),
            Size(link.session.grid_size.width, link.session.grid_size.height),
        )
        if link.HasField("session")
        else _tree(link.node)
        for link in node.links
    )
    return children[0] if len(children) == 1 else StandingSplitter(node.vertical, children)


def active_session(
    listing: wire.ListSessionsResponse, focus: wire.FocusResponse
) -> SessionId | None:
    """Return the active session of the selected tab of the current window, if any.

    A focus response names the current window, every window's selected tab and every tab's
    active session in turn, without saying which belongs to which.
    """
    key = _current_window(focus)
    selected = {
        event.selected_tab for event in focus.notifications if event.HasField("selected_tab")
    }
    active = {event.session for event in focus.notifications if event.HasField("session")}
    for window in listing.windows:
        if window.window_id != key:
            continue
        for tab in window.tabs:
            if tab.tab_id in selected:
                ids = (leaf.unique_identifier for leaf in leaves(tab.root))
                return next((SessionId(one) for one in ids if one in active), None)
    return None


def _current_window(focus: wire.FocusResponse) -> str | None:
    resigned = wire.FocusChangedNotification.Window.WindowStatus.TERMINAL_WINDOW_RESIGNED_KEY
    for event in focus.notifications:
        if event.HasField("window") and event.window.window_status != resigned:
            return event.window.window_id
    return None


def screen(buffer: wire.GetBufferResponse, columns: int) -> Screen:
    """Return a screen from the reply to a request for the mutable area.

    A cell that was never written comes as U+0000 and becomes a space.
    """
    first_line = buffer.windowed_coord_range.coord_range.start.y
    lines = tuple(line.text.replace("\0", " ") for line in buffer.contents)
    return Screen(
        lines=lines,
        first_line=first_line,
        cursor_column=buffer.cursor.x,
        cursor_row=buffer.cursor.y - first_line,
        size=Size(columns, len(lines)),
    )


def resize_tree(root: wire.SplitTreeNode, sizes: Mapping[SessionId, Size]) -> None:
    """Write new grid sizes into a split tree."""
    for leaf in leaves(root):
        size = sizes[SessionId(leaf.unique_identifier)]
        leaf.grid_size.width = size.columns
        leaf.grid_size.height = size.rows
