"""GetProperty and SetProperty."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import moves, sizes, tree, wire
from iterm_mcp.host.json_values import read_json

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.tree import Window

GetStatus = wire.GetPropertyResponse.Status
SetStatus = wire.SetPropertyResponse.Status

MAX_COORDINATE = 2**31 - 1
"""A frame is sent in 32 bits."""


async def get_property(
    context: Context, request: wire.GetPropertyRequest
) -> wire.GetPropertyResponse:
    """Return one property as JSON."""
    world = context.world
    kind = request.WhichOneof("identifier")
    known: dict[str, Any]
    if kind == "window_id" and (window := world.find_window(request.window_id)) is not None:
        x, y, width, height = sizes.frame(window)
        known = {
            "frame": {"origin": {"x": x, "y": y}, "size": {"width": width, "height": height}},
            "fullscreen": False,
        }
    elif kind == "session_id" and (found := world.select(request.session_id)):
        known = _session_properties(found[0]) | {"buried": found[0].session_id in world.burials}
    else:
        return wire.GetPropertyResponse(status=GetStatus.INVALID_TARGET)
    if request.name not in known:
        return wire.GetPropertyResponse(status=GetStatus.UNRECOGNIZED_NAME)
    return wire.GetPropertyResponse(status=GetStatus.OK, json_value=json.dumps(known[request.name]))


def _session_properties(session: Session) -> dict[str, Any]:
    engine = session.engine
    return {
        "grid_size": {"width": session.columns, "height": session.rows},
        "number_of_lines": {
            "overflow": engine.overflow,
            "grid": engine.rows,
            "history": engine.history,
            "first_visible": engine.overflow + engine.history,
        },
    }


async def set_property(
    context: Context, request: wire.SetPropertyRequest
) -> wire.SetPropertyResponse:
    """Set one property from JSON."""
    world = context.world
    kind = request.WhichOneof("identifier")
    window = world.find_window(request.window_id) if kind == "window_id" else None
    sessions = world.select(request.session_id, many=True) if kind == "session_id" else []
    if window is None and not sessions:
        return wire.SetPropertyResponse(status=SetStatus.INVALID_TARGET)
    try:
        value = read_json(request.json_value)
    except ValueError:
        return wire.SetPropertyResponse(status=SetStatus.INVALID_VALUE)
    if window is not None:
        status = _set_window(context, window, request.name, value)
    else:
        status = SetStatus.OK
        for session in sessions:
            status = max(status, _set_session(context, session, request.name, value))
    return wire.SetPropertyResponse(status=status)


def _set_window(context: Context, window: Window, name: str, value: Any) -> Any:  # noqa: ANN401
    if name == "fullscreen":
        return SetStatus.OK if value is False else SetStatus.FAILED
    if name != "frame":
        return SetStatus.UNRECOGNIZED_NAME
    try:
        origin, size = value["origin"], value["size"]
        frame = (int(origin["x"]), int(origin["y"]), int(size["width"]), int(size["height"]))
    except (TypeError, KeyError, ValueError):
        return SetStatus.INVALID_VALUE
    if any(abs(one) > MAX_COORDINATE for one in frame):
        return SetStatus.INVALID_VALUE
    sizes.set_frame(context.world, window, frame)
    return SetStatus.OK


def _set_session(context: Context, session: Session, name: str, value: Any) -> Any:  # noqa: ANN401
    if name == "buried":
        if not isinstance(value, bool):
            return SetStatus.INVALID_VALUE
        (moves.bury if value else moves.unbury)(context.world, session.session_id)
        return SetStatus.OK
    if name != "grid_size":
        return SetStatus.UNRECOGNIZED_NAME
    try:
        columns, rows = int(value["width"]), int(value["height"])
    except (TypeError, KeyError, ValueError):
        return SetStatus.INVALID_VALUE
    if (columns, rows) != (tree.within_bounds(columns), tree.within_bounds(rows)):
        return SetStatus.INVALID_VALUE
    sizes.resize_session(context.world, session, columns, rows)
    return SetStatus.OK


ROWS: Rows = {"get_property_request": get_property, "set_property_request": set_property}
