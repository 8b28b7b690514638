"""Ids of marks that stay when lines move, so that a second scan finds the same ones. Pure.

A mark is known by what it says and by what is next to it. Where it stands does not count: lines may
be added above, blocks indented, files renamed. Of marks that are alike in both, the first one is
the first one.

What is next to a mark may change while it stands. A mark that has a task is then known again by
what it says and its file, or by what it says alone where nobody else says it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Protocol, TypeVar

from iterm_mcp.models.backlog import MarkId

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

DIGITS = 12


class Seen(Protocol):
    """What a mark is known by."""

    @property
    def content(self) -> str:
        """A digest of what it says."""

    @property
    def place(self) -> str:
        """A digest of what is next to it."""

    @property
    def path(self) -> str:
        """Where it stands."""


class Known(Seen, Protocol):
    """A mark that has an id."""

    @property
    def mark_id(self) -> MarkId:
        """Its id."""


S = TypeVar("S", bound=Seen)


def content_of(tag: str, text: str) -> str:
    """Return the digest of what a mark says; who is named, and how it is spaced, do not count."""
    return _digest(tag.upper(), text)


def place_of(before: str, own: str, after: str) -> str:
    """Return the digest of what is next to a mark: lines, and what is left of it on its own."""
    return _digest(before, own, after)


def identify(found: Sequence[Seen], known: Iterable[Known] = ()) -> tuple[MarkId, ...]:
    """Return an id for each mark, in the same order; no two are the same.

    Args:
        found: All marks of a repository, in a fixed order.
        known: Marks of the same repository that were given ids before. Those without a path are
            gone: one that says the same elsewhere is another one.
    """
    given: dict[int, MarkId] = {}
    left = {one.mark_id: one for one in known}
    taken = set(left)
    _hand_on(found, left, given, lambda one: (one.content, one.place, one.path), alone=False)
    _hand_on(found, left, given, lambda one: (one.content, one.place), alone=False)
    _hand_on(found, left, given, lambda one: (one.content, one.path), alone=False)
    standing = {name: one for name, one in left.items() if one.path}
    _hand_on(found, standing, given, lambda one: one.content, alone=True)
    counts: Counter[tuple[str, str]] = Counter()
    for number, one in enumerate(found):
        while number not in given:
            alike = (one.content, one.place)
            fresh = MarkId(_digest(*alike, str(counts[alike])))
            counts[alike] += 1
            if fresh not in taken:
                given[number] = fresh
                taken.add(fresh)
    return tuple(given[number] for number in range(len(found)))


def _hand_on(
    found: Sequence[S],
    left: dict[MarkId, Known],
    given: dict[int, MarkId],
    key: Callable[[Seen], Hashable],
    *,
    alone: bool,
) -> None:
    """Give ids of known marks to found ones with the same key, in their order.

    Args:
        alone: Only where one known and one found mark have it.
    """
    olds: defaultdict[Hashable, list[MarkId]] = defaultdict(list)
    for mark_id, one in left.items():
        olds[key(one)].append(mark_id)
    news: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number, one_found in enumerate(found):
        if number not in given and key(one_found) in olds:
            news[key(one_found)].append(number)
    for shared, numbers in news.items():
        if alone and (len(numbers) > 1 or len(olds[shared]) > 1):
            continue
        for number, mark_id in zip(numbers, olds[shared], strict=False):
            given[number] = mark_id
            del left[mark_id]


def _digest(*parts: str) -> str:
    text = "\0".join(" ".join(part.split()) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
