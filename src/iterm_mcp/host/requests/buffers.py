"""GetBuffer."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from anyio.lowlevel import checkpoint

from iterm_mcp.host import line_wire, wire
from iterm_mcp.host.encoded_rows import EncodedRows
from iterm_mcp.host.engine import EngineClosedError
from iterm_mcp.host.lines import cut
from iterm_mcp.host.requests.context import Serialised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.host.engine import Engine
    from iterm_mcp.host.lines import Line
    from iterm_mcp.host.requests.context import AtOnce, Context, Rows

Status = wire.GetBufferResponse.Status

MAX_LINES = 1_000_000

FIRST_ROWS = 100
"""Rows that are read before it is known how long rows take: more than most screens have."""

SLICE_SECONDS = 0.004
"""How long others may have to wait for one slice of a long read."""


async def get_buffer(
    context: Context, request: wire.GetBufferRequest
) -> wire.GetBufferResponse | Serialised:
    """Return rows of the screen and its history."""
    targets = context.world.select(request.session)
    if not targets:
        return wire.GetBufferResponse(status=Status.SESSION_NOT_FOUND)
    engine = targets[0].engine
    targets[0].stir()
    kept, question = EncodedRows.of(engine), request.SerializeToString()
    if (body := kept.answered(engine, question)) is not None:
        return Serialised(partial(line_wire.answer, body=body))
    asked = _range(engine, request.line_range)
    if asked is None:
        return wire.GetBufferResponse(status=Status.INVALID_LINE_RANGE)
    changes = engine.changes
    try:
        rows = await _read(engine, asked, styles=request.include_styles)
        cursor = engine.cursor
    except EngineClosedError:  # while others had their turns
        return wire.GetBufferResponse(status=Status.SESSION_NOT_FOUND)
    response = wire.GetBufferResponse(status=Status.OK, windowed_coord_range=asked)
    response.cursor.x, response.cursor.y = cursor
    body = line_wire.body(response, rows)
    if engine.changes == changes:  # others may have had their turns
        kept.keep_answer(engine, question, body)
    return Serialised(partial(line_wire.answer, body=body))


def _is_short(_context: Context, request: wire.GetBufferRequest) -> bool:
    """Tell whether so few rows are asked for that they are read in one slice."""
    asked = request.line_range
    if asked.HasField("windowed_coord_range"):
        area = asked.windowed_coord_range.coord_range
        return area.end.y - area.start.y < FIRST_ROWS
    return asked.trailing_lines <= FIRST_ROWS  # 0 where the screen is asked for


async def _read(engine: Engine, asked: wire.WindowedCoordRange, *, styles: bool) -> bytes:
    """Return what lies within a range, serialised; long ranges in slices, with turns between.

    Lines keep their numbers meanwhile, so the slices fit together, but for a change of the
    width: then it begins again.
    """
    rows = EncodedRows.of(engine)
    while True:
        columns = engine.columns
        parts: list[bytes] = []
        first, last = _bounds(engine, asked)
        count = FIRST_ROWS + rows.kept(engine, first, styles=styles)
        began = monotonic()
        while first < last:
            start = monotonic()
            end = min(first + count, last)
            if _is_cut(asked, columns):
                lines = _rows(engine, asked, first, end, styles=styles)
                parts.append(line_wire.contents(lines, styles=styles))
            else:
                parts.append(rows.read(engine, first, end, styles=styles))
            done, now = end - first, monotonic()
            first = end
            if first < last and now - began > SLICE_SECONDS / 2:
                await checkpoint()
                first = max(first, engine.overflow)  # the oldest may have been lost meanwhile
                began = monotonic()
            left = SLICE_SECONDS - (now - began)
            count = max(1, min(8 * count, int(done * left / max(now - start, 1e-6))))
        if engine.columns == columns:
            return b"".join(parts)


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


def _is_cut(asked: wire.WindowedCoordRange, columns: int) -> bool:
    """Tell whether only a part of some row is asked for."""
    start, end = asked.coord_range.start.x, asked.coord_range.end.x
    return bool(asked.columns.length or start or 0 < end < columns)


def _bounds(engine: Engine, asked: wire.WindowedCoordRange) -> tuple[int, int]:
    """Return the first row of a range that is kept, and one more than the last."""
    start, end = asked.coord_range.start, asked.coord_range.end
    first = max(start.y, engine.overflow)
    last = min(end.y + (1 if end.x > 0 else 0), engine.overflow + engine.history + engine.rows)
    return first, min(last, first + MAX_LINES)


def _rows(
    engine: Engine, asked: wire.WindowedCoordRange, first: int, end: int, *, styles: bool
) -> list[Line]:
    """Return the rows from `first` up to `end`, as far as they lie within a range."""
    rows = engine.lines(first, end - first, styles=styles)
    first = end - len(rows)  # some may have been lost since the range was looked at
    edges: Iterable[int] = range(len(rows))
    if not asked.columns.length:
        ends = {asked.coord_range.start.y - first, asked.coord_range.end.y - first}
        edges = ends & set(edges)
    for at in edges:
        rows[at] = _part(rows[at], first + at, asked, engine.columns)
    return rows


def _part(row: Line, number: int, asked: wire.WindowedCoordRange, columns: int) -> Line:
    """Return the cells of a row that lie within a range."""
    start, end = asked.coord_range.start, asked.coord_range.end
    window = asked.columns
    left = start.x if number == start.y else 0
    right = end.x if number == end.y else columns
    if window.length:
        left = max(left, window.location)
        right = min(right, window.location + window.length)
    elif not left and right >= columns:
        return row
    return cut(row, left, right if right < columns else None, spaces=not window.length)


ROWS: Rows = {
    "get_buffer_request": get_buffer,
}

AT_ONCE: AtOnce = {
    "get_buffer_request": _is_short,
}
