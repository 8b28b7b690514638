"""The backlog that machines share, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.models.callers import Caller
from iterm_mcp.services.tasks import views
from iterm_mcp.web.api.routing import Given, make_router, reply, told
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from iterm_mcp.services.tasks.service import TaskService

LONGEST_WAIT_SECONDS = 60

Id = Annotated[str, Path(max_length=200)]
FOUND = told(dict[str, Any])


class SharedBody(Given):
    """The body of ``POST /v1/shared``: a document in YAML or JSON."""

    document: str
    variables: dict[str, Any] = Field(default_factory=dict)
    key: Annotated[str, Field(max_length=200)] = ""


class SharedWaitQuery(Given):
    """The parameters of ``GET /v1/shared/{shared_id}/wait``."""

    seconds: Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS, allow_inf_nan=False)] = 30


class WhyBody(Given):
    """Why a shared graph is cancelled."""

    reason: Annotated[str, Field(max_length=4000)] = ""


def shared_router(tasks: TaskService) -> APIRouter:
    """Return the routes of graphs that whichever machine has room does."""
    router = make_router("tasks")
    shared = tasks.shared

    @router.get("/shared", responses=FOUND)
    async def show_shared_backlog() -> Response:
        """Show this machine's part in the shared backlog; empty where it has none."""
        return reply(views.shared_status(await shared.status()))

    @router.post("/shared", responses=FOUND)
    async def submit_shared_graph(request: Request, given: SharedBody) -> Response:
        """Have whichever machine has room do a graph; the same key again gives the same one."""
        made = await shared.submit(_caller(request), given.document, given.variables, given.key)
        return reply(views.shared(made))

    @router.get("/shared/{shared_id}", responses=FOUND)
    async def show_shared_graph(shared_id: Id) -> Response:
        """Show a shared graph: which machine has it, and what came of each task."""
        return reply(views.shared(await shared.show(shared_id)))

    @router.get("/shared/{shared_id}/wait", responses=FOUND)
    async def wait_shared_graph(
        shared_id: Id, given: Annotated[SharedWaitQuery, Query()]
    ) -> Response:
        """Wait until a shared graph is over."""
        (found,) = await shared.wait([shared_id], given.seconds)
        return reply(views.shared(found))

    @router.post("/shared/{shared_id}/cancel", responses=FOUND)
    async def cancel_shared_graph(request: Request, shared_id: Id, given: WhyBody) -> Response:
        """Have whichever machine has a shared graph end it."""
        return reply(views.shared(await shared.cancel(_caller(request), shared_id, given.reason)))

    return router


def _caller(request: Request) -> Caller:
    return Caller(None, grant_of(request.scope).name)
