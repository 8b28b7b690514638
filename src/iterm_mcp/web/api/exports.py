"""Events, conversations and comparisons over HTTP as files, sent while they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from iterm_mcp.models.exports import MEDIA_TYPES, ExportFormat
from iterm_mcp.services.events.exporting.exporter import MOST_EVENTS
from iterm_mcp.services.events.exporting.markup import POLICY
from iterm_mcp.web.api.conversations import CompareQuery, ConversationId
from iterm_mcp.web.api.event_queries import EventFilter, added
from iterm_mcp.web.api.routing import Given, Time, make_router

if TYPE_CHECKING:
    from iterm_mcp.models.exports import Export
    from iterm_mcp.services.events.exporting import Exporter
    from iterm_mcp.services.events.filters import SavedFilters

_SCHEMAS: dict[str, dict[str, str]] = {
    MEDIA_TYPES[ExportFormat.JSON]: {},
    MEDIA_TYPES[ExportFormat.JSONL]: {},
    MEDIA_TYPES[ExportFormat.PDF]: {"type": "string", "format": "binary"},
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; it says at its end whether that was all.",
        "content": {
            one.split(";")[0]: {"schema": _SCHEMAS.get(one, {"type": "string"})}
            for one in MEDIA_TYPES.values()
        },
    }
}

SessionName = Annotated[str, Path(min_length=1, max_length=512)]
Format = Annotated[ExportFormat, Field(description="How the file is written.")]


class EventsExportQuery(EventFilter):
    """The parameters of ``GET /v1/exports/events``."""

    saved: Annotated[str, Field(max_length=100, description="A saved filter to add to.")] = ""
    format: Format = ExportFormat.JSONL
    most: Annotated[int, Field(ge=1, le=10 * MOST_EVENTS)] = MOST_EVENTS


class ConversationExportQuery(Given):
    """The parameters of ``GET /v1/exports/conversations/{conversation}``."""

    format: Format = ExportFormat.HTML
    turn: Annotated[
        int | None, Field(ge=1, le=10**6, description="Of an asciicast; the first is 1.")
    ] = None


class SessionExportQuery(Given):
    """The parameters of ``GET /v1/exports/sessions/{session}``."""

    format: Format = ExportFormat.HTML
    since: Time | None = None
    until: Time | None = None


class ComparisonExportQuery(CompareQuery):
    """The parameters of ``GET /v1/exports/compare``."""

    format: Format = ExportFormat.HTML


def export_router(exporter: Exporter, filters: SavedFilters[EventFilter]) -> APIRouter:
    """Return the routes of files."""
    router = make_router("exports")

    @router.get("/exports/events", responses=FILE, response_class=Response)
    async def export_events(given: Annotated[EventsExportQuery, Query()]) -> Response:
        """Send the events of a query as a file, oldest first."""
        saved = await filters.find(given.saved) if given.saved else None
        query = added(given, saved).query()
        return _sent(await exporter.events(query, given.format, most=given.most))

    @router.get(
        "/exports/conversations/{conversation:path}", responses=FILE, response_class=Response
    )
    async def export_conversation(
        conversation: ConversationId, given: Annotated[ConversationExportQuery, Query()]
    ) -> Response:
        """Send a conversation as a file: what it came to, and its events; or what was shown."""
        return _sent(await exporter.conversation(conversation, given.format, turn=given.turn))

    @router.get("/exports/sessions/{session}", responses=FILE, response_class=Response)
    async def export_session(
        session: SessionName, given: Annotated[SessionExportQuery, Query()]
    ) -> Response:
        """Send what happened in a session as a file; as an asciicast, what it showed."""
        return _sent(
            await exporter.session(session, given.format, since=given.since, until=given.until)
        )

    @router.get("/exports/compare", responses=FILE, response_class=Response)
    async def export_comparison(given: Annotated[ComparisonExportQuery, Query()]) -> Response:
        """Send conversations side by side as a file."""
        return _sent(await exporter.comparison(given.conversation, given.format))

    return router


def _sent(export: Export) -> Response:
    return StreamingResponse(
        export.chunks,
        media_type=export.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{export.name}"',
            "Content-Security-Policy": f"{POLICY}; sandbox; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )
