"""Values of labels that users make: as many as a registry can bear, and no more."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHER = "other"
"""Stands for all that came too late to have a value of their own."""

NAMELESS = "none"
"""Stands for an empty name: to Prometheus an empty label is one that is not there."""

MOST_NAMES = 20
MOST_MODELS = 30
NAME_CHARACTERS = 80
"""Of a longer name only so many are told, so that a scrape's size is bounded, too."""


class Bounded:
    """Lets the first names through and calls the rest ``other``, for as long as the daemon runs.

    A name that was let through once stays: what counted under it goes on counting there. It may be
    asked from any thread, and costs one look into a dict for a name that is known.

    Args:
        most: How many names are let through; ``other`` is one more.
        known: Names that are let through whatever came before, such as built-in ones; they are
            not counted among `most`.
    """

    def __init__(self, most: int = MOST_NAMES, known: Iterable[str] = ()) -> None:
        self._most = most
        self._told = {OTHER: OTHER}
        for name in known:
            self._told[name] = _clean(name)
        self._own = len(self._told)
        self._adding = Lock()

    def __call__(self, name: str) -> str:
        """Return the label's value for a name."""
        told = self._told.get(name)
        if told is not None:
            return told
        return OTHER if self._full else self._first(name)

    @property
    def _full(self) -> bool:
        return len(self._told) - self._own >= self._most

    def _first(self, name: str) -> str:
        """Give a new name its value, unless there are enough by now."""
        with self._adding:
            if self._full:
                return self._told.get(name, OTHER)
            return self._told.setdefault(name, _clean(name))

    def sums(self, numbers: Iterable[tuple[str, float]]) -> dict[str, float]:
        """Return what each value's names have together: for gauges that are read at a scrape."""
        found: dict[str, float] = {}
        for name, number in numbers:
            told = self(name)
            found[told] = found.get(told, 0) + number
        return found


def _clean(name: str) -> str:
    """Return a name that can stand in a scrape: half a surrogate pair would end all of it."""
    return name[:NAME_CHARACTERS].encode("utf-8", "replace").decode("utf-8") or NAMELESS
