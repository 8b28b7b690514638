"""Reads a recording back: all its parts as one, a line at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.host.recording.asciicast import (
    ENDED,
    EXIT,
    OUTPUT,
    RESIZE,
    CastError,
    Event,
    Header,
    read_event,
    read_header,
)
from iterm_mcp.host.recording.screen import is_drawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Cast:
    """A recording: its header, and its events in order, which can be read once."""

    header: Header
    events: Iterable[Event]


def read_cast(parts: Sequence[Path]) -> Cast:
    """Open a recording.

    A last line that is torn is left out. In later parts the screen that each begins with is left
    out too: it is there already.

    Args:
        parts: Its files, the oldest first.

    Raises:
        CastError: It is none; reading the events raises it too.
        OSError: It cannot be read; reading the events raises it too.
    """
    with parts[0].open("rb") as file:
        header = _header(file.readline(), parts[0])
    return Cast(header, _events(parts, header))


def ending(path: Path) -> str | None:
    """Return how a recording's last part says that it ended; None when it was cut off.

    It is the program's exit status, or empty where the recording ended before the program.

    Raises:
        OSError: It cannot be read.
    """
    told = None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = file.read().split(b"\n")
    for line in reversed(lines[1:]):
        try:
            event = read_event(line, 0)
        except CastError:
            return told
        if event is not None:
            return event.data if event.code == EXIT else told
        if line + b"\n" == ENDED:
            told = ""
    return told


def _events(parts: Sequence[Path], header: Header) -> Iterator[Event]:
    at = 0
    size = header.columns, header.rows
    for index, path in enumerate(parts):
        begins = index > 0
        with path.open("rb") as file:
            own = _header(file.readline(), path)
            if begins and (own.columns, own.rows) != size:
                yield Event(at, RESIZE, f"{own.columns}x{own.rows}")
            for line in file:
                event = read_event(line, at) if line.endswith(b"\n") else None
                if event is None:
                    continue
                at = event.at
                if begins and event.code == OUTPUT:
                    begins = False
                    if is_drawn(event.data):
                        continue
                if event.code == RESIZE:
                    size = read_size(event.data) or size
                yield event


def read_size(data: str) -> tuple[int, int] | None:
    """Return the columns and rows of a resize; None when it names none."""
    columns, _, rows = data.partition("x")
    if not (columns.isdecimal() and rows.isdecimal() and int(columns) and int(rows)):
        return None
    return int(columns), int(rows)


def _header(line: bytes, path: Path) -> Header:
    try:
        return read_header(line)
    except CastError as error:
        raise CastError(f"{path.name}: {error}") from None
