"""Budgets, alerts and notifications over HTTP. Budgets are set by their file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.models.alerts import AlertId
from iterm_mcp.services.alerts.answers import alert_answer, budget_answer
from iterm_mcp.web.api.routing import Given, make_router, reply, told

if TYPE_CHECKING:
    from iterm_mcp.services.alerts.opening import Attention


class AlertsQuery(Given):
    """The parameters of ``GET /v1/alerts``."""

    settled: Annotated[int, Field(ge=0, le=500)] = 0


class AcknowledgeBody(Given):
    """The body of ``POST /v1/alerts/{alert_id}/acknowledge``."""

    by: Annotated[str, Field(min_length=1, max_length=100)]


class ReleaseBody(Given):
    """The body of ``POST /v1/budgets/release``; a budget's name may have any characters."""

    budget: Annotated[str, Field(min_length=1, max_length=100)]
    by: Annotated[str, Field(min_length=1, max_length=100)]
    of: Annotated[
        str, Field(max_length=512, description="Whose, where each has one; else all of them.")
    ] = ""


def attention_router(attention: Attention) -> APIRouter:
    """Return the routes of budgets, alerts and notifications."""
    router = make_router("alerts")
    found = told(dict[str, Any])

    @router.get("/budgets", responses=found)
    async def list_budgets() -> Response:
        """List the budgets, and how far each is spent."""
        states = await attention.budgets.states()
        return reply({"budgets": [budget_answer(one) for one in states]})

    @router.post("/budgets/release", responses=found)
    async def release_budget(given: ReleaseBody) -> Response:
        """Let those go on whom a budget holds, until its next step or its next time."""
        states = await attention.budgets.release(given.budget, given.of, given.by)
        return reply({"budgets": [budget_answer(one) for one in states]})

    @router.get("/alerts", responses=found)
    async def list_alerts(given: Annotated[AlertsQuery, Query()]) -> Response:
        """List what is wrong now, oldest first, and behind it what was settled last."""
        listed = await attention.alerts.listed(given.settled)
        return reply({"alerts": [alert_answer(one) for one in listed]})

    @router.post("/alerts/{alert_id}/acknowledge", responses=found)
    async def acknowledge_alert(
        alert_id: Annotated[int, Path(ge=1, le=2**62)], given: AcknowledgeBody
    ) -> Response:
        """Say that somebody has seen an alert; the first one counts."""
        return reply(alert_answer(await attention.acknowledge(AlertId(alert_id), given.by)))

    @router.get("/sinks", responses=found)
    async def list_sinks() -> Response:
        """List where notifications go, and how that went; no secret is shown."""
        return reply({"sinks": await attention.notifier.listed()})

    @router.post("/sinks/{name}/test", responses=found)
    async def try_sink(name: Annotated[str, Path(min_length=1, max_length=100)]) -> Response:
        """Send a test by one sink, and wait for what becomes of it."""
        await attention.notifier.try_sink(name)
        return reply({"sent": name})

    return router
