"""Screenshot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from iterm_mcp.host import wire
from iterm_mcp.host.rendering.png import PngUnavailableError, render_png
from iterm_mcp.host.rendering.svg import render_svg
from iterm_mcp.host.requests.context import Later
from iterm_mcp.host.viewing import view_session

if TYPE_CHECKING:
    from iterm_mcp.host.rendering.view import View
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.ScreenshotResponse.Status

log = structlog.get_logger()


async def screenshot(
    context: Context, request: wire.ScreenshotRequest
) -> wire.ScreenshotResponse | Later:
    """Draw a session's screen as it is now."""
    found = context.world.select(request.session)
    if not found:
        return wire.ScreenshotResponse(status=Status.SESSION_NOT_FOUND)
    return Later(partial(_draw, view_session(found[0])))


async def _draw(view: View) -> wire.ScreenshotResponse:
    try:
        png = await to_thread.run_sync(_png, view)
    except PngUnavailableError as error:
        log.warning("screenshot_impossible", reason=str(error))
        return wire.ScreenshotResponse(status=Status.INTERNAL_ERROR)
    return wire.ScreenshotResponse(status=Status.OK, png=png)


def _png(view: View) -> bytes:
    return render_png(render_svg(view))


ROWS: Rows = {"screenshot_request": screenshot}
