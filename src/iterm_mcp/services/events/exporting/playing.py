"""Sessions and conversations as asciicasts: what the terminal showed, with markers."""

from __future__ import annotations

from datetime import timedelta
from typing import IO, TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import EventKind, Links
from iterm_mcp.services.events.exporting.casts import CastLineError, Marker, play
from iterm_mcp.services.events.exporting.pages import account_title
from iterm_mcp.services.events.exporting.reading import EventReading
from iterm_mcp.services.events.exporting.recordings import HostRecordings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from datetime import datetime

    from iterm_mcp.models.accounts import Account
    from iterm_mcp.models.events import Event
    from iterm_mcp.services.events.conversations import Conversations, Kept
    from iterm_mcp.services.events.exporting.recordings import Recorded, Recordings

    Hide = Callable[[Event], Event]

MOST_MARKERS = 2000
AROUND = timedelta(seconds=1)
"""What is shown before the first event, and after the last."""

CHUNK_BYTES = 64 << 10
HINT = "`iterm-mcp host record SESSION on` records a session from now on."


_MARKED = {
    EventKind.PROMPT_SUBMITTED: "prompt: ",
    EventKind.TURN_FAILED: "turn failed",
    EventKind.TURN_INTERRUPTED: "turn interrupted",
    EventKind.TOOL_STARTED: "",
    EventKind.TOOL_FAILED: "failed: ",
    EventKind.SUBAGENT_STARTED: "subagent: ",
    EventKind.COMMAND_ENDED: "$ ",
}


class Casts:
    """Finds what was recorded while something happened, and marks what happened in it."""

    def __init__(
        self, kept: Kept, conversations: Conversations, recordings: Recordings | None = None
    ) -> None:
        self._kept = kept
        self._conversations = conversations
        self._recordings = recordings or HostRecordings()

    async def conversation(
        self, conversation: str, turn: int | None, hide: Hide | None
    ) -> AsyncIterator[bytes]:
        """Return what a conversation's session showed, or one turn of it.

        Args:
            turn: Counted from 1.

        Raises:
            NotFoundError: Nothing is known of it, there is no such turn, or nothing was recorded.
            InvalidRequestError: The recordings cannot be read.
        """
        account = (await self._conversations.counted(conversation, hide)).account
        since, until = _span(account, turn)
        title = account_title(account) + ("" if turn is None else f", turn {turn}")
        query = EventQuery(since, until + AROUND, links=Links(conversation=conversation))
        return await self._made(account.session, query, title, hide)

    async def session(
        self, session: str, since: datetime | None, until: datetime | None, hide: Hide | None
    ) -> AsyncIterator[bytes]:
        """Return what a session showed between two times; raises as `conversation` does."""
        query = EventQuery(since, until, links=Links(session=session))
        return await self._made(session, query, f"Session {session}", hide)

    async def _made(
        self, session: str, query: EventQuery, title: str, hide: Hide | None
    ) -> AsyncIterator[bytes]:
        found = _covering(await self._recordings.list(), session, query.since, query.until)
        if found is None:
            raise NotFoundError("recording", session or "of that conversation", hint=HINT)
        begin = 0.0 if query.since is None else _seconds(query.since - AROUND, found)
        begin = max(begin, 0.0)
        end = _seconds(query.until or found.written_at + AROUND, found)
        markers = await self._markers(query, found, begin, hide)
        file = await self._recordings.cut(found.name, begin, end)
        lines = play(file, markers, title)
        try:
            first = await to_thread.run_sync(next, lines)
        except CastLineError as error:
            file.close()
            raise InvalidRequestError(
                f"the recording cannot be read: {error}", hint=HINT, code="no_recording"
            ) from None
        return _chunks(first, lines, file)

    async def _markers(
        self, query: EventQuery, found: Recorded, begin: float, hide: Hide | None
    ) -> list[Marker]:
        asked = EventQuery(query.since, query.until, frozenset(_MARKED), links=query.links)
        reading = EventReading(self._kept, asked, MOST_MARKERS, hide)
        await reading.begin()
        marked = [
            Marker(round((_seconds(one.event.at, found) - begin) * 1000), _label(one.event))
            async for one in reading.events()
        ]
        return sorted(marked, key=lambda one: one.at)


def no_cast() -> InvalidRequestError:
    """Return why something else than a session or a conversation cannot be shown."""
    return InvalidRequestError(
        "an asciicast shows one session, conversation or turn",
        hint="Ask for one of them, or for another format.",
        code="no_cast",
    )


def _span(account: Account, turn: int | None) -> tuple[datetime, datetime]:
    if turn is None:
        return account.started_at, account.last_at
    if not 1 <= turn <= len(account.turns):
        raise NotFoundError("turn", str(turn), hint=f"There are {len(account.turns)}.")
    chosen, later = account.turns[turn - 1], account.turns[turn:]
    ended = chosen.ended_at or (later[0].started_at if later else account.last_at)
    return chosen.started_at, ended


def _covering(
    recordings: Sequence[Recorded], session: str, since: datetime | None, until: datetime | None
) -> Recorded | None:
    """Return the recording of a session that shows most of a time; None where none shows any."""

    def shown(one: Recorded) -> float:
        begin = one.began_at if since is None else max(one.began_at, since)
        end = one.written_at + AROUND if until is None else min(one.written_at + AROUND, until)
        return (end - begin).total_seconds()

    own = [one for one in recordings if one.session == session and session]
    best = max(own, key=shown, default=None)
    return best if best is not None and shown(best) >= 0 else None


def _seconds(at: datetime, found: Recorded) -> float:
    return (at - found.began_at).total_seconds()


def _label(event: Event) -> str:
    words = {
        EventKind.PROMPT_SUBMITTED: event.text,
        EventKind.TOOL_STARTED: f"{event.payload.get('tool') or ''} {event.subject}",
        EventKind.TOOL_FAILED: f"{event.payload.get('tool') or ''} {event.subject}",
        EventKind.SUBAGENT_STARTED: str(event.payload.get("type") or event.links.subagent),
        EventKind.COMMAND_ENDED: event.subject or event.text,
    }
    return _MARKED[event.kind] + words.get(event.kind, "")


async def _chunks(first: bytes, lines: Iterator[bytes], file: IO[bytes]) -> AsyncIterator[bytes]:
    def more() -> bytes:
        parts: list[bytes] = []
        size = 0
        for one in lines:
            parts.append(one)
            size += len(one)
            if size >= CHUNK_BYTES:
                break
        return b"".join(parts)

    try:
        yield first
        while chunk := await to_thread.run_sync(more):
            yield chunk
    finally:
        file.close()
