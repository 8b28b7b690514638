"""Annotations, tags and bookmarks over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from iterm_mcp.models.annotations import Annotation, AnnotationId
from iterm_mcp.models.callers import Caller
from iterm_mcp.services.events.annotations import MOST_CHARACTERS, MOST_FOUND, MOST_TAGS
from iterm_mcp.web.api.conversations import Name
from iterm_mcp.web.api.routing import Flag, Given, make_router, reply, told
from iterm_mcp.web.api.shapes import list_shape, shape_of
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from iterm_mcp.services.events.annotations import Annotations

Number = Annotated[int, Field(ge=1, le=2**62)]


class AnnotateBody(Given):
    """The body of ``POST /v1/annotations``: of an event, a range of them, or a conversation."""

    conversation: Name = ""
    first: Number | None = None
    last: Number | None = None
    text: Annotated[str, Field(max_length=MOST_CHARACTERS)] = ""
    tags: Annotated[list[str], Field(max_length=MOST_TAGS, default_factory=list)]
    bookmark: Flag = False


class AnnotationsQuery(Given):
    """The parameters of ``GET /v1/annotations``."""

    conversation: Name = ""
    event: Number | None = None
    tag: Annotated[str, Field(max_length=64)] = ""
    bookmark: bool | None = None
    words: Annotated[str, Field(max_length=1000)] = ""
    limit: Annotated[int, Field(ge=1, le=MOST_FOUND)] = 100


class RemovedAnnotationBody(BaseModel):
    """What was removed."""

    removed: int


AnnotationsBody = list_shape("AnnotationsBody", "annotations", Annotation)


def annotation_router(annotations: Annotations) -> APIRouter:
    """Return the routes of annotations. Who comes by HTTP is a person, by the token's name."""
    router = make_router("events")

    @router.get("/annotations", responses=told(AnnotationsBody))
    async def list_annotations(given: Annotated[AnnotationsQuery, Query()]) -> Response:
        """Find annotations by what they are of, tag, bookmark and words, the newest first."""
        found = await annotations.find(
            conversation=given.conversation, event=given.event, tag=given.tag,
            bookmark=given.bookmark, words=given.words, most=given.limit,
        )  # fmt: skip
        return reply({"annotations": found})

    @router.post("/annotations", responses=told(shape_of(Annotation)))
    async def annotate_events(request: Request, given: AnnotateBody) -> Response:
        """Remark on, tag or bookmark an event, a range of them, or a conversation."""
        made = await annotations.add(
            _caller(request), conversation=given.conversation, first=given.first,
            last=given.last, text=given.text, tags=given.tags, bookmark=given.bookmark,
        )  # fmt: skip
        return reply(made)

    @router.delete("/annotations/{annotation}", responses=told(RemovedAnnotationBody))
    async def remove_annotation(
        request: Request, annotation: Annotated[int, Path(ge=1, le=2**62)]
    ) -> Response:
        """Forget an annotation."""
        await annotations.remove(_caller(request), AnnotationId(annotation))
        return reply({"removed": annotation})

    return router


def _caller(request: Request) -> Caller:
    return Caller(None, grant_of(request.scope).name)
