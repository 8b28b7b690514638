"""Notes that agents and people share: small texts under keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A text under a key.

    Attributes:
        namespace: A plain name, which everybody reads, or ``team:NAME``, which only agents of
            that team and of the teams below it do.
        version: Grows with every change of any note and is never used twice, so that a note
            that was removed and written anew is not taken for the old one.
        author: Who wrote this version.
    """

    namespace: str
    key: str
    value: str
    version: int
    author: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class FoundNote:
    """A note that a search has found.

    Attributes:
        excerpt: The part of it that matches best, cut out.
    """

    note: Note
    excerpt: str
