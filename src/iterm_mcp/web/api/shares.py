"""Shares over HTTP: made, listed and revoked by those with a token, for those without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field, StrictBool
from starlette.responses import Response

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.models.http_access import ADMIN
from iterm_mcp.models.shares import ShareId, ShareWish
from iterm_mcp.services.shares.book import MOST_HOURS
from iterm_mcp.web.api.event_queries import EventFilter, NewFilter
from iterm_mcp.web.api.routing import Given, Time, check_scope, make_router, reply, told
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from iterm_mcp.models.shares import Share
    from iterm_mcp.services.events.filters import SavedFilters
    from iterm_mcp.services.shares.book import Shares

HERE = "It is answered to programs of this machine alone, for whoever has the link."
ShareNumber = Annotated[int, Path(ge=1, le=2**62)]
Name = Annotated[str, Field(max_length=512)]


class NewShare(Given):
    """The body of ``POST /v1/shares``: one of conversation, session, saved and filter."""

    conversation: Name = ""
    session: Name = ""
    saved: Annotated[str, Field(max_length=100, description="A saved filter.")] = ""
    filter: Annotated[NewFilter | None, Field(description="Which events.")] = None
    turn: Annotated[
        int | None,
        Field(ge=1, le=10**6, strict=True, description="Of a conversation, as an asciicast."),
    ] = None
    since: Annotated[Time | None, Field(description="Of a session.")] = None
    until: Annotated[Time | None, Field(description="Of a session.")] = None
    format: Literal["html", "json", "asciicast"] = "html"
    hours: Annotated[
        float, Field(gt=0, le=MOST_HOURS, strict=True, description="How long it is good.")
    ] = 24.0
    redact: Annotated[
        StrictBool, Field(description="Look for secrets again; without it an admin is needed.")
    ] = True


class ShareBody(BaseModel):
    """A share, without what opens it."""

    share_id: int
    what: str
    format: str
    size_bytes: int
    redacted: bool
    made_by: str
    made_at: str
    expires_at: str
    views: int


class MadeShare(ShareBody):
    """A share with its link, which is told once."""

    url: str
    note: str


class SharesBody(BaseModel):
    """The shares that are good."""

    shares: list[ShareBody]


class RevokedShare(BaseModel):
    """Which share was taken away."""

    revoked: int


def share_router(shares: Shares, filters: SavedFilters[EventFilter]) -> APIRouter:
    """Return the routes of shares."""
    router = make_router("shares")

    @router.get("/shares", responses=told(SharesBody))
    async def list_shares() -> Response:
        """List the shares that are good, never what opens them."""
        return reply({"shares": [_body(one) for one in shares.list()]})

    @router.post("/shares", responses=told(MadeShare))
    async def create_share(request: Request, given: NewShare) -> Response:
        """Make a file of something as it is now, and a link to it, told now and never again."""
        if not given.redact:
            check_scope(request, ADMIN)
        _check(given)
        saved = await filters.find(given.saved) if given.saved else given.filter
        share, token = await shares.make(
            _wish(given, saved), ExportFormat(given.format), given.hours,
            grant_of(request.scope).name, redacted=given.redact,
        )  # fmt: skip
        secrets = "Secrets were looked for and taken out" if share.redacted else "NOT redacted"
        made = {
            **_body(share),
            "url": f"{request.url.scheme}://{request.headers['host']}/s/{token}",
            "note": f"{HERE} {secrets}.",
        }
        return reply(made, headers={"Cache-Control": "no-store"})

    @router.delete("/shares/{share_id}", responses=told(RevokedShare))
    async def revoke_share(share_id: ShareNumber) -> Response:
        """Take a share away, and its file."""
        await shares.revoke(ShareId(share_id))
        return reply({"revoked": share_id})

    return router


def _check(given: NewShare) -> None:
    named = (given.conversation, given.session, given.saved, given.filter is not None)
    if sum(map(bool, named)) != 1:
        raise InvalidRequestError(
            "one thing is shared at a time",
            hint="Give one of conversation, session, saved and filter.",
            code="bad_arguments",
        )
    timed = given.since is not None or given.until is not None
    if (given.turn is not None and not given.conversation) or (timed and not given.session):
        raise InvalidRequestError(
            "a turn is of a conversation, and times are of a session",
            hint="Leave out what does not belong to it.",
            code="bad_arguments",
        )


def _wish(given: NewShare, chosen: EventFilter | None) -> ShareWish:
    query = None if chosen is None else chosen.query()
    return ShareWish(given.conversation, given.session, given.turn, given.since, given.until, query)


def _body(one: Share) -> dict[str, object]:
    return {
        "share_id": one.share_id,
        "what": one.what,
        "format": one.format,
        "size_bytes": one.size_bytes,
        "redacted": one.redacted,
        "made_by": one.made_by,
        "made_at": one.made_at,
        "expires_at": one.expires_at,
        "views": one.views,
    }
