"""What a query asks for, as conditions on the rows of one partition. No I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.event_queries import LINKS, MAX_LIMIT, EventQuery
from iterm_mcp.models.patterns import compile_pattern
from iterm_mcp.store.events.literals import required_words
from iterm_mcp.store.events.rows import to_micros
from iterm_mcp.store.events.schema import INDEXED
from iterm_mcp.store.events.words import full_text_query

if TYPE_CHECKING:
    from datetime import datetime

COLUMN_OF = {name: "agent_kind" if name == "kind" else name for name in LINKS}
"""Where each of `Links` stands."""

MAX_SOURCES = 100

_DIGEST_BYTES = 6


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that hold in every partition.

    Attributes:
        where: On the table ``events`` as ``e``; named parameters.
        index: The one that narrows most; empty where there is none.
        indexed: The condition that it serves.
        match: For the full-text index; empty without words.
        since, until: As microseconds.
        digest: Of everything but the limit and the cursor.
    """

    where: str
    parameters: dict[str, Any]
    index: str
    indexed: str
    match: str
    pattern: Any
    since: int | None
    until: int | None
    newest_first: bool
    limit: int
    digest: str

    @property
    def is_newest(self) -> bool:
        """Whether nothing is asked for but the newest."""
        return self.newest_first and self.where == "1" and not self.match and self.pattern is None


def select(query: EventQuery) -> Selection:
    """Return what a query asks for.

    Raises:
        InvalidRequestError: It asks for what cannot be.
    """
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidRequestError(
            f"a limit of {query.limit} events", hint=f"Ask for 1 to {MAX_LIMIT}, and page on."
        )
    if len(query.sources) > MAX_SOURCES:
        raise InvalidRequestError(
            f"{len(query.sources)} sources are more than {MAX_SOURCES}", hint="Name fewer, or none."
        )
    since, until = _micros(query.since), _micros(query.until)
    conditions: list[str] = []
    parameters: dict[str, Any] = {}

    def add(condition: str, **values: object) -> None:
        conditions.append(condition)
        parameters.update(values)

    if since is not None:
        add("e.at >= :since", since=since)
    if until is not None:
        add("e.at < :until", until=until)
    _add_any(add, "kind", {one.value for one in query.kinds})
    _add_any(add, "source", set(query.sources))
    if query.subject:
        add("substr(e.subject, 1, :subject_length) = :subject",
            subject=query.subject, subject_length=len(query.subject))  # fmt: skip
    for name, column in COLUMN_OF.items():
        if value := getattr(query.links, name):
            add(f"e.{column} = :{column}", **{column: value})
    _add_amounts(add, query)
    if query.failed is not None:
        add("e.failed = :failed", failed=int(query.failed))
    index, indexed = _index(query)
    match = full_text_query(query.words) if query.words else ""
    pattern, certain = _pattern(query)
    match = " AND ".join(filter(None, (match, certain)))
    return Selection(
        " AND ".join(conditions) or "1",
        parameters,
        index,
        indexed,
        match,
        pattern,
        since,
        until,
        query.newest_first,
        query.limit,
        _digest(query),
    )


def select_for_purge(query: EventQuery) -> Selection:
    """Return what is to be removed, oldest first.

    Raises:
        InvalidRequestError: It would be everything, or the query asks for what cannot be.
    """
    selection = select(replace(query, newest_first=False, limit=MAX_LIMIT, cursor=""))
    if not selection.parameters and not selection.match and selection.pattern is None:
        raise InvalidRequestError(
            "this would remove all events", hint="Say which: by time, words, links or kinds."
        )
    return selection


def to_cursor(number: int, selection: Selection) -> str:
    """Return where a page ended: behind the event of this number."""
    text = f"{number}.{selection.digest}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_cursor(cursor: str, selection: Selection) -> int | None:
    """Return behind which number to go on; None from the start.

    Raises:
        InvalidRequestError: It is none, or another query's.
    """
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
        number, digest = text.split(".")
        place = int(number)
    except (ValueError, binascii.Error):
        place, digest = 0, ""
    if digest != selection.digest or place < 0:
        raise InvalidRequestError(
            f"{shown(cursor)!r} is no cursor of this query",
            hint="Give one back as a page returned it, with the same query.",
            code="bad_cursor",
        )
    return place


def _add_any(add: Any, column: str, values: set[str]) -> None:  # noqa: ANN401 - a local function
    if values:
        names = {f"{column}{place}": value for place, value in enumerate(sorted(values))}
        add(f"e.{column} IN ({', '.join(f':{name}' for name in names)})", **names)


def _add_amounts(add: Any, query: EventQuery) -> None:  # noqa: ANN401 - a local function
    for name, column, sign, value, scale in (
        ("least_cost", "nanodollars", ">=", query.least_dollars, 1e9),
        ("most_cost", "nanodollars", "<=", query.most_dollars, 1e9),
        ("least_duration", "duration", ">=", query.least_seconds, 1e6),
        ("most_duration", "duration", "<=", query.most_seconds, 1e6),
    ):
        if value is not None:
            add(f"e.{column} {sign} :{name}", **{name: value * scale})
    if query.least_dollars is not None or query.most_dollars is not None:
        add("e.basis <> 'unpriced'")


def _pattern(query: EventQuery) -> tuple[Any, str]:
    """Return the compiled pattern, and what the full-text index can say about it."""
    if not query.pattern:
        return None, ""
    certain = required_words(query.pattern)
    return (
        compile_pattern(query.pattern, ignore_case=query.ignore_case),
        full_text_query(" ".join(certain)) if certain else "",
    )


def _index(query: EventQuery) -> tuple[str, str]:
    for name in INDEXED:
        if getattr(query.links, name):
            return f"events_{name}", f"e.{name} = :{name}"
    if len(query.kinds) == 1:
        return "events_kind", "e.kind IN (:kind0)"
    return "", ""


def _micros(at: datetime | None) -> int | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidRequestError(f"the time {at} has no zone", hint="Give one with a zone.")
    return to_micros(at)


def _digest(query: EventQuery) -> str:
    plain = replace(query, limit=1, cursor="", kinds=frozenset(), sources=frozenset())
    text = repr((plain, sorted(query.kinds), sorted(query.sources)))
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()
