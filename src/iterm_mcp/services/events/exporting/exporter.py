"""Makes files of what happened, a piece at a time."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread
from pydantic_core import to_json

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Links
from iterm_mcp.models.exports import Export, ExportFormat
from iterm_mcp.services.events.accounts import make_account
from iterm_mcp.services.events.answers import event_answer
from iterm_mcp.services.events.comparing import compare
from iterm_mcp.services.events.conversations import Conversations
from iterm_mcp.services.events.exporting.markup import page_end, page_head
from iterm_mcp.services.events.exporting.pages import (
    account_page,
    account_title,
    comparison_page,
    event_item,
)
from iterm_mcp.services.events.exporting.reading import EventReading
from iterm_mcp.services.events.exporting.sheets import (
    EVENT_COLUMNS,
    comparison_rows,
    event_cells,
    write_row,
)
from iterm_mcp.services.events.timelines import make_timeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.account_views import Comparison
    from iterm_mcp.models.accounts import Account
    from iterm_mcp.models.events import Event, KeptEvent
    from iterm_mcp.services.events.conversations import Kept

    Hide = Callable[[Event], Event]

MOST_EVENTS = 100_000
MOST_ON_PAGE = 2000
"""Events that an HTML page lists: a telephone has to show it."""
MOST_COMPARED = 20
CHUNK_BYTES = 64 << 10


class Exporter:
    """Makes files of events, conversations and comparisons.

    Each method asks for the first page, so that what cannot be is refused before a byte is
    written; all else is read while it is written, a page at a time.
    """

    def __init__(self, kept: Kept, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        self._conversations = Conversations(kept, clock)

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
            InvalidRequestError: The query means nothing.
            StoreError: The events cannot be read.
        """
        if kind is ExportFormat.HTML:
            most = min(most, MOST_ON_PAGE)
        reading = EventReading(self._kept, query, most, hide)
        await reading.begin()
        chunks = self._pieces(reading, kind, "Events", ())
        return Export(self._name("events", kind), kind, _gathered(chunks))

    async def conversation(
        self, conversation: str, kind: ExportFormat, *, hide: Hide | None = None
    ) -> Export:
        """Return a conversation: what it came to, and its events.

        Raises:
            NotFoundError: Nothing is known of it.
            StoreError: Its events cannot be read.
        """
        whole = await self._conversations.events(conversation)
        account = await to_thread.run_sync(_account, whole.events, hide)
        most = MOST_ON_PAGE if kind is ExportFormat.HTML else MOST_EVENTS
        query = EventQuery(links=Links(conversation=conversation))
        reading = EventReading(self._kept, query, most, hide)
        await reading.begin()
        if kind is ExportFormat.HTML:
            page = await to_thread.run_sync(lambda: tuple(account_page(account)))
            left_out = () if whole.complete else ("<p>Its oldest events are not counted.</p>\n",)
            before: Iterable[str] = (*left_out, *page, "<h2>Events</h2>\n")
        else:
            told = {
                "conversation": account, "counted_all": whole.complete,
                "timeline": make_timeline(account),
            }  # fmt: skip
            before = (_line(told)[1:-1].decode() + ",",)
        chunks = self._pieces(reading, kind, account_title(account), before)
        return Export(self._name(f"conversation-{conversation}", kind), kind, _gathered(chunks))

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
        accounts: list[Account] = []
        for one in conversations:
            whole = await self._conversations.events(one)
            accounts.append(await to_thread.run_sync(_account, whole.events, hide))
        told = await to_thread.run_sync(compare, accounts)
        pieces = await to_thread.run_sync(partial(self._compared, told, kind))
        return Export(self._name("comparison", kind), kind, _gathered(_given(pieces)))

    async def _pieces(
        self, reading: EventReading, kind: ExportFormat, title: str, before: Iterable[str]
    ) -> AsyncIterator[bytes]:
        """Yield a file of events.

        Args:
            before: What stands before them: members of an object, or parts of a page.
        """
        head, between, foot = self._frame(kind, title, before)
        write = _WRITERS[kind]
        yield head
        async for kept in reading.events():
            yield write(kept) if reading.count == 1 else between + write(kept)
        yield foot(reading)

    def _frame(
        self, kind: ExportFormat, title: str, before: Iterable[str]
    ) -> tuple[bytes, bytes, Callable[[EventReading], bytes]]:
        """Return what stands before, between and behind the events."""
        match kind:
            case ExportFormat.JSON:
                head = b'{"exported_at":' + _line(self._clock.now()) + b","
                head += "".join(before).encode() + b'"events":[\n'
                return head, b",\n", lambda one: b'\n],"export":' + _line(one.ending) + b"}\n"
            case ExportFormat.JSONL:
                return b"", b"", lambda one: _line({"export": one.ending}) + b"\n"
            case ExportFormat.CSV:
                return write_row(EVENT_COLUMNS), b"", _csv_foot
            case ExportFormat.HTML:
                head = "".join((page_head(title), *before)).encode()
                made = self._made()
                return head, b"", lambda one: page_end(f"{_told(one)} {made}").encode()

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
            case ExportFormat.HTML:
                ending = f"{told.left_out} more steps are left out. " if told.left_out else ""
                page = (
                    page_head("Conversations side by side"), *comparison_page(told),
                    page_end(ending + self._made()),
                )  # fmt: skip
                return [one.encode() for one in page]

    def _made(self) -> str:
        return f"Exported {self._clock.now():%Y-%m-%d %H:%M} UTC."

    def _name(self, what: str, kind: ExportFormat) -> str:
        plain = re.sub(r"[^A-Za-z0-9-]+", "-", what)[:80].strip("-")
        return f"iterm-mcp-{plain}-{self._clock.now():%Y%m%d-%H%M%S}.{kind.value}"


def _account(events: Sequence[Event], hide: Hide | None) -> Account:
    return make_account(events if hide is None else [hide(one) for one in events])


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
    ExportFormat.HTML: lambda one: event_item(one).encode(),
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
