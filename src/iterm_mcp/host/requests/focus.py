"""Focus and Activate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import moves, wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows
    from iterm_mcp.host.tree import Tab, Window
    from iterm_mcp.host.world import World

FocusWindow = wire.FocusChangedNotification.Window
Status = wire.ActivateResponse.Status


async def focus(context: Context, _request: wire.FocusRequest) -> wire.FocusResponse:
    """Tell what has the focus: the app, the key window, each tab's session."""
    world = context.world
    response = wire.FocusResponse()
    response.notifications.add(application_active=world.app_active)
    key = response.notifications.add().window
    if world.key is None:
        key.window_status = FocusWindow.TERMINAL_WINDOW_RESIGNED_KEY
    else:
        key.window_status = FocusWindow.TERMINAL_WINDOW_BECAME_KEY
        key.window_id = world.key.window_id
    for window in world.windows:
        if window.selected is not None:
            response.notifications.add(selected_tab=window.selected.tab_id)
        for tab in window.tabs:
            response.notifications.add(session=tab.active)
    return response


async def activate(context: Context, request: wire.ActivateRequest) -> wire.ActivateResponse:
    """Move the focus: app, then window, then tab, then session."""
    world = context.world
    place = _find(world, request)
    if place is None:
        return wire.ActivateResponse(status=Status.BAD_IDENTIFIER)
    window, tab, session_id = place
    if request.HasField("activate_app"):
        world.activate_app()
    if request.order_window_front:
        if window is None:
            return wire.ActivateResponse(status=Status.INVALID_OPTION)
        world.focus_window(window)
    if request.select_tab:
        if window is None or tab is None:
            return wire.ActivateResponse(status=Status.INVALID_OPTION)
        world.focus_tab(window, tab)
    if request.select_session:
        if tab is None or session_id is None:
            return wire.ActivateResponse(status=Status.INVALID_OPTION)
        world.focus_session(tab, session_id)
    return wire.ActivateResponse(status=Status.OK)


def _find(
    world: World, request: wire.ActivateRequest
) -> tuple[Window | None, Tab | None, str | None] | None:
    """Return what the identifier names; None when it names nothing that exists."""
    kind = request.WhichOneof("identifier")
    if kind is None:
        return None, None, None
    if kind == "window_id":
        window = world.find_window(request.window_id)
        return None if window is None else (window, None, None)
    if kind == "tab_id":
        place = world.find_tab(request.tab_id)
        return None if place is None else (*place, None)
    sessions = world.select(request.session_id)
    if sessions:
        moves.unbury(world, sessions[0].session_id)  # who names a buried one wants to see it
    place = world.place(sessions[0].session_id) if sessions else None
    return None if place is None else (*place, sessions[0].session_id)


ROWS: Rows = {"focus_request": focus, "activate_request": activate}
