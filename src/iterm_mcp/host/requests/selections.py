"""Selection: what is selected in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.unknown_fields import UnknownFieldSet

from iterm_mcp.host import selection, wire
from iterm_mcp.host.selection import Part

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.SelectionResponse.Status


async def select(context: Context, request: wire.SelectionRequest) -> wire.SelectionResponse:
    """Return a session's selection, or replace it."""
    kind = request.WhichOneof("request")
    malformed = wire.SelectionResponse(status=Status.REQUEST_MALFORMED)
    if kind is None:
        return malformed
    found = context.world.select(getattr(request, kind).session_id)
    if not found:
        return malformed  # so says the app, not INVALID_SESSION
    session = found[0]
    response = wire.SelectionResponse(status=Status.OK)
    if kind == "get_selection_request":
        response.get_selection_response.selection.SetInParent()
        for part in selection.remaining(session.selection, session.engine.overflow):
            _write(part, response.get_selection_response.selection.sub_selections.add())
        return response
    given = request.set_selection_request.selection.sub_selections
    parts = [_read(one) for one in given]
    if len(parts) > selection.MAX_PARTS or not all(one.fits(session.columns) for one in parts):
        return malformed
    if any(len(UnknownFieldSet(one)) for one in given):
        return malformed  # a mode that nobody knows is no known field's value
    session.selection = parts
    context.world.variables_touched()
    response.set_selection_response.SetInParent()
    return response


def _read(given: wire.SubSelection) -> Part:
    coordinates = given.windowed_coord_range.coord_range
    columns = given.windowed_coord_range.columns
    return Part(
        (coordinates.start.x, coordinates.start.y),
        (coordinates.end.x, coordinates.end.y),
        (columns.location, columns.length),
        given.selection_mode,
        given.connected,
    )


def _write(part: Part, out: wire.SubSelection) -> None:
    coordinates = out.windowed_coord_range.coord_range
    coordinates.start.x, coordinates.start.y = part.start
    coordinates.end.x, coordinates.end.y = part.end
    columns = out.windowed_coord_range.columns
    columns.location, columns.length = part.columns
    out.selection_mode = wire.SelectionMode.ValueType(part.mode)
    out.connected = part.connected


ROWS: Rows = {"selection_request": select}
