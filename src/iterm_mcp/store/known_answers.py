"""Answers that are good for as long as what they were made from is the same. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")


class KnownAnswers(Generic[T]):
    """The answers that were asked for last, each with the version of what it was made from.

    The version is looked at before the answer is made: what changes meanwhile may be in the
    answer, and makes it be made anew.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, tuple[object, T]] = OrderedDict()

    def find(self, question: Hashable, version: object) -> T | None:
        """Return the answer of this very version; None when it has to be made."""
        found = self._known.get(question)
        if found is None or found[0] != version:
            return None
        self._known.move_to_end(question)
        return found[1]

    def keep(self, question: Hashable, version: object, answer: T) -> None:
        """Keep an answer in place of an older one."""
        self._known[question] = version, answer
        self._known.move_to_end(question)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
