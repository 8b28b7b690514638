"""Approvals over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.models.approvals import ApprovalId
from iterm_mcp.models.ids import LockId
from iterm_mcp.web.api.routing import Given, make_router, reply, told

if TYPE_CHECKING:
    from iterm_mcp.services.approvals.desk import ApprovalDesk


class ListQuery(Given):
    """The parameters of ``GET /v1/approvals``."""

    agent: Annotated[str, Field(max_length=200)] = ""
    answered: Annotated[int, Field(ge=0, le=100)] = 0
    since: Annotated[int, Field(ge=-1, le=2**62)] = -1
    wait_seconds: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0


class AnswerBody(Given):
    """The body of ``POST /v1/approvals/{approval_id}/answer``."""

    choice: Annotated[str, Field(max_length=2000)]
    by: Annotated[str, Field(max_length=100)] = "an HTTP client"
    message: str = ""
    lock_id: str | None = None


class ExplainBody(Given):
    """The body of ``POST /v1/approvals/explain``: a use of a tool that nobody asked for yet."""

    agent: str
    tool: str
    input: dict[str, Any] = Field(default_factory=dict)
    directory: str = ""


def approval_router(desk: ApprovalDesk) -> APIRouter:
    """Return the routes of approvals."""
    router = make_router("approvals")
    found = told(dict[str, Any])

    @router.get("/approvals", responses=found)
    async def list_approvals(given: Annotated[ListQuery, Query()]) -> Response:
        """List what agents ask, the oldest first, and what was answered last."""
        return reply(
            await desk.listed(
                agent=given.agent,
                answered=given.answered,
                since=given.since,
                wait_seconds=given.wait_seconds,
            )
        )

    @router.post("/approvals/explain", responses=found)
    async def explain_rules(given: ExplainBody) -> Response:
        """Say what the rules would decide about a use of a tool, and why; nobody is asked."""
        return reply(await desk.explain(given.agent, given.tool, given.input, given.directory))

    @router.post("/approvals/{approval_id}/answer", responses=found)
    async def answer_approval(
        approval_id: Annotated[str, Path(max_length=200)], given: AnswerBody
    ) -> Response:
        """Answer what an agent asks; the first answer holds."""
        return reply(
            await desk.answer(
                ApprovalId(approval_id),
                given.choice,
                by=given.by,
                message=given.message,
                lock_id=None if given.lock_id is None else LockId(given.lock_id),
            )
        )

    return router
