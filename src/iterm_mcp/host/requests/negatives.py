"""What a terminal without a screen answers no to, in the app's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iterm_mcp.host import wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

APPS_TOOLS = frozenset({
    "Actions", "Captured Output", "Codecierge", "Command History", "Jobs", "Named Marks", "Notes",
    "Paste History", "Profiles", "Recent Directories", "Snippets",
})  # fmt: skip
"""The names of iTerm2's own toolbelt tools."""


async def menu_item(_context: Context, _request: wire.MenuItemRequest) -> wire.MenuItemResponse:
    """Know no menu."""
    return wire.MenuItemResponse(status=wire.MenuItemResponse.Status.BAD_IDENTIFIER)


async def status_bar(
    context: Context, request: wire.StatusBarComponentRequest
) -> wire.StatusBarComponentResponse:
    """Show no status bar."""
    status = wire.StatusBarComponentResponse.Status
    if request.WhichOneof("request") is None:
        return wire.StatusBarComponentResponse(status=status.REQUEST_MALFORMED)
    found = context.world.select(request.open_popover.session_id)
    return wire.StatusBarComponentResponse(
        status=status.INVALID_IDENTIFIER if found else status.SESSION_NOT_FOUND
    )


async def tmux(_context: Context, request: wire.TmuxRequest) -> wire.TmuxResponse:
    """Have no tmux integration."""
    status = wire.TmuxResponse.Status
    kind = request.WhichOneof("payload")
    if kind == "list_connections":
        response = wire.TmuxResponse(status=status.OK)
        response.list_connections.SetInParent()
        return response
    return wire.TmuxResponse(
        status=status.INVALID_REQUEST if kind is None else status.INVALID_CONNECTION_ID
    )


async def register_tool(
    _context: Context, request: wire.RegisterToolRequest
) -> wire.RegisterToolResponse:
    """Take a toolbelt tool and never show it; the app's own cannot be replaced."""
    status = wire.RegisterToolResponse.Status
    if not (request.name and request.identifier and _has_host(request.URL)):
        return wire.RegisterToolResponse(status=status.REQUEST_MALFORMED)
    own = request.name in APPS_TOOLS
    return wire.RegisterToolResponse(status=status.PERMISSION_DENIED if own else status.OK)


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


ROWS: Rows = {
    "menu_item_request": menu_item,
    "status_bar_component_request": status_bar,
    "tmux_request": tmux,
    "register_tool_request": register_tool,
}
