"""Saved filters of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.responses import Response

from iterm_mcp.web.api.event_queries import EventFilter, NewFilter
from iterm_mcp.web.api.routing import make_router, reply, told

if TYPE_CHECKING:
    from iterm_mcp.services.events.filters import SavedFilters

FilterName = Annotated[str, Path(min_length=1, max_length=100)]


class FilterBody(BaseModel):
    """A saved filter; use it as ``saved``."""

    name: str
    query: dict[str, Any]
    changed_at: str


class FiltersBody(BaseModel):
    """All saved filters."""

    filters: list[FilterBody]


class RemovedBody(BaseModel):
    """What was removed."""

    removed: str


def filter_router(filters: SavedFilters[EventFilter]) -> APIRouter:
    """Return the routes of saved filters."""
    router = make_router("events")

    @router.get("/filters", responses=told(FiltersBody))
    async def list_filters() -> Response:
        """List the saved filters."""
        return reply({"filters": await filters.list()})

    @router.put("/filters/{name}", responses=told(FilterBody))
    async def put_filter(name: FilterName, query: NewFilter) -> Response:
        """Save a filter under a name, in place of one that had it."""
        return reply(await filters.put(name, query))

    @router.delete("/filters/{name}", responses=told(RemovedBody))
    async def remove_filter(name: FilterName) -> Response:
        """Forget a filter."""
        await filters.remove(name)
        return reply({"removed": name})

    return router
