"""Annotations, tags and bookmarks of what happened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.annotations import Annotation, AnnotationId
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Links
from iterm_mcp.services.events.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.callers import Caller
    from iterm_mcp.models.event_queries import EventPage
    from iterm_mcp.models.events import EventNumber
    from iterm_mcp.store.annotations import AnnotationStore

MOST_CHARACTERS = 8000
MOST_TAGS = 20
MOST_WORDS = 20
MOST_FOUND = 500
_TAG = re.compile(r"[\w][\w.:/-]{0,63}")
_WORD = re.compile(r"\w+")


class Happened(Protocol):
    """Knows what can be annotated."""

    @property
    def newest(self) -> EventNumber:
        """Return the number of the newest event."""

    async def query(self, query: EventQuery) -> EventPage:
        """Return the events that are asked for."""


class Annotations:
    """Keeps what is said of events and conversations. Everybody reads all of it.

    Args:
        happened: Is asked whether there is what is annotated; None asks nobody. What was there
            once, and is forgotten by now, keeps its annotations.
    """

    def __init__(
        self, store: AnnotationStore, clock: Clock, happened: Happened | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._happened = happened

    def ask(self, happened: Happened) -> None:
        """Ask from now on whether there is what is annotated."""
        self._happened = happened

    async def add(
        self,
        caller: Caller,
        *,
        conversation: str = "",
        first: int | None = None,
        last: int | None = None,
        text: str = "",
        tags: Sequence[str] = (),
        bookmark: bool = False,
    ) -> Annotation:
        """Say something of an event, of a range of them, or of a conversation.

        Secrets in the text are taken out.

        Args:
            first: An event's number; with `last` the first of a range.

        Raises:
            InvalidRequestError: It is of nothing, says nothing, or cannot be.
            NotFoundError: There is no such event yet, or nothing of such a conversation.
            ConflictError: There are too many.
        """
        if not conversation and first is None:
            raise InvalidRequestError(
                "an annotation is of an event or of a conversation",
                hint="Give the event's number, or the conversation's id.",
            )
        if last is not None and (first is None or last < first):
            raise InvalidRequestError(
                "the range ends before it begins", hint="Give its first event and its last."
            )
        if len(text) > MOST_CHARACTERS:
            raise InvalidRequestError(
                f"the text is longer than {MOST_CHARACTERS} characters", hint="Shorten it."
            )
        chosen = tuple(sorted({_tag(one) for one in tags}))
        if len(chosen) > MOST_TAGS:
            raise InvalidRequestError(f"there are more than {MOST_TAGS} tags", hint="Give fewer.")
        if not (text.strip() or chosen or bookmark):
            raise InvalidRequestError(
                "the annotation says nothing", hint="Give a text, tags, or make it a bookmark."
            )
        await self._see(conversation, first if last is None else last)
        one = Annotation(
            AnnotationId(0), conversation, first, first if last is None else last, redact(text),
            chosen, bookmark, caller.name, self._clock.now(),
        )  # fmt: skip
        kept = await self._store.add(one)
        if kept is None:
            raise ConflictError("there are too many annotations", hint="Remove some of them.")
        return kept

    async def _see(self, conversation: str, event: int | None) -> None:
        """See that there is what is annotated: a number that is mistyped is soon a conversation."""
        if self._happened is None:
            return
        if event is not None and event > self._happened.newest:
            raise NotFoundError(
                "event", str(event), hint=f"The newest one has the number {self._happened.newest}."
            )
        if conversation:
            asked = EventQuery(links=Links(conversation=conversation), limit=1)
            if not (await self._happened.query(asked)).events:
                raise NotFoundError(
                    "conversation",
                    conversation,
                    hint="`iterm-mcp events conversations` lists them.",
                )

    async def find(
        self,
        *,
        conversation: str = "",
        event: int | None = None,
        tag: str = "",
        bookmark: bool | None = None,
        words: str = "",
        most: int = 100,
    ) -> tuple[Annotation, ...]:
        """Return the annotations for which all of this holds, the newest first.

        Raises:
            InvalidRequestError: There are words, and none that can be searched for, or too many.
        """
        asked = _WORD.findall(words)
        if words and not 0 < len(asked) <= MOST_WORDS:
            raise InvalidRequestError(
                f"a search has 1 to {MOST_WORDS} words, not {len(asked)}", hint="Give words."
            )
        return await self._store.find(
            conversation=conversation, event=event, tag=tag.lower(), bookmark=bookmark,
            words=asked, most=min(most, MOST_FOUND),
        )  # fmt: skip

    async def remove(self, caller: Caller, annotation_id: AnnotationId) -> None:
        """Forget an annotation; an agent only its own.

        Raises:
            NotFoundError: There is none.
            RefusedError: Somebody else made it.
        """
        one = await self._store.get(annotation_id)
        if one is None:
            raise NotFoundError("annotation", str(annotation_id), hint="Look for it first.")
        if caller.agent is not None and one.author != caller.name:
            raise RefusedError(
                "agents remove their own annotations alone",
                hint="Ask a person, or annotate anew.",
                code="not_its_author",
            )
        await self._store.remove(annotation_id)


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise InvalidRequestError(
            f"{text[:80]!r} cannot be a tag",
            hint="Use 1 to 64 letters, digits, dots, colons, slashes, hyphens and underscores.",
        )
    return text.lower()
