from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.services.events.told import prompt

from iterm_mcp.models.events import EventNumber, Kept
from iterm_mcp.services.events.observing import IntakeObservers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.events import Event


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
        assert kept.new == 1
        self.events += events


def test_all_are_told_and_those_that_come_later_of_what_comes_later() -> None:
    first, second = Heard(), Heard()
    observers = IntakeObservers(first)
    kept = Kept(1, 0, EventNumber(1))
    observers.events_kept([prompt(1)], kept)
    observers.add(second)
    observers.events_kept([prompt(2)], kept)
    assert first.events == [prompt(1), prompt(2)]
    assert second.events == [prompt(2)]
