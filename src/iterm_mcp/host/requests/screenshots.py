"""Screenshot."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.host import wire
from iterm_mcp.host.rendering.svg import render_svg
from iterm_mcp.host.requests.context import Later
from iterm_mcp.host.viewing import view_session

if TYPE_CHECKING:
    from iterm_mcp.host.rendering.view import View
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.ScreenshotResponse.Status

DRAW_SECONDS = 30.0

_RENDERER = (sys.executable, "-m", "iterm_mcp.host.rendering.png")
_drawing = anyio.CapacityLimiter(2)
"""How many are drawn at once: each takes a process and more than a hundred megabytes."""

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
    svg = await to_thread.run_sync(render_svg, view)
    try:
        async with _drawing:
            with anyio.fail_after(DRAW_SECONDS):
                done = await anyio.run_process(_RENDERER, input=svg.encode(), check=False)
    except (TimeoutError, OSError) as error:
        return _impossible(repr(error))
    if done.returncode:
        return _impossible(done.stderr.decode(errors="replace"))
    return wire.ScreenshotResponse(status=Status.OK, png=done.stdout)


def _impossible(reason: str) -> wire.ScreenshotResponse:
    log.warning("screenshot_impossible", reason=reason)
    return wire.ScreenshotResponse(status=Status.INTERNAL_ERROR)


ROWS: Rows = {"screenshot_request": screenshot}
