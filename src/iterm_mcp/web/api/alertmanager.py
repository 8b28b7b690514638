"""Where an Alertmanager tells of its alerts: its webhook, version 4 of the payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from iterm_mcp.models.alerts import PushedAlert
from iterm_mcp.web.api.routing import Time, make_router, reply, told

if TYPE_CHECKING:
    from iterm_mcp.services.alerts.opening import Attention

MOST_ALERTS = 500
"""Of one request: set ``max_alerts`` of the ``webhook_configs`` to no more."""


class AlertmanagerAlert(BaseModel):
    """One alert; what later versions say besides is left out."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: Time  # noqa: N815 - as it is sent
    fingerprint: Annotated[str, Field(min_length=1, max_length=100)]


class AlertmanagerBody(BaseModel):
    """The body of ``POST /v1/alertmanager``; what later versions say besides is left out."""

    version: Literal["4"]
    groupKey: str = ""  # noqa: N815 - as it is sent
    truncatedAlerts: Annotated[int, Field(ge=0)] = 0  # noqa: N815 - as it is sent
    alerts: Annotated[list[AlertmanagerAlert], Field(max_length=MOST_ALERTS)]


def alertmanager_router(attention: Attention) -> APIRouter:
    """Return the route of an Alertmanager's webhook."""
    router = make_router("alerts")

    @router.post("/alertmanager", responses=told(dict[str, Any]))
    async def take_alerts(given: AlertmanagerBody) -> Response:
        """Take what an Alertmanager tells: alerts that fire are raised, others settled.

        The same told again is told once. With 503 it shall come again.
        """
        taken = await attention.pushed.take([_pushed(one) for one in given.alerts])
        return reply({
            "raised": taken.raised,
            "settled": taken.settled,
            "outdated": taken.outdated,
            "left_out": given.truncatedAlerts,
        })  # fmt: skip

    return router


def _pushed(one: AlertmanagerAlert) -> PushedAlert:
    fires = one.status == "firing"
    return PushedAlert(one.fingerprint, one.labels, one.annotations, one.startsAt, fires)
