"""Recordings of terminals, told anew: with markers, short pauses, and without secrets. Pure.

The format is asciicast v3 (docs.asciinema.org/manual/asciicast/v3): a header, then an event a line,
each with the seconds since the one before.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from iterm_mcp.services.events.redaction import find_secrets
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

IDLE_MILLISECONDS = 2000
"""Longer pauses are shortened to it."""

WINDOW_CHARACTERS = 256 << 10
HELD_CHARACTERS = 32 << 10
"""Of the end of a window that are looked at again with the next: a secret may go on there."""

MOST_LABEL = 100
_OUTPUT, _INPUT, _MARKER = "o", "i", "m"
_PARTS = 3

_CLIPBOARD = re.compile(r"\x1b\]52;[^\x07\x1b]*(?:\x07|\x1b\\|$)")
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, and where the cursor goes
    r"|\x1b[\]PX^_](?:[^\x07\x1b]|\x1b(?!\\))*?(?:\x07|\x1b\\)"  # OSC, DCS, and what is like them
    r"|\x1b[ -/]*[0-~]"
    r"|[ ]\r(?!\n)"  # how shells go on in the next row
    r"|[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]"
)


class CastLineError(Exception):
    """What should be a line of an asciicast v3 is none."""


class Marker(NamedTuple):
    """Something that happened, so many milliseconds after the beginning."""

    at: int
    label: str


@dataclass(slots=True)
class _Shown:
    at: int
    code: str
    data: str


def play(
    lines: Iterable[bytes], markers: Sequence[Marker], title: str, *, idle: int = IDLE_MILLISECONDS
) -> Iterator[bytes]:
    """Yield the lines of a recording with markers in it.

    What was typed is left out, the clipboard too, and secrets in what was shown are starred.

    Args:
        markers: In the order of time; those after the end stand there.

    Raises:
        CastLineError: A line is none.
    """
    source = iter(lines)
    yield _header(next(source, b""), title, idle)
    before = 0
    waiting = list(reversed(markers))

    def line(at: int, code: str, data: str) -> bytes:
        nonlocal before
        passed = min(max(at - before, 0), idle)
        before = max(at, before)
        return _line(passed, code, data)

    for event in _starred(_events(source)):
        while waiting and waiting[-1].at <= event.at:
            one = waiting.pop()
            yield line(one.at, _MARKER, label_of(one.label))
        yield line(event.at, event.code, event.data)
    while waiting:
        one = waiting.pop()
        yield line(before, _MARKER, label_of(one.label))


def label_of(text: str) -> str:
    """Return what a marker says: one short line."""
    plain = " ".join(sanitise(text[: 10 * MOST_LABEL]).split())
    return plain if len(plain) <= MOST_LABEL else f"{plain[: MOST_LABEL - 1]}…"


def star(text: str) -> list[str]:
    """Return what stands for each character of what a terminal is sent, secrets as stars.

    They are found also where colours change within them. The clipboard's content is left out.
    """
    made = list(text)
    for found in _CLIPBOARD.finditer(text):
        made[found.start() : found.end()] = [""] * (found.end() - found.start())
    for start, end in find_secrets(text):
        _cover(made, range(start, end))
    places: list[int] = []
    end = 0
    for found in _SEQUENCE.finditer(text):
        places.extend(range(end, found.start()))
        end = found.end()
    places.extend(range(end, len(text)))
    if len(places) < len(text):
        plain = "".join([text[place] for place in places])
        for start, stop in find_secrets(plain):
            _cover(made, places[start:stop])
    return made


def _cover(made: list[str], places: Iterable[int]) -> None:
    for place in places:
        if made[place].isprintable() and made[place]:
            made[place] = "*"


def _starred(events: Iterator[_Shown]) -> Iterator[_Shown]:
    """Yield the same events without secrets, also those that several events show together."""
    held: list[_Shown] = []
    size = 0
    for event in events:
        if event.code == _INPUT:
            continue
        held.append(event)
        size += len(event.data)
        if size >= WINDOW_CHARACTERS:
            _star_all(held)
            first, size = len(held) - 1, len(held[-1].data)
            while first and size + len(held[first - 1].data) <= HELD_CHARACTERS:
                first -= 1
                size += len(held[first].data)
            yield from held[:first]
            del held[:first]
    _star_all(held)
    yield from held


def _star_all(held: Sequence[_Shown]) -> None:
    shown = [one for one in held if one.code == _OUTPUT]
    made = star("".join(one.data for one in shown))
    start = 0
    for one in shown:
        end = start + len(one.data)
        one.data = "".join(made[start:end])
        start = end


def _header(line: bytes, title: str, idle: int) -> bytes:
    try:
        found = json.loads(line)
        term = {name: found["term"][name] for name in ("cols", "rows", "type", "theme")
                if name in found["term"]}  # fmt: skip
        kept = {"version": found["version"], "term": term}
        if "timestamp" in found:
            kept["timestamp"] = int(found["timestamp"])
    except (ValueError, TypeError, KeyError):
        raise CastLineError("it does not begin as an asciicast does") from None
    told = {**kept, "idle_time_limit": idle / 1000, "title": label_of(title)}
    return json.dumps(told, ensure_ascii=False).encode(errors="replace") + b"\n"


def _events(lines: Iterable[bytes]) -> Iterator[_Shown]:
    at = 0
    for line in lines:
        if line.startswith(b"#") or not line.strip():
            continue
        try:
            found = json.loads(line)
            if len(found) != _PARTS:
                raise CastLineError("a line is no event")
            at += max(0, round(float(found[0]) * 1000))
            yield _Shown(at, str(found[1]), str(found[2]))
        except (ValueError, TypeError, OverflowError):
            raise CastLineError("a line is no event") from None


def _line(passed: int, code: str, data: str) -> bytes:
    told = f"[{passed / 1000:.3f}, {json.dumps(code)}, {json.dumps(data, ensure_ascii=False)}]\n"
    return told.encode(errors="replace")
