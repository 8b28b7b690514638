"""What was seen of one agent in its present life, as far as its state follows from it. Pure.

Levels are looked at again and again. A look that says what the one before said is kept only where
it tells more than that: that an idle screen was no glimpse, or how things are after somebody else
has said something.

Sources are not equally quick: a line of a transcript may be read after a look at the screen that
came later. So what was seen lately is kept as it is, and whatever arrives is put where it belongs.
"""

from __future__ import annotations

from bisect import insort
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.observations import Fact, Observation, ObservationSource
from iterm_mcp.services.states.evidence import (
    EDGES,
    SETTLED_SECONDS,
    TWICE_SECONDS,
    dated,
    go_on,
    in_order,
    next_change,
)
from iterm_mcp.services.states.fusion import fuse_runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Sighting
    from iterm_mcp.services.states.evidence import Runs

_HAPPENINGS = frozenset({Fact.TURN, Fact.OUTCOME, Fact.EXIT, Fact.LIFE, Fact.GAP})
_LOOKS = frozenset({ObservationSource.TITLE, ObservationSource.SCREEN, ObservationSource.QUIET})
_SAYING = EDGES | {ObservationSource.PROTOCOL, ObservationSource.REGISTRY}
"""Those whose words make another look worth keeping; two kinds of looks would do so for ever."""

LATE_OBSERVATIONS = 256
"""Behind so many others at least, an observation that arrives late is still put in its place.

One that comes later still is taken as the earliest of these.
"""

_MOMENTS = tuple(timedelta(seconds=one) for one in (0, TWICE_SECONDS, SETTLED_SECONDS))


class Ledger:
    """One life of an agent.

    Args:
        observations: What is known of it already, of this epoch alone.
    """

    def __init__(
        self, agent: AgentName, epoch: int, observations: Iterable[Observation] = ()
    ) -> None:
        self.agent = agent
        self.epoch = epoch
        self._runs: Runs = {}
        self._lately: list[Observation] = []
        self._before: Runs = {}  # the runs of all that was seen before that
        self.add(observations)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What still counts: of each fact and source the latest, and what it said before."""
        counting = {
            id(one): one
            for run in self._runs.values()
            for one in (run.before, run.first, run.last)
            if one is not None
        }
        return tuple(sorted(counting.values(), key=in_order))

    def news(self, sightings: Iterable[Sighting], at: datetime) -> list[Observation]:
        """Return those of some sightings that are worth keeping, in order; nothing is added.

        What happened is dated by its own word; of how things are, we know when we looked.
        """
        return [
            Observation(
                self.agent,
                self.epoch,
                one,
                dated(one, at, at) if one.source in EDGES else at,
            )
            for one in sightings
            if self._tells(one, at)
        ]  # fmt: skip

    def all_news(self, seen: Iterable[tuple[datetime, Sighting]]) -> list[Observation]:
        """Return the news of sightings that came one after the other; nothing is added."""
        after = Ledger(self.agent, self.epoch)
        after._runs, after._before = dict(self._runs), self._before
        after._lately = list(self._lately)
        found: list[Observation] = []
        for at, one in seen:
            news = after.news([one], at)
            after.add(news)
            found += news
        return found

    def add(self, observations: Iterable[Observation]) -> None:
        """Take what was kept; what no state can follow from any more is let go."""
        for one in sorted(observations, key=in_order):
            late = bool(self._lately) and in_order(one) < in_order(self._lately[-1])
            insort(self._lately, one, key=in_order)
            if late:
                self._runs = dict(self._before)
            for other in self._lately if late else (one,):
                go_on(self._runs, other)
        self._let_go()

    def _let_go(self) -> None:
        """Keep of what was seen before long only what follows from it."""
        if len(self._lately) <= 2 * LATE_OBSERVATIONS:
            return
        before = dict(self._before)
        for one in self._lately[:-LATE_OBSERVATIONS]:
            go_on(before, one)
        self._before = before  # another one: a copy of this ledger may rest on the former
        del self._lately[:-LATE_OBSERVATIONS]

    def view(self, now: datetime) -> StateView:
        """Return the state that follows now."""
        return fuse_runs(self.agent, self.epoch, self._runs, now)

    def next_change(self, now: datetime) -> datetime | None:
        """Return when the state may next change by time alone; None for never."""
        return next_change(self._runs.values(), now)

    def _tells(self, sighting: Sighting, at: datetime) -> bool:
        """Tell whether a sighting is more than a repetition."""
        fact, source = sighting.fact, sighting.source
        if source in EDGES or (fact in _HAPPENINGS and source not in _LOOKS):
            return True
        run = self._runs.get((fact, source))
        if run is None or run.last.sighting.value != sighting.value:
            return True
        if run.gap is not None and run.last.at < run.gap:
            return True
        saying = _SAYING - {source}
        others = (one.last.at for key, one in self._runs.items() if key[1] in saying)
        since = max(run.first.at, max(others, default=run.first.at))
        return any(run.last.at < since + one <= at for one in _MOMENTS)
