"""Makes files of what happened, a piece at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from pydantic_core import to_json

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Links
from iterm_mcp.models.exports import Export, ExportFormat
from iterm_mcp.services.events.answers import event_answer
from iterm_mcp.services.events.comparing import compare
from iterm_mcp.services.events.conversations import Conversations
from iterm_mcp.services.events.exporting.blocks import Heading, Line
from iterm_mcp.services.events.exporting.hypertext import to_html
from iterm_mcp.services.events.exporting.markup import page_end, page_head
from iterm_mcp.services.events.exporting.pages import (
    account_page,
    account_title,
    comparison_page,
    event_item,
)
from iterm_mcp.services.events.exporting.playing import Casts, no_cast
from iterm_mcp.services.events.exporting.printing import draw, to_document
from iterm_mcp.services.events.exporting.reading import EventReading
from iterm_mcp.services.events.exporting.sheets import (
    EVENT_COLUMNS,
    comparison_rows,
    event_cells,
    write_row,
)
from iterm_mcp.services.events.timelines import make_timeline

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Mapping,
        Sequence,
    )
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.account_views import Comparison
    from iterm_mcp.models.events import Event, KeptEvent
    from iterm_mcp.services.events.conversations import Kept
    from iterm_mcp.services.events.exporting.blocks import Block
    from iterm_mcp.services.events.exporting.recordings import Recordings

    Hide = Callable[[Event], Event]

MOST_EVENTS = 100_000
MOST_ON_PAGE = 2000
"""Events that an HTML page lists: a telephone has to show it."""
MOST_COMPARED = 20
MOST_PRINTED = 200
"""Events that a PDF lists."""

_MOST = {ExportFormat.HTML: MOST_ON_PAGE, ExportFormat.PDF: MOST_PRINTED}
CHUNK_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class _Before:
    """What stands before the events of a file.

    Attributes:
        members: Of the object that JSON is.
        blocks: Of a page.
    """

    title: str
    name: str
    members: Mapping[str, object] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()


class Exporter:
    """Makes files of events, conversations and comparisons.

    Each method asks for the first page, so that what cannot be is refused before a byte is
    written; all else is read while it is written, a page at a time.
    """

    def __init__(
        self,
        kept: Kept,
        clock: Clock,
        recordings: Recordings | None = None,
        print_out: Callable[[dict[str, Any]], Awaitable[bytes]] = draw,
    ) -> None:
        self._kept = kept
        self._clock = clock
        self._print_out = print_out
        self._conversations = Conversations(kept, clock)
        self._casts = Casts(kept, self._conversations, recordings)

    async def events(
        self,
        query: EventQuery,
        kind: ExportFormat,
        *,
        most: int = MOST_EVENTS,
        hide: Hide | None = None,
    ) -> Export:
        """Return the events of a query, oldest first.

        Args:
            hide: Takes from each event what is not to be told.

        Raises:
            InvalidRequestError: The query means nothing, or the format cannot be had.
            StoreError: The events cannot be read.
        """
        if kind is ExportFormat.ASCIICAST:
            raise no_cast()
        return await self._listed(query, kind, _Before("Events", "events"), most, hide)

    async def session(
        self,
        session: str,
        kind: ExportFormat,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        hide: Hide | None = None,
    ) -> Export:
        """Return what happened in a terminal's session; as asciicast, what it showed.

        Raises:
            NotFoundError: It was not recorded then.
            InvalidRequestError: The format cannot be had.
            StoreError: Its events cannot be read.
        """
        if kind is ExportFormat.ASCIICAST:
            chunks = await self._casts.session(session, since, until, hide)
            return Export(self._name(f"session-{session}", kind), kind, chunks)
        query = EventQuery(since, until, links=Links(session=session))
        before = _Before(f"Session {session}", f"session-{session}", {"session": session})
        return await self._listed(query, kind, before, MOST_EVENTS, hide)

    async def conversation(
        self,
        conversation: str,
        kind: ExportFormat,
        *,
        turn: int | None = None,
        hide: Hide | None = None,
    ) -> Export:
        """Return a conversation: what it came to, and its events; as asciicast, what was shown.

        Args:
            turn: Of an asciicast; counted from 1.

        Raises:
            InvalidRequestError: The format cannot be had.
            NotFoundError: Nothing is known of it, or it was not recorded.
            StoreError: Its events cannot be read.
        """
        name = f"conversation-{conversation}"
        if kind is ExportFormat.ASCIICAST:
            chunks = await self._casts.conversation(conversation, turn, hide)
            return Export(self._name(name, kind), kind, chunks)
        if turn is not None:
            raise InvalidRequestError(
                "one turn can be had as an asciicast alone", hint="Leave the turn out."
            )
        counted = await self._conversations.counted(conversation, hide)
        account = counted.account
        left_out = () if counted.complete else (Line("Its oldest events are not counted."),)
        page = await to_thread.run_sync(lambda: tuple(account_page(account)))
        members = {
            "conversation": account, "counted_all": counted.complete,
            "timeline": make_timeline(account),
        }  # fmt: skip
        blocks = (*left_out, *page, Heading("Events"))
        before = _Before(account_title(account), name, members, blocks)
        query = EventQuery(links=Links(conversation=conversation))
        return await self._listed(query, kind, before, MOST_EVENTS, hide)

    async def comparison(
        self, conversations: Sequence[str], kind: ExportFormat, *, hide: Hide | None = None
    ) -> Export:
        """Return conversations side by side, aligned to the first; raises as `conversation`.

        Raises:
            InvalidRequestError: There are too many, or none.
        """
        if not 1 <= len(conversations) <= MOST_COMPARED:
            raise InvalidRequestError(
                f"1 to {MOST_COMPARED} conversations can be compared, not {len(conversations)}",
                hint="Name fewer.",
            )
        if kind is ExportFormat.ASCIICAST:
            raise no_cast()
        accounts = [(await self._conversations.counted(one, hide)).account for one in conversations]
        told = await to_thread.run_sync(compare, accounts)
        if kind is ExportFormat.PDF:
            ending, title = self._compared_whole(told), "Conversations side by side"
            return await self._printed(title, "comparison", comparison_page(told), ending)
        pieces = await to_thread.run_sync(partial(self._compared, told, kind))
        return Export(self._name("comparison", kind), kind, _gathered(_given(pieces)))

    async def _listed(
        self, query: EventQuery, kind: ExportFormat, before: _Before, most: int, hide: Hide | None
    ) -> Export:
        """Return a file of events behind what stands before them."""
        most = min(most, _MOST.get(kind, most))
        reading = EventReading(self._kept, query, most, hide)
        await reading.begin()
        if kind is ExportFormat.PDF:
            items = [event_item(one) async for one in reading.events()]
            ending = f"{_told(reading)} {self._made()}"
            blocks = (*before.blocks, *items)
            return await self._printed(before.title, before.name, blocks, ending)
        chunks = self._pieces(reading, kind, before)
        return Export(self._name(before.name, kind), kind, _gathered(chunks))

    async def _printed(self, title: str, name: str, blocks: Iterable[Block], ending: str) -> Export:
        document = await to_thread.run_sync(to_document, title, blocks, ending, self._clock.now())
        drawn = await self._print_out(document)
        return Export(self._name(name, ExportFormat.PDF), ExportFormat.PDF, _given([drawn]))

    async def _pieces(
        self, reading: EventReading, kind: ExportFormat, before: _Before
    ) -> AsyncIterator[bytes]:
        """Yield a file of events."""
        head, between, foot = self._frame(kind, before)
        write = _WRITERS[kind]
        yield head
        async for kept in reading.events():
            yield write(kept) if reading.count == 1 else between + write(kept)
        yield foot(reading)

    def _frame(
        self, kind: ExportFormat, before: _Before
    ) -> tuple[bytes, bytes, Callable[[EventReading], bytes]]:
        """Return what stands before, between and behind the events."""
        match kind:
            case ExportFormat.JSON:
                told = {"exported_at": self._clock.now(), **before.members}
                head = _line(told)[:-1] + b',"events":[\n'
                return head, b",\n", lambda one: b'\n],"export":' + _line(one.ending) + b"}\n"
            case ExportFormat.JSONL:
                return b"", b"", lambda one: _line({"export": one.ending}) + b"\n"
            case ExportFormat.CSV:
                return write_row(EVENT_COLUMNS), b"", _csv_foot
            case _:
                page = "".join((page_head(before.title), *map(to_html, before.blocks)))
                made = self._made()
                return page.encode(), b"", lambda one: page_end(f"{_told(one)} {made}").encode()

    def _compared(self, told: Comparison, kind: ExportFormat) -> list[bytes]:
        match kind:
            case ExportFormat.JSON:
                return [_line({"exported_at": self._clock.now(), "comparison": told}) + b"\n"]
            case ExportFormat.JSONL:
                lines = [_line(one) + b"\n" for one in told.steps]
                last = {"export": {"steps": len(lines), "complete": not told.left_out}}
                return [*lines, _line(last) + b"\n"]
            case ExportFormat.CSV:
                return [write_row(row) for row in comparison_rows(told)]
            case _:
                page = (
                    page_head("Conversations side by side"), *map(to_html, comparison_page(told)),
                    page_end(self._compared_whole(told)),
                )  # fmt: skip
                return [one.encode() for one in page]

    def _compared_whole(self, told: Comparison) -> str:
        ending = f"{told.left_out} more steps are left out. " if told.left_out else ""
        return ending + self._made()

    def _made(self) -> str:
        return f"Exported {self._clock.now():%Y-%m-%d %H:%M} UTC."

    def _name(self, what: str, kind: ExportFormat) -> str:
        plain = re.sub(r"[^A-Za-z0-9-]+", "-", what)[:80].strip("-")
        return f"iterm-mcp-{plain}-{self._clock.now():%Y%m%d-%H%M%S}.{kind.suffix}"


def _told(reading: EventReading) -> str:
    ending = reading.ending
    if ending["complete"]:
        return f"These are all {reading.count} events."
    why = "there are more" if reading.cut else "files are damaged"
    return f"These are {reading.count} events, and not all: {why}."


def _line(value: object) -> bytes:
    return to_json(value, inf_nan_mode="null", bytes_mode="base64")


def _csv_foot(reading: EventReading) -> bytes:
    return b"" if reading.ending["complete"] else write_row([_told(reading)])


_WRITERS: Mapping[ExportFormat, Callable[[KeptEvent], bytes]] = {
    ExportFormat.JSON: lambda one: _line(event_answer(one)),
    ExportFormat.JSONL: lambda one: _line(event_answer(one)) + b"\n",
    ExportFormat.CSV: lambda one: write_row(event_cells(one)),
    ExportFormat.HTML: lambda one: to_html(event_item(one)).encode(),
}


async def _given(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for one in pieces:
        yield one


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces of some size."""
    held: list[bytes] = []
    size = 0
    async for one in pieces:
        held.append(one)
        size += len(one)
        if size >= CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
