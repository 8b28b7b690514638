"""The probe over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from iterm_mcp.services.probing.answers import journey_answer
from iterm_mcp.web.api.routing import make_router, reply, told

if TYPE_CHECKING:
    from iterm_mcp.services.probing.service import Probe


def probe_router(probe: Probe) -> APIRouter:
    """Return the routes of the probe."""
    router = make_router("probe")

    @router.post("/probe", responses=told(dict[str, Any]))
    async def run_probe() -> Response:
        """Open a session, run a command, tell an agent, submit a task; remove all of it again."""
        return reply(journey_answer(await probe.run()))

    @router.get("/probe", responses=told(dict[str, Any]))
    async def show_probe() -> Response:
        """Tell how it went last, and how often it is tried."""
        last = None if probe.last is None else journey_answer(probe.last)
        return reply({"every_seconds": probe.every_seconds, "last": last})

    return router
