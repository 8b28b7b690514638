"""ReorderTabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import moves, wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows
    from iterm_mcp.host.tree import Tab, Window

Status = wire.ReorderTabsResponse.Status


async def reorder_tabs(
    context: Context, request: wire.ReorderTabsRequest
) -> wire.ReorderTabsResponse:
    """Put tabs first in windows, in the order given; nothing moves when anything is wrong."""
    world = context.world
    asked = request.assignments
    tab_ids = [tab_id for one in asked for tab_id in one.tab_ids]
    for ids in ([one.window_id for one in asked], tab_ids):
        if len(set(ids)) != len(ids):
            return wire.ReorderTabsResponse(status=Status.INVALID_ASSIGNMENT)
    tabs = {tab.tab_id: tab for _, tab in world.tabs()}
    wanted: dict[Window, list[Tab]] = {}
    for one in asked:
        window = world.find_window(one.window_id)
        if window is None:
            return wire.ReorderTabsResponse(status=Status.INVALID_WINDOW_ID)
        wanted[window] = [tabs[tab_id] for tab_id in one.tab_ids if tab_id in tabs]
    if not tabs.keys() >= set(tab_ids):
        return wire.ReorderTabsResponse(status=Status.INVALID_TAB_ID)
    moves.reorder(world, wanted)
    return wire.ReorderTabsResponse(status=Status.OK)


ROWS: Rows = {"reorder_tabs_request": reorder_tabs}
