"""GetBuffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import wire
from iterm_mcp.host.lines import cut
from iterm_mcp.host.messages import write_line

if TYPE_CHECKING:
    from iterm_mcp.host.engine import Engine
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.GetBufferResponse.Status

MAX_LINES = 1_000_000


async def get_buffer(context: Context, request: wire.GetBufferRequest) -> wire.GetBufferResponse:
    """Return rows of the screen and its history."""
    targets = context.world.select(request.session)
    if not targets:
        return wire.GetBufferResponse(status=Status.SESSION_NOT_FOUND)
    engine = targets[0].engine
    asked = _range(engine, request.line_range)
    if asked is None:
        return wire.GetBufferResponse(status=Status.INVALID_LINE_RANGE)
    response = wire.GetBufferResponse(status=Status.OK)
    response.windowed_coord_range.CopyFrom(asked)
    response.cursor.x, response.cursor.y = engine.cursor
    _write_rows(engine, asked, response, styles=request.include_styles)
    return response


def _range(engine: Engine, line_range: wire.LineRange) -> wire.WindowedCoordRange | None:
    """Resolve a request's range into absolute coordinates; None when it makes no sense."""
    top = engine.overflow + engine.history
    resolved = wire.WindowedCoordRange()
    coordinates = resolved.coord_range
    if line_range.HasField("windowed_coord_range"):
        given = line_range.windowed_coord_range
        if given.coord_range.start.x < 0 or given.columns.location < 0 or given.columns.length < 0:
            return None
        return given
    screen = line_range.HasField("screen_contents_only")
    trailing = line_range.HasField("trailing_lines")
    if screen == trailing or line_range.trailing_lines < 0:
        return None
    total = engine.history + engine.rows
    count = min(line_range.trailing_lines, total, MAX_LINES) if trailing else engine.rows
    coordinates.start.x, coordinates.start.y = 0, top + engine.rows - count
    coordinates.end.x, coordinates.end.y = 0, top + engine.rows
    return resolved


def _write_rows(
    engine: Engine,
    asked: wire.WindowedCoordRange,
    response: wire.GetBufferResponse,
    *,
    styles: bool,
) -> None:
    start, end = asked.coord_range.start, asked.coord_range.end
    first = max(start.y, engine.overflow)
    last = min(end.y + (1 if end.x > 0 else 0), engine.overflow + engine.history + engine.rows)
    if last <= first:
        return
    rows = engine.lines(first, min(last - first, MAX_LINES), styles=styles)
    window = asked.columns
    for number, row in enumerate(rows, first):
        left = start.x if number == start.y else 0
        right = end.x if number == end.y else None
        if window.length:
            left = max(left, window.location)
            limit = window.location + window.length
            right = limit if right is None else min(right, limit)
        part = (
            row if not left and right is None else cut(row, left, right, spaces=not window.length)
        )
        write_line(part, response.contents.add(), styles=styles)


ROWS: Rows = {
    "get_buffer_request": get_buffer,
}
