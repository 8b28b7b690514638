"""The terminal, and the sessions that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.ids import SessionId

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

FIRST = 6
OPENED = 10
"""Sessions opened in a busy hour."""
HOURS = 1.5
"""How long one lasts."""


class Terminal(Part):
    """Sessions that come and go, and a connection that may be lost."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._last = FIRST
        self._open = {SessionId(f"s{number}") for number in range(FIRST)}
        self._is_up = True
        self.metrics.terminal_up(self._open, again=False)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Open and end sessions; lose the terminal and find it again."""
        del time
        if moment.is_ill(Ill.TERMINAL_AWAY) and not self._loses_and_finds():
            return
        if not self._is_up:
            self._is_up = True
            self.metrics.terminal_up(self._open, again=True)
        for _ in range(self.chance.times(OPENED * moment.busy_hours)):
            self._last += 1
            self._open.add(SessionId(f"s{self._last}"))
            self.metrics.session_opened(SessionId(f"s{self._last}"))
        spare = max(0, len(self._open) - FIRST)
        for _ in range(min(spare, self.chance.times(spare * moment.seconds / 3600 / HOURS))):
            ended = min(self._open)
            self._open.discard(ended)
            self.metrics.session_ended(ended)

    def _loses_and_finds(self) -> bool:
        """Lose a terminal that is away; now and then it is there for a moment."""
        if self._is_up:
            self._is_up = False
            self.metrics.terminal_down()
        return self.chance.happens(0.2)
