"""Several who are told of what was taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.events import Event, Kept
    from iterm_mcp.services.events.intake import IntakeObserver


class IntakeObservers:
    """Tells all observers, in the order in which they were added."""

    def __init__(self, *observers: IntakeObserver) -> None:
        self._observers = list(observers)

    def add(self, observer: IntakeObserver) -> None:
        """Have one more told, from now on."""
        self._observers.append(observer)

    def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
        """Tell all of events that are kept."""
        for one in self._observers:
            one.events_kept(events, kept)
