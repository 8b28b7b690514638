"""Events over HTTP: in pages, and as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import EventStats
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.answers import event_answer
from iterm_mcp.services.events.following import follow_events
from iterm_mcp.store.known_answers import KnownAnswers
from iterm_mcp.web.api.event_queries import EventFilter, EventParameters, StreamParameters, added
from iterm_mcp.web.api.event_stream import EventStreamResponse, Streams
from iterm_mcp.web.api.quick_query import query_document, read_query
from iterm_mcp.web.api.routing import make_router, reply, reply_json, told
from iterm_mcp.web.api.shapes import shape_of

if TYPE_CHECKING:
    from iterm_mcp.services.events.filters import SavedFilters
    from iterm_mcp.store.events import EventStore

MOST_NUMBER = 2**62
KEPT_ANSWERS, KEPT_BYTES = 64, 65_536
"""Answers that are kept until something happens, of so many bytes at most."""


class EventCost(BaseModel):
    """What an answer of a model cost; unknown, not 0, where the basis is unpriced."""

    dollars: float
    basis: str


class EventBody(BaseModel):
    """One event; what it does not tell is left out."""

    number: int
    at: str
    kept_at: str
    kind: EventKind
    source: str
    key: str
    subject: str
    text: str
    links: dict[str, str]
    payload: dict[str, Any]
    duration_seconds: float | None = None
    usage: dict[str, int] | None = None
    cost: EventCost | None = None


class EventPageBody(BaseModel):
    """A page of events; go on with its cursor, if there is one."""

    events: list[EventBody]
    cursor: str
    complete: bool
    scanned: int
    damaged: list[str]


def event_router(store: EventStore, filters: SavedFilters[EventFilter]) -> APIRouter:
    """Return the routes of events."""
    router = make_router("events")
    streams = Streams()
    answers: KnownAnswers[bytes] = KnownAnswers(KEPT_ANSWERS)

    @router.get(
        "/events", responses=told(EventPageBody), openapi_extra=query_document(EventParameters)
    )
    async def list_events(request: Request) -> Response:
        """Find events by time, kind, source, subject, links, cost, duration, words and pattern."""
        given = read_query(EventParameters, request)
        saved = await filters.find(given.saved) if given.saved else None
        query = given.page(saved)
        version = store.version(query)
        body = answers.find(query, version)
        if body is None:
            page = await store.query(query)
            body = to_json({
                "events": [event_answer(one) for one in page.events],
                "cursor": page.cursor,
                "complete": page.complete,
                "scanned": page.scanned,
                "damaged": page.damaged,
            }, inf_nan_mode="null")  # fmt: skip
            if page.complete and not page.damaged and len(body) <= KEPT_BYTES:
                answers.keep(query, version, body)
        return reply_json(body)

    @router.get(
        "/events/stream",
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
        response_class=Response,
    )
    async def stream_events(
        request: Request,
        given: Annotated[StreamParameters, Query()],
        last_event_id: Annotated[str, Header(max_length=30)] = "",
    ) -> Response:
        """Send the newest events, oldest of them first, then `live`, then each as it is kept.

        Each has its number as its id: who comes back with `Last-Event-ID`, or `after`, is sent
        what it missed.
        """
        del request
        after = given.after if not last_event_id else _number(last_event_id)
        saved = await filters.find(given.saved) if given.saved else None
        query = added(given, saved).query()
        source = follow_events(store, query, after=after, snapshot=given.snapshot)
        first = await anext(source)  # what cannot be is refused before the stream begins
        return EventStreamResponse(streams, first, source)

    @router.get("/events/stats", responses=told(shape_of(EventStats)))
    async def event_stats() -> Response:
        """Tell how the store of events is: sizes, what waits, what was kept and dropped."""
        return reply(store.stats())

    return router


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_NUMBER:
        raise InvalidRequestError(
            "that Last-Event-ID is none of ours", hint="Give the id of an event, or none."
        )
    return int(text)
