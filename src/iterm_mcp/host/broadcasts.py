"""Which sessions are typed into together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Domains:
    """Sets of sessions, disjoint, each of at least two.

    The methods that change something tell whether they did: the order counts for nothing.
    """

    def __init__(self) -> None:
        self._domains: list[tuple[str, ...]] = []

    def listing(self) -> Sequence[Sequence[str]]:
        """Return all domains, as they were set."""
        return self._domains

    def together(self, session_id: str) -> Sequence[str]:
        """Return the sessions that what is typed into one goes to, itself included."""
        return next((one for one in self._domains if session_id in one), (session_id,))

    def replace(self, domains: Iterable[Iterable[str]]) -> bool:
        """Have these domains and no others; a session alone broadcasts to nobody."""
        before = {frozenset(one) for one in self._domains}
        self._domains = [one for one in map(tuple, domains) if len(one) > 1]
        return {frozenset(one) for one in self._domains} != before

    def keep(self, windows: Mapping[str, str]) -> bool:
        """Let go of sessions that are gone, or have left the window of their domain's first.

        Args:
            windows: The window of each session that stands in one.
        """
        kept = []
        for domain in self._domains:
            here = [one for one in domain if one in windows]
            kept.append([one for one in here if windows[one] == windows[here[0]]])
        return self.replace(kept)
