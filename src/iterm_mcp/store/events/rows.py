"""Events as rows of the tables, and rows as events. No I/O."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.events import (
    MAX_BODY_BYTES,
    MAX_KEY_CHARACTERS,
    MAX_NAME_CHARACTERS,
    Cost,
    CostBasis,
    Event,
    EventKind,
    EventNumber,
    KeptEvent,
    Links,
    TokenUsage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Column = str | int | bytes | None

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LARGEST = 10**13
"""Of counts, nanodollars and microseconds: the sums of a file full of these still fit 64 bits."""

_to_json = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode
_PLAIN_TYPES = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

ROW_BYTES = 400
"""What an event takes beside its own texts, about."""

FAILURES = {
    EventKind.TURN_FAILED,
    EventKind.TOOL_FAILED,
    EventKind.AGENT_CRASHED,
}

_links = attrgetter(*(one.name for one in fields(Links)))
_usage = attrgetter(*(one.name for one in fields(TokenUsage)))
_NO_USAGE = (None,) * len(fields(TokenUsage))


class Row(NamedTuple):
    """An event, ready to be stored but for its number and the time of keeping.

    Attributes:
        columns: After ``number``, ``at``, ``kept_at``.
        size: Bytes, about.
    """

    event: Event
    hash: bytes
    at: int
    columns: tuple[Column, ...]
    subject: str
    text: str
    payload: str | None
    size: int


def to_row(event: Event) -> Row:
    """Return an event as it is stored.

    Raises:
        InvalidRequestError: Something in it is too large, or cannot be.
    """
    usage = _NO_USAGE if event.usage is None else _usage(event.usage)
    names: tuple[str, ...] = (event.source, event.subject, *_links(event.links))
    together = "".join(names)  # one look at all of them: nearly always there is nothing to mend
    _check(event, names, len(together), usage)
    if not together.isascii():
        names = tuple(map(_plain, names))
    source, subject, *links = names
    text = _plain(event.text)
    payload = _payload(event) if event.payload else None
    size = _bytes(text) + (_bytes(payload) if payload else 0)
    if size > MAX_BODY_BYTES:
        raise _refused(
            f"text and payload have {size} bytes, more than {MAX_BODY_BYTES}",
            code="event_too_large",
        )
    cost = event.cost
    digest = key_hash(event.key)
    columns: tuple[Column, ...] = (
        event.kind.value,
        source,
        subject or None,
        *[one or None for one in links],
        None if event.duration_seconds is None else round(event.duration_seconds * 1e6),
        int(is_failure(event)),
        *usage,
        None if cost is None else cost.nanodollars,
        None if cost is None else cost.basis.value,
        digest,
    )
    return Row(
        event, digest, to_micros(event.at), columns, subject, text, payload, size + ROW_BYTES
    )


def to_event(columns: Sequence[Any], body: tuple[str, str, str | None]) -> KeptEvent:
    """Return the event of a row and its body: key, text, payload."""
    number, at, kept_at, kind, source, subject = columns[:6]
    duration, _, *rest = columns[18:]
    usage, nanodollars, basis = rest[:6], rest[6], rest[7]
    key, text, payload = body
    return KeptEvent(
        EventNumber(number),
        from_micros(kept_at),
        Event(
            key=key,
            at=from_micros(at),
            kind=EventKind(kind),
            source=source,
            subject=subject or "",
            text=text,
            links=Links(*(one or "" for one in columns[6:18])),
            payload=json.loads(payload) if payload else {},
            duration_seconds=None if duration is None else duration / 1e6,
            usage=None if usage[0] is None else TokenUsage(*usage),
            cost=None if basis is None else Cost(nanodollars, CostBasis(basis)),
        ),
    )


def key_hash(key: str) -> bytes:
    """Return the 16 bytes that stand for a key."""
    return hashlib.blake2b(_plain(key).encode(), digest_size=16).digest()


def to_micros(at: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the time that `to_micros` was given."""
    return EPOCH + timedelta(microseconds=micros)


def is_failure(event: Event) -> bool:
    """Tell whether something went wrong: in a chart, these are the failures."""
    if event.kind is EventKind.COMMAND_ENDED:
        return event.payload.get("exit_status") not in {0, None}
    return event.kind in FAILURES


def _payload(event: Event) -> str:
    """Return the payload as JSON: quickly, and where that may not be the same, exactly."""
    payload = dict(event.payload)
    try:
        text = orjson.dumps(payload, None, _PLAIN_TYPES)
        if b"null" not in text:  # which is made of NaN too
            return text.decode()
    except TypeError:  # keys that are no texts, large numbers, text that is no Unicode, depth
        pass
    try:
        return _plain(_to_json(payload))
    except (ValueError, TypeError, RecursionError) as error:
        raise _refused(f"its payload is no JSON: {error}") from None


def _check(
    event: Event, names: tuple[str, ...], together: int, usage: tuple[int | None, ...]
) -> None:
    if not 0 < len(event.key) <= MAX_KEY_CHARACTERS:
        raise _refused(f"a key of {len(event.key)} characters", code="event_too_large")
    if _plain(event.key) != event.key:
        raise _refused("its key is no Unicode")
    if together > MAX_NAME_CHARACTERS and max(map(len, names)) > MAX_NAME_CHARACTERS:
        longest = max(names, key=len)
        raise _refused(
            f"{shown(longest)!r} has {len(longest)} characters, more than {MAX_NAME_CHARACTERS}",
            code="event_too_large",
        )
    if event.at.tzinfo is None:
        raise _refused("its time has no zone")
    if event.usage is not None or event.cost is not None:
        amounts = (*usage, None if event.cost is None else event.cost.nanodollars)
        if any(one is not None and not 0 <= one <= LARGEST for one in amounts):
            raise _refused(f"an amount of tokens or money out of range: {amounts}")
    seconds = event.duration_seconds
    if seconds is not None and not 0 <= seconds <= LARGEST / 1e6:
        raise _refused(f"a duration of {seconds} s")


def _refused(what: str, code: str = "bad_event") -> InvalidRequestError:
    return InvalidRequestError(
        f"this event cannot be kept: {what}", hint="Cut it before it is handed over.", code=code
    )


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _plain(text: str) -> str:
    """Return text as it can be stored: what a terminal printed may be no Unicode."""
    return text if text.isascii() else text.encode(errors="replace").decode()
