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
    from iterm_mcp.host.tree import Window

log = structlog.get_logger()

Request = wire.SavedArrangementRequest
Status = wire.SavedArrangementResponse.Status

MAX_NAME = 1000


async def saved_arrangement(
    context: Context, request: wire.SavedArrangementRequest
) -> wire.SavedArrangementResponse:
    """Save windows, open saved ones again, or list the saved arrangements."""
    shared = await context.settings.profiles.all()
    every = await context.settings.arrangements.read()
    if request.action == Request.LIST:
        return wire.SavedArrangementResponse(status=Status.OK, names=every)
    window = context.world.find_window(request.window_id) if request.window_id else None
    if request.window_id and window is None:
        status = Status.WINDOW_NOT_FOUND
    elif request.action == Request.SAVE:
        status = await _save(context, request.name, window)
    elif request.name not in every:
        status = Status.ARRANGEMENT_NOT_FOUND
    else:
        try:
            saved = arrangements.read(every[request.name])
        except NoArrangementError as error:
            log.warning("arrangement_skipped", name=request.name, reason=str(error))
            status = Status.ARRANGEMENT_NOT_FOUND
        else:
            await restore(context.world, saved, shared, window)
            status = Status.OK
    return wire.SavedArrangementResponse(status=status)


async def _save(
    context: Context, name: str, window: Window | None
) -> wire.SavedArrangementResponse.Status.ValueType:
    if not 0 < len(name) <= MAX_NAME:
        return Status.REQUEST_MALFORMED
    world = context.world
    arrangement = arrangements.describe(world, world.windows if window is None else [window])

    def put(every: dict[str, Any]) -> None:
        every[name] = arrangement

    await context.settings.arrangements.change(put)
    return Status.OK


ROWS: Rows = {"saved_arrangement_request": saved_arrangement}
