"""Shares: links under which a file of what happened is read without a token, for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.event_queries import EventQuery
    from iterm_mcp.models.exports import ExportFormat

ShareId = NewType("ShareId", int)


@dataclass(frozen=True, slots=True)
class ShareWish:
    """What is to be shared: a conversation, a session, or the events of a query.

    Attributes:
        turn: Of a conversation, as an asciicast alone; counted from 1.
        since, until: Of a session.
    """

    conversation: str = ""
    session: str = ""
    turn: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    query: EventQuery | None = None

    @property
    def words(self) -> str:
        """What it is, for people."""
        if self.conversation:
            turn = "" if self.turn is None else f", turn {self.turn}"
            return f"conversation {self.conversation}{turn}"
        return f"session {self.session}" if self.session else "events"


@dataclass(frozen=True, slots=True)
class Share:
    """A file that was made to be read by others. Nothing that happens later comes into it.

    Attributes:
        what: What it tells of, for people.
        name: That it may be kept under.
        redacted: Secrets were looked for again, and taken out, when it was made.
        made_by: The name of the token by which it was made.
        expires_at: From then on it is read by nobody.
        views: How often it was read.
        seen_at: When it was last known to be good; no clock is believed that shows less.
    """

    share_id: ShareId
    what: str
    format: ExportFormat
    name: str
    size_bytes: int
    redacted: bool
    made_by: str
    made_at: datetime
    expires_at: datetime
    views: int
    seen_at: datetime
