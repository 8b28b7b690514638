"""What people and agents say of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from datetime import datetime

AnnotationId = NewType("AnnotationId", int)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark on an event, on a range of a conversation, or on the whole of it.

    Attributes:
        first: The number of the event, or of the first one; None for the whole conversation.
        last: The number of the last event; `first` for one alone.
        text: What is said; a bookmark may say nothing.
        tags: Sorted, in lower case.
    """

    annotation_id: AnnotationId
    conversation: str
    first: int | None
    last: int | None
    text: str
    tags: tuple[str, ...]
    bookmark: bool
    author: str
    made_at: datetime
