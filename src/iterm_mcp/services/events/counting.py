"""What kept events come to for who counts: tokens, money and turns, each event once.

It follows the store from where it stood when the daemon began. What is told again has the same key
and is kept once, so it is counted once, too.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import structlog

from iterm_mcp.errors import StoreError
from iterm_mcp.models.events import EventKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from datetime import datetime

    from iterm_mcp.models.events import Cost, Event, KeptEvent, TokenUsage

T = TypeVar("T")

log = structlog.get_logger()

RETRY_SECONDS = 2.0
MOST_TURNS = 5000
"""Turns that are remembered: those under way, and those that have ended and may be told of once
more by another source."""

TURN_ENDS = {
    EventKind.TURN_ENDED: "done",
    EventKind.TURN_FAILED: "failed",
    EventKind.TURN_INTERRUPTED: "interrupted",
}


class KeptEvents(Protocol):
    """The store of events."""

    def after(self, number: int) -> AsyncGenerator[tuple[KeptEvent, ...], None]:
        """Yield all events behind a number as they are kept."""


class SpendingObserver(Protocol):
    """Is told what answers of models spent."""

    def spent(self, model: str, usage: TokenUsage, cost: Cost | None) -> None:
        """Note one answer. Must not raise."""


class TurnObserver(Protocol):
    """Is told of turns."""

    def turn_ended(self, kind: str, outcome: str, seconds: float | None) -> None:
        """Note a turn: ``done``, ``failed`` or ``interrupted``. Must not raise.

        Args:
            seconds: None where nobody saw it begin.
        """


class EventCounter:
    """Tells observers of events, as they are kept."""

    def __init__(
        self,
        spending: SpendingObserver,
        turns: TurnObserver,
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._spending = spending
        self._turns = turns
        self._pause = pause
        self._begun: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._ended: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def follow(self, events: KeptEvents, number: int) -> None:
        """Tell of all events behind a number, until the store closes."""
        while True:
            try:
                async with aclosing(events.after(number)) as stream:
                    async for kept in stream:
                        self.count([one.event for one in kept])
                        number = int(kept[-1].number)
            except StoreError as error:
                log.warning("events_not_counted", reason=str(error))
                await self._pause(RETRY_SECONDS)
            else:
                return

    def count(self, events: Sequence[Event]) -> None:
        """Tell of some events."""
        for event in events:
            if event.usage is not None:
                self._spending.spent(event.links.model, event.usage, event.cost)
            if event.links.agent and not event.links.subagent:
                self._note_turn(event)

    def _note_turn(self, event: Event) -> None:
        outcome = TURN_ENDS.get(event.kind)
        turn = event.links.conversation or event.links.agent, event.links.turn
        if event.kind is EventKind.PROMPT_SUBMITTED:
            known = self._begun.get(turn) if event.links.turn else None
            _remember(self._begun, turn, known or event.at)
        elif outcome is not None:
            begun = self._begun.pop(turn, None)
            if turn in self._ended and begun is None:
                return  # another source tells of the same end in other words
            if event.links.turn:
                _remember(self._ended, turn, None)
            seconds = event.duration_seconds
            if seconds is None and begun is not None:
                seconds = max(0.0, (event.at - begun).total_seconds())
            self._turns.turn_ended(event.links.kind, outcome, seconds)


def _remember(known: OrderedDict[tuple[str, str], T], turn: tuple[str, str], value: T) -> None:
    known[turn] = value
    known.move_to_end(turn)
    if len(known) > MOST_TURNS:
        known.popitem(last=False)
