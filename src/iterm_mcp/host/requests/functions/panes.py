"""The functions that select panes and move sessions and tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.host import moves, scopes
from iterm_mcp.host.neighbours import neighbour
from iterm_mcp.host.requests.functions.function import FailedError, text
from iterm_mcp.host.tree import CannotSplitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host.neighbours import Direction
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions
    from iterm_mcp.host.tree import Tab, Window

_DIRECTIONS: dict[str, Direction] = {
    "left": "left", "right": "right", "above": "above", "below": "below"
}  # fmt: skip


async def select_pane_in_direction(
    context: Context, target: scopes.Target, arguments: Mapping[str, Any]
) -> str | None:
    """Make the neighbour of a tab's active session the active one; return its id, if any."""
    _, tab = _tab_of(context, target, "select_pane_in_direction")
    direction = _DIRECTIONS.get(text(arguments, "direction"))
    if direction is None:
        raise FailedError(f"direction must be one of {', '.join(_DIRECTIONS)}")
    found = neighbour(tab.root, tab.active, direction)
    if found is not None:
        context.world.focus_session(tab, found)
    return found


async def move_tab_to_window(
    context: Context, target: scopes.Target, _arguments: Mapping[str, Any]
) -> str:
    """Move a tab to a new window; return the window's id."""
    window, tab = _tab_of(context, target, "move_tab_to_window")
    if len(window.tabs) == 1:
        raise FailedError("The tab is the only one in its window")
    return moves.move_to_window(context.world, tab).window_id


async def move_session(
    context: Context, _target: scopes.Target, arguments: Mapping[str, Any]
) -> None:
    """Move a session beside another: above or to the left of it when ``before`` says so."""
    session_id = _session_id(context, arguments, "session")
    destination = _session_id(context, arguments, "destination")
    try:
        moves.move_beside(
            context.world,
            session_id,
            destination,
            vertical=_flag(arguments, "vertical"),
            before=_flag(arguments, "before"),
        )
    except KeyError:
        raise FailedError("A session cannot be moved beside itself or a buried one") from None
    except CannotSplitError:
        raise FailedError("There is no room beside the destination") from None


async def move_session_to_new_tab(
    context: Context, _target: scopes.Target, arguments: Mapping[str, Any]
) -> str:
    """Move a session to a tab of its own, in its own window or another; return the tab's id."""
    session_id = _session_id(context, arguments, "session")
    window: Window | None
    if "window_id" in arguments:
        window = context.world.find_window(text(arguments, "window_id"))
        if window is None:
            raise FailedError("No such window")
    else:
        place = context.world.place(session_id)
        window = None if place is None else place[0]
    index = arguments.get("tab_index")
    if index is not None and (isinstance(index, bool) or not isinstance(index, int) or index < 0):
        raise FailedError("tab_index must be a whole number, 0 or more")
    _, tab = moves.move_to_tab(context.world, session_id, window, index)
    return tab.tab_id


async def move_session_to_new_window(
    context: Context, _target: scopes.Target, arguments: Mapping[str, Any]
) -> str:
    """Move a session to a window of its own; return the window's id."""
    session_id = _session_id(context, arguments, "session")
    window, _ = moves.move_to_tab(context.world, session_id, None)
    context.world.focus_window(window)
    return window.window_id


def _tab_of(context: Context, target: scopes.Target, function: str) -> tuple[Window, Tab]:
    place = context.world.find_tab(target.identifier) if target.scope == scopes.TAB else None
    if place is None:
        raise FailedError(f"{function} needs a tab")
    return place


def _session_id(context: Context, arguments: Mapping[str, Any], name: str) -> str:
    session_id = text(arguments, name)
    if session_id not in context.world.sessions:
        raise FailedError(f"No such session: {session_id}")
    return session_id


def _flag(arguments: Mapping[str, Any], name: str) -> bool:
    value = arguments[name]
    if not isinstance(value, bool):
        raise FailedError(f"{name} must be true or false")
    return value


_NEW_TAB = "iterm2.move_session_to_new_tab"

FUNCTIONS: Functions = {
    "iterm2.select_pane_in_direction(direction)": select_pane_in_direction,
    "iterm2.move_tab_to_window()": move_tab_to_window,
    "iterm2.move_session(before,destination,session,vertical)": move_session,
    f"{_NEW_TAB}(session)": move_session_to_new_tab,
    f"{_NEW_TAB}(session,tab_index)": move_session_to_new_tab,
    f"{_NEW_TAB}(session,window_id)": move_session_to_new_tab,
    f"{_NEW_TAB}(session,tab_index,window_id)": move_session_to_new_tab,
    "iterm2.move_session_to_new_window(session)": move_session_to_new_window,
}
