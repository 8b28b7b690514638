"""Records of what was done, each bound to the one before it. Pure.

A record is a line of JSON. Its last member, ``hash``, is the SHA-256 of the line without it;
its ``prev`` is the hash of the record before. Who changes, removes or adds a record in the
middle breaks the chain there. Who may write the file can still write all of it anew, or drop
its end: whoever wants to notice that keeps the newest hash somewhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOTHING_BEFORE = "0" * 64

_HASH = b',"hash":"'
_END = b'"}'


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain stands: its newest record's number and hash."""

    number: int = 0
    hash: str = NOTHING_BEFORE


class BrokenChainError(Exception):
    """A record does not follow from the one before it.

    Attributes:
        number: How many lines were sound before it.
    """

    def __init__(self, reason: str, number: int) -> None:
        super().__init__(reason)
        self.number = number


def seal(record: Mapping[str, object], last: Link) -> tuple[bytes, Link]:
    """Return a record as the line that follows `last`, and where the chain stands then."""
    number = last.number + 1
    body = json.dumps({"number": number, **record, "prev": last.hash}, separators=(",", ":"))
    text = body.encode()
    digest = hashlib.sha256(text).hexdigest()
    return text[:-1] + _HASH + digest.encode() + _END + b"\n", Link(number, digest)


def check(lines: Iterable[bytes]) -> tuple[int, Link]:
    """Check lines that begin anywhere in a chain; return how many there are, and the last.

    Raises:
        BrokenChainError: One does not follow from the one before it, or is no record.
    """
    count, last = 0, Link()
    for line in lines:
        link, prev = _read(line, count)
        if count and prev != last.hash:
            raise BrokenChainError("does not follow from the record before it", count)
        if count and link.number != last.number + 1:
            raise BrokenChainError(f"is number {link.number} after {last.number}", count)
        if not count and link.number == 1 and prev != NOTHING_BEFORE:
            raise BrokenChainError("is number 1, and yet something stood before it", count)
        count, last = count + 1, link
    return count, last


def end_of(line: bytes) -> Link:
    """Return where a chain stands that ends in this line.

    Raises:
        BrokenChainError: It is no sound record.
    """
    return _read(line, 0)[0]


def digest_of(arguments: Mapping[str, object], key: bytes) -> dict[str, object]:
    """Return what is kept of a call's arguments: how long they are, and a keyed digest.

    Equal arguments have equal digests. Without the key nobody finds short ones by trying.
    """
    text = json.dumps(arguments, sort_keys=True, default=str).encode()
    return {"bytes": len(text), "digest": hmac.new(key, text, "sha256").hexdigest()}


def _read(line: bytes, count: int) -> tuple[Link, str]:
    body, found, end = line.rstrip(b"\n").rpartition(_HASH)
    digest = end.removesuffix(_END).decode(errors="replace")
    if not found or hashlib.sha256(body + b"}").hexdigest() != digest:
        raise BrokenChainError("was changed: its hash is another", count)
    try:
        record = json.loads(body + b"}")
        return Link(int(record["number"]), digest), str(record["prev"])
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenChainError("is no record", count) from error
