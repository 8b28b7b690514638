"""SavedArrangement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from iterm_mcp.host import arrangements, wire
from iterm_mcp.host.arrangements import NoArrangementError
from iterm_mcp.host.restoring import restore

if TYPE_CHECKING:
    from typing import Any

    from iterm_mcp.host.requests.context import Context, Rows

log = structlog.get_logger()

Request = wire.SavedArrangementRequest
Status = wire.SavedArrangementResponse.Status

MAX_NAME = 1000


async def saved_arrangement(
    context: Context, request: wire.SavedArrangementRequest
) -> wire.SavedArrangementResponse:
    """Save windows, open saved ones again, or list the saved arrangements."""
    world, file = context.world, context.settings.arrangements
    if request.action == Request.LIST:
        return wire.SavedArrangementResponse(status=Status.OK, names=await file.read())
    window = world.find_window(request.window_id) if request.window_id else None
    if request.window_id and window is None:
        return wire.SavedArrangementResponse(status=Status.WINDOW_NOT_FOUND)
    if request.action == Request.RESTORE:
        status = await _restore(context, request)
        return wire.SavedArrangementResponse(status=status)
    if not 0 < len(request.name) <= MAX_NAME:
        return wire.SavedArrangementResponse(status=Status.REQUEST_MALFORMED)
    kept = arrangements.describe(world, world.windows if window is None else [window])

    def put(every: dict[str, Any]) -> None:
        every[request.name] = kept

    await file.change(put)
    return wire.SavedArrangementResponse(status=Status.OK)


async def _restore(
    context: Context, request: wire.SavedArrangementRequest
) -> wire.SavedArrangementResponse.Status.ValueType:
    shared = await context.settings.profiles.all()
    every = await context.settings.arrangements.read()
    if request.name not in every:
        return Status.ARRANGEMENT_NOT_FOUND
    try:
        windows = arrangements.read(every[request.name])
    except NoArrangementError as error:
        log.warning("arrangement_skipped", name=request.name, reason=str(error))
        return Status.ARRANGEMENT_NOT_FOUND
    into = context.world.find_window(request.window_id) if request.window_id else None
    if request.window_id and into is None:  # it closed while the files were read
        return Status.WINDOW_NOT_FOUND
    await restore(context.world, windows, shared, into)
    return Status.OK


ROWS: Rows = {"saved_arrangement_request": saved_arrangement}
