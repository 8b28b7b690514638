"""Everything that happened: events in files by the day, searched by words, times and links.

Nothing outside of this package knows its tables. A partition is a file; the newest one is live and
has one writer, and whoever reads has connections of their own.
"""

from iterm_mcp.store.events.settings import EventSettings, keeping
from iterm_mcp.store.events.store import EventStore, open_event_store
from iterm_mcp.store.events.waiting_events import RETRY_AFTER_SECONDS, EventsBusyError

__all__ = [
    "RETRY_AFTER_SECONDS",
    "EventSettings",
    "EventStore",
    "EventsBusyError",
    "keeping",
    "open_event_store",
]
