"""What agents and teams may be called, and how to help with a name that nobody has. Pure."""

from __future__ import annotations

import re
from bisect import bisect
from difflib import get_close_matches
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
RESERVED = frozenset({"all", "broadcast", "active"})
"""Words that mean a target of their own; refused in any case."""

NOTE_LIMIT = 1000
"""The most characters of a role or a description."""


def check_name(kind: str, name: str) -> None:
    """See that an agent or a team may bear this name.

    Raises:
        InvalidRequestError: It has other characters, is too long, empty or reserved.
    """
    if not NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name[:80]!r} cannot be the name of {_article(kind)} {kind}",
            hint="Use 1 to 64 letters, digits, dots, underscores and hyphens.",
        )
    if name.lower() in RESERVED:
        raise InvalidRequestError(
            f"{name!r} cannot be the name of {_article(kind)} {kind}: the word is reserved",
            hint=f"Choose a name other than {', '.join(sorted(RESERVED))}.",
        )


def check_note(what: str, text: str) -> None:
    """See that a role or a description is a short line of printable text.

    Raises:
        InvalidRequestError: It is too long or has control characters.
    """
    if len(text) > NOTE_LIMIT or not text.isprintable():
        raise InvalidRequestError(
            f"the {what} must be printable text of at most {NOTE_LIMIT} characters",
            hint="Shorten it, and put it on one line.",
        )


def not_found(kind: str, name: str, known: Iterable[str]) -> NotFoundError:
    """Return the error for a name that nobody has; its hint holds the ones most like it."""
    name = name[:80]
    alike = get_close_matches(name, _neighbours(name, known), n=3, cutoff=0.6)
    if alike:
        return NotFoundError(kind, name, hint=f"Did you mean {' or '.join(alike)}?")
    return NotFoundError(kind, name, hint=f"Call list_{kind}s to see which there are.")


def _neighbours(name: str, known: Iterable[str]) -> list[str]:
    """Return up to 200 names, those next to it in the alphabet: comparing costs 10 us each."""
    names = sorted(known)
    place = bisect(names, name)
    return names[max(0, place - 100) : place + 100]


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
