"""How things went over weeks, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.models.history import ShiftReport, TrendReport, Week
from iterm_mcp.services.events.history import MOST_TREND_DAYS, MOST_WEEKS
from iterm_mcp.web.api.conversations import Name
from iterm_mcp.web.api.routing import Given, make_router, reply, told
from iterm_mcp.web.api.shapes import list_shape, shape_of

if TYPE_CHECKING:
    from iterm_mcp.services.events.history import History


class WeeksQuery(Given):
    """The parameters of ``GET /v1/history/weeks``."""

    weeks: Annotated[int, Field(ge=1, le=MOST_WEEKS)] = 4


class TrendsQuery(Given):
    """The parameters of ``GET /v1/history/trends``."""

    days: Annotated[int, Field(ge=1, le=MOST_TREND_DAYS)] = 28
    agent: Name = ""
    agent_kind: Name = ""


class ShiftsQuery(Given):
    """The parameters of ``GET /v1/history/shifts``."""

    days: Annotated[int, Field(ge=1, le=MOST_TREND_DAYS // 2)] = 7
    agent: Name = ""
    agent_kind: Name = ""


WeeksBody = list_shape("WeeksBody", "weeks", Week)


def history_router(history: History) -> APIRouter:
    """Return the routes of summaries and trends."""
    router = make_router("history")

    @router.get("/history/weeks", responses=told(WeeksBody))
    async def weekly_summaries(given: Annotated[WeeksQuery, Query()]) -> Response:
        """Sum up the last weeks by kind, agent, team and model, the newest first."""
        return reply({"weeks": await history.weeks(given.weeks)})

    @router.get("/history/trends", responses=told(shape_of(TrendReport)))
    async def daily_trends(given: Annotated[TrendsQuery, Query()]) -> Response:
        """Tell where daily figures go, with significance, and the busiest hours of the week."""
        return reply(await history.trends(given.days, agent=given.agent, kind=given.agent_kind))

    @router.get("/history/shifts", responses=told(shape_of(ShiftReport)))
    async def period_shifts(given: Annotated[ShiftsQuery, Query()]) -> Response:
        """Tell how the last whole days differ from as many before, with significance."""
        return reply(await history.shifts(given.days, agent=given.agent, kind=given.agent_kind))

    return router
