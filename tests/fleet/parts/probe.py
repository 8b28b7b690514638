"""The probe of the whole way, and exports of metrics to whoever does not scrape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.probes import Journey, ProbeCounts, Step, StepResult
from iterm_mcp.telemetry.exporting.running import FAILED, SENT

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

EVERY_SECONDS = 300
HALF_SECONDS = {Step.SESSION: 0.2, Step.COMMAND: 0.1, Step.AGENT: 0.4, Step.TASK: 1.5}
OK, NOT_OK = "ok", "failed"


class Probe(Part):
    """Tries the whole way every five minutes."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._due = self.began
        self._last: Journey | None = None
        self._runs = {OK: 0, NOT_OK: 0}
        self.metrics.probe.begin(lambda: ProbeCounts(self._last, self._runs))

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Try, when it is time."""
        del time
        if moment.at < self._due:
            return
        self._due = moment.at + EVERY_SECONDS
        fails = moment.is_ill(Ill.PROBE_FAILS)
        steps = tuple(
            StepResult(
                step,
                self.chance.seconds(seconds * (10 if fails else 1)),
                "not in time" if fails and step is not Step.SESSION else "",
            )
            for step, seconds in HALF_SECONDS.items()
        )
        began = datetime.fromtimestamp(moment.at, UTC)
        self._last = Journey(began, sum(one.seconds for one in steps), steps)
        self._runs[NOT_OK if fails else OK] += 1


class Exports(Part):
    """Sends readings to StatsD, a minute apart."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self.metrics.exports.declare("statsd")

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Send the readings of a while."""
        del time
        for _ in range(self.chance.times(moment.seconds / 60)):
            fails = moment.is_ill(Ill.SINKS_FAIL) and self.chance.happens(0.5)
            self.metrics.exports.exported("statsd", FAILED if fails else SENT)
