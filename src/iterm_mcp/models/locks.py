"""Who alone may type into a session."""

from dataclasses import dataclass
from datetime import datetime

from iterm_mcp.models.ids import LockId, SessionId


@dataclass(frozen=True, slots=True)
class Lock:
    """One session's lock.

    Attributes:
        lock_id: Known to the holder alone; one holder may lock several sessions under it.
        owner: Who holds it, as others are told; `note` is what for.
        lifetime_seconds: How long it was to last from when it was last taken.
        expires_at: When it ends by itself. The wall clock may jump: while the daemon lives, the
            lifetime counts.
        broken: How it was ended by somebody else; None while nobody has.
    """

    lock_id: LockId
    session_id: SessionId
    owner: str
    note: str
    lifetime_seconds: float
    expires_at: datetime
    broken: "Breaking | None" = None


@dataclass(frozen=True, slots=True)
class Breaking:
    """That somebody ended another one's lock, and why."""

    by: str
    reason: str
    at: datetime
