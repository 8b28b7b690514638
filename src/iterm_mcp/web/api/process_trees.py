"""What agents and commands take of the machine, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from iterm_mcp.services.resources.answers import tree_answer
from iterm_mcp.web.api.routing import make_router, reply, told

if TYPE_CHECKING:
    from iterm_mcp.services.resources.opening import Resources


def process_tree_router(resources: Resources) -> APIRouter:
    """Return the route of trees of processes."""
    router = make_router("agents")

    @router.get("/process-trees", responses=told(dict[str, Any]))
    async def list_process_trees() -> Response:
        """List what each running agent takes with all that it started, and its limits."""
        trees = [tree_answer(one) for one in resources.watch.standing()]
        return reply({"held": resources.groups.reason, "trees": trees})

    return router
