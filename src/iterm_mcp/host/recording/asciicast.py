"""The asciicast formats, versions 3 and 2, line by line. Pure.

A file is one JSON object, the header, and then one JSON array an event, each on a line of its own.
Version 3 counts an event's time from the event before, version 2 from the beginning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import NamedTuple

from iterm_mcp.host.json_values import read_json

OUTPUT, INPUT, RESIZE, MARKER, EXIT = "o", "i", "r", "m", "x"

OLD_CODES = {OUTPUT, INPUT, RESIZE, MARKER}
"""What version 2 knows."""

_COMMENT = b"#"

ENDED = _COMMENT + b" ended\n"
"""The last line of a recording that was ended by its host: a comment, which players pass over."""

_EVENT_PARTS = 3


class CastError(Exception):
    """What should be an asciicast is none; the text says why."""


class Event(NamedTuple):
    """What happened, so many milliseconds after the beginning."""

    at: int
    code: str
    data: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording says of itself.

    Attributes:
        terminal: The value of ``TERM``; empty when unknown.
        timestamp: When it began, in seconds since 1970; None when unknown.
        idle_seconds: Players shorten longer pauses to this; None when they need not.
        env: Some of the environment, for whoever wonders why it looks as it does.
    """

    columns: int
    rows: int
    terminal: str = ""
    timestamp: int | None = None
    idle_seconds: float | None = None
    title: str = ""
    env: dict[str, str] = field(default_factory=dict)

    def line(self, version: int = 3) -> bytes:
        """Return it as a file's first line; what is not known is left out."""
        size: dict[str, object]
        if version == 3:  # noqa: PLR2004 - the format's own number
            term = {"cols": self.columns, "rows": self.rows, "type": self.terminal or None}
            size = {"term": {key: value for key, value in term.items() if value}}
        else:
            size = {"width": self.columns, "height": self.rows}
        rest = {
            "timestamp": self.timestamp,
            "idle_time_limit": self.idle_seconds,
            "title": self.title or None,
            "env": self.env or None,
        }
        known = {key: value for key, value in rest.items() if value is not None}
        text = json.dumps({"version": version, **size, **known}, ensure_ascii=False)
        return text.encode(errors="replace") + b"\n"


def event_line(event: Event, before: int) -> bytes:
    """Return an event as a line.

    Args:
        before: The time of the event before in version 3, and always 0 in version 2.
    """
    passed = max(0, event.at - before) / 1000
    line = f"[{passed:.3f}, {encode_basestring(event.code)}, {encode_basestring(event.data)}]\n"
    return line.encode(errors="replace")  # half of a surrogate pair has no encoding


def read_header(line: bytes) -> Header:
    """Read a version 3 file's first line.

    Raises:
        CastError: It is none.
    """
    try:
        found = read_json(line.decode())
        term = found["term"]
        idle = found.get("idle_time_limit")
        stamp = found.get("timestamp")
        header = Header(
            columns=int(term["cols"]),
            rows=int(term["rows"]),
            terminal=str(term.get("type") or ""),
            timestamp=None if stamp is None else int(stamp),
            idle_seconds=None if idle is None else float(idle),
            title=str(found.get("title") or ""),
            env={str(key): str(value) for key, value in (found.get("env") or {}).items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise CastError("it does not begin with the header of an asciicast v3") from None
    if found["version"] != 3:  # noqa: PLR2004 - the format's own number
        raise CastError(f"it is an asciicast v{found['version']}, and no v3")
    return header


def read_event(line: bytes, before: int) -> Event | None:
    """Read a version 3 file's event; None when the line is a comment or empty.

    Args:
        before: The time of the event before.

    Raises:
        CastError: It is no event.
    """
    if line.startswith(_COMMENT) or not line.strip():
        return None
    try:
        found = read_json(line.decode())
        if not isinstance(found, list) or len(found) != _EVENT_PARTS:
            raise CastError(f"no event: {line[:60]!r}")
        interval, code, data = found
        return Event(before + max(0, round(float(interval) * 1000)), str(code), str(data))
    except (ValueError, TypeError, OverflowError):
        raise CastError(f"no event: {line[:60]!r}") from None
