"""A recording made into what others read: asciicast v3 or v2, or plain text."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.host import tree
from iterm_mcp.host.engine import Engine
from iterm_mcp.host.recording.asciicast import OLD_CODES, OUTPUT, RESIZE, Event, event_line
from iterm_mcp.host.recording.reader import Cast, read_size
from iterm_mcp.host.recording.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.host.lines import Line
    from iterm_mcp.host.recording.asciicast import Header

MAX_LINES = 1_000_000
"""So many lines a recording's text has at most, the last ones."""

_PAGE_LINES = 1000


def cut(cast: Cast, begin: int, end: int | None) -> Cast:
    """Return what happened in a range of time, in milliseconds.

    It begins with the screen as it was then.
    """
    events = iter(cast.events)
    if begin <= 0:
        return Cast(cast.header, _until(events, end))
    first: list[Event] = []
    with closing(_Replay(cast.header)) as replay:
        for event in events:
            if event.at >= begin:
                first.append(event)
                break
            replay.feed(event)
        screen = Screen.of(replay.engine)
    stamp = cast.header.timestamp
    header = replace(
        cast.header,
        columns=screen.columns,
        rows=screen.rows,
        timestamp=None if stamp is None else stamp + begin // 1000,
    )

    def moved() -> Iterator[Event]:
        yield Event(0, OUTPUT, screen.draw())
        for source in (first, events):
            for event in source:
                yield event._replace(at=event.at - begin)

    return Cast(header, _until(moved(), None if end is None else end - begin))


def without_pauses(cast: Cast, longest: int) -> Cast:
    """Return the same with no pause longer than so many milliseconds."""

    def shortened() -> Iterator[Event]:
        at = before = 0
        for event in cast.events:
            at += min(event.at - before, longest)
            before = event.at
            yield event._replace(at=at)

    return Cast(replace(cast.header, idle_seconds=longest / 1000), shortened())


def cast_lines(cast: Cast, version: int) -> Iterator[bytes]:
    """Yield the lines of a file of version 3 or 2; what that version does not know is left out."""
    yield cast.header.line(version)
    before = 0
    for event in cast.events:
        if version == 3:  # noqa: PLR2004 - the format's own number
            yield event_line(event, before)
            before = event.at
        elif event.code in OLD_CODES:
            yield event_line(event, 0)


def text_lines(cast: Cast, begin: int = 0, end: int | None = None) -> Iterator[str]:
    """Yield the lines that a terminal shows at the end of a range, those above its screen too.

    Lines that scrolled away before the range are left out; those that were wrapped are whole.
    What was drawn on the alternate screen is shown only if it is still there at the end.
    """
    with closing(_Replay(cast.header)) as replay:
        for event in _until(iter(cast.events), end):
            if event.at >= begin > 0 and replay.first is None:
                replay.begin_here()
            replay.feed(event)
        yield from replay.lines()


def _until(events: Iterable[Event], end: int | None) -> Iterator[Event]:
    for event in events:
        if end is not None and event.at > end:
            return
        yield event


class _Replay:
    """A terminal that shows a recording.

    Attributes:
        first: The line that text begins with; None for the first there is.
    """

    def __init__(self, header: Header) -> None:
        columns, rows = (tree.within_bounds(one) for one in (header.columns, header.rows))
        self.engine = Engine(columns, rows, scrollback=MAX_LINES, on_osc=lambda _event: None)
        self.first: int | None = None

    def feed(self, event: Event) -> None:
        if event.code == OUTPUT:
            self.engine.feed(event.data.encode())
            self.engine.take_replies()
        elif event.code == RESIZE and (size := read_size(event.data)) is not None:
            columns, rows = (tree.within_bounds(one) for one in size)
            follow = [] if self.first is None else [(0, self.first)]
            for place in self.engine.resize(columns, rows, follow=follow):
                self.first = None if place is None else place[1]

    def begin_here(self) -> None:
        self.first = self.engine.cursor[1]

    def lines(self) -> Iterator[str]:
        """Yield the lines, without the empty ones at the end."""
        whole, empty = "", 0
        for line in self._rows():
            whole += line.text.replace("\0", " ")
            if line.soft_wrapped:
                continue
            if text := whole.rstrip(" "):
                yield from [""] * empty
                yield text
            empty = 0 if text else empty + 1
            whole = ""
        if whole:
            yield from [*[""] * empty, whole]

    def _rows(self) -> Iterator[Line]:
        engine = self.engine
        end = engine.overflow + engine.history + engine.rows
        for first in range(max(self.first or 0, engine.overflow), end, _PAGE_LINES):
            yield from engine.lines(first, _PAGE_LINES, styles=False)

    def close(self) -> None:
        self.engine.close()
