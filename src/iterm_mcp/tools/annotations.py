"""The tool for saying something of what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.annotations import AnnotationId
from iterm_mcp.services.untrusted import sanitise
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.callers import caller_of
from iterm_mcp.tools.event_answers import cut
from iterm_mcp.tools.tiers import MUTATE
from iterm_mcp.tools.tool import ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.annotations import Annotation
    from iterm_mcp.services.events.annotations import Annotations

CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
LISTED = 50
BOOKMARK = "bookmark"
"""The tag that makes a bookmark."""


class AnnotationTools:
    """The tool over `Annotations`."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.annotate, "Annotate", CHANGES, "comment tag bookmark events", tier=MUTATE)
        ]

    async def annotate(
        self,
        events: Annotated[list[int], Field(max_length=2, description="First, last.")] = [],
        conversation: Annotated[str, Field(description="Its id.")] = "",
        text: Annotated[str, Field(description="Remark.")] = "",
        tags: Annotated[list[str], Field(description="Or bookmark.")] = [],
        find: Annotated[bool, Field(description="List.")] = False,
        remove: Annotated[int | None, Field(description="Its number.")] = None,
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Remark on, tag or bookmark events or conversations, or find such."""
        caller, kept = caller_of(context), self._annotations
        if remove is not None:
            await kept.remove(caller, AnnotationId(remove))
            return {"removed": remove}
        own = [one for one in tags if one.lower() != BOOKMARK]
        marked = len(own) < len(tags)
        first, last = events[0] if events else None, events[-1] if events else None
        if find:
            if len(own) > 1:
                raise InvalidRequestError("one tag can be looked for", hint="Give one.")
            found = await kept.find(
                conversation=conversation, event=first, tag="".join(own), words=text,
                bookmark=True if marked else None, most=LISTED,
            )  # fmt: skip
            return {
                "untrusted": ["annotations"],
                "annotations": [annotation_answer(one) for one in found],
            }
        made = await kept.add(
            caller, conversation=conversation, first=first, last=last, text=text, tags=own,
            bookmark=marked,
        )  # fmt: skip
        return {"annotation": made.annotation_id}


def annotation_answer(one: Annotation) -> Json:
    """Return an annotation; what others wrote into it is data."""
    answer: Json = {"annotation": one.annotation_id}
    if one.conversation:
        answer["conversation"] = sanitise(one.conversation)
    if one.first is not None:
        answer["event"] = one.first
        if one.last != one.first:
            answer["last_event"] = one.last
    if one.text:
        answer["text"] = cut(one.text)
    if one.tags:
        answer["tags"] = [sanitise(tag) for tag in one.tags]
    if one.bookmark:
        answer["bookmark"] = True
    return answer | {"author": sanitise(one.author), "made_at": one.made_at.isoformat()}
