"""How work was done and how that went, over HTTP. Arms are declared by their file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.web.api.routing import Given, make_router, reply, told

if TYPE_CHECKING:
    from iterm_mcp.services.choosing.chooser import Chooser

Text = Annotated[str, Field(max_length=200)]


class ChoiceQuery(Given):
    """The parameters of ``GET /v1/choosing/choice``."""

    task: Text = ""


class ComparisonQuery(ChoiceQuery):
    """The parameters of ``GET /v1/choosing/comparison``."""

    a: Text
    b: Text


def choosing_router(chooser: Chooser) -> APIRouter:
    """Return the routes of choosing."""
    router = make_router("choosing")
    found = told(dict[str, Any])

    @router.get("/choosing", responses=found)
    async def list_arms() -> Response:
        """List the arms of each kind of work: attempts, successes, cost and seconds."""
        return reply({"tasks": await chooser.known()})

    @router.get("/choosing/choice", responses=found)
    async def explain_choice(given: Annotated[ChoiceQuery, Query()]) -> Response:
        """Tell what would be chosen now for a kind of work, and why, with the draws."""
        return reply(await chooser.explain(given.task))

    @router.get("/choosing/comparison", responses=found)
    async def compare_arms(given: Annotated[ComparisonQuery, Query()]) -> Response:
        """Hold two arms against each other, with how sure that is."""
        return reply(await chooser.compare(given.task, given.a, given.b))

    return router
