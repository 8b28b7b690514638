"""The app's functions that need what is not here, and those whose effect nobody would see."""

from __future__ import annotations

from time import localtime
from typing import TYPE_CHECKING, Any

from iterm_mcp.host.requests.functions.function import FailedError, session_of, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions

_NO_PERSON = "Nobody can be asked: this terminal has no screen"

REASONS = {
    "iterm2.alert": _NO_PERSON,
    "iterm2.get_string": _NO_PERSON,
    "iterm2.get_poly_modal_alert": _NO_PERSON,
    "iterm2.open_panel": _NO_PERSON,
    "iterm2.save_panel": _NO_PERSON,
    "iterm2.load_url": "Not a browser session",
    "iterm2.run_tmux_command": "Not a tmux integration session",
}
"""Why a function cannot be, whatever its arguments."""


async def set_unread_count(
    _context: Context, _target: scopes.Target, _arguments: Mapping[str, Any]
) -> None:
    """Take the number of a status bar's component, which nobody sees."""


async def add_annotation(
    context: Context, target: scopes.Target, arguments: Mapping[str, Any]
) -> None:
    """Take a note beside text, which nobody sees."""
    session = session_of(context, target, "add_annotation")
    text(arguments, "text")
    corners = [arguments[name] for name in ("startX", "startY", "endX", "endY")]
    if not all(isinstance(one, int) for one in corners):
        raise FailedError("Invalid range")
    start_x, start_y, end_x, end_y = corners
    engine = session.engine
    bottom = engine.overflow + engine.history + engine.rows
    if not (
        0 <= start_x <= session.columns
        and 0 <= end_x <= session.columns
        and engine.overflow <= start_y <= end_y < bottom
        and (start_y, start_x) < (end_y, end_x)
    ):
        raise FailedError("Invalid range")


async def get_time_offset(
    context: Context, target: scopes.Target, _arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return by how many seconds the session's clock is ahead of UTC, and its zone's name."""
    session_of(context, target, "get_time_offset")
    now = localtime()
    return {"offset": now.tm_gmtoff, "tz": now.tm_zone}


FUNCTIONS: Functions = {
    "iterm2.set_status_bar_component_unread_count(count,identifier)": set_unread_count,
    "iterm2.add_annotation(endX,endY,startX,startY,text)": add_annotation,
    "iterm2.get_time_offset()": get_time_offset,
}
