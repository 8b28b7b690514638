"""The daemon's own process, and the host's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.hosts import HostFigures, HostReport
from iterm_mcp.telemetry.daemon_metrics import DaemonFigures
from iterm_mcp.telemetry.meter import LATENCY_BUCKETS

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

MEGABYTE = 1_000_000
BUSY_OUTPUT = 2e9
"""Bytes that programs print in a busy hour."""
KEYS = 6000
"""Inputs in a busy hour that are echoed; each is some bytes."""
NOT_READY = (Ill.TERMINAL_AWAY, Ill.EVENTS_TROUBLED)


class Daemon(Part):
    """How the daemon is."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._figures = DaemonFigures(ready=True, loop_lag_seconds=0.001, database_bytes=MEGABYTE)
        self.metrics.daemon.begin(lambda: self._figures)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Lag a little, and remember more and more."""
        del time
        self._figures = DaemonFigures(
            ready=not any(map(moment.is_ill, NOT_READY)),
            loop_lag_seconds=self.chance.seconds(2.0 if moment.is_ill(Ill.SLOW) else 0.004, 0.5),
            database_bytes=self._figures.database_bytes + int(moment.busy_hours * MEGABYTE / 3),
        )


class Host(Part):
    """A headless host that counts as ours does."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._is_up = True
        self._paused = self._pauses = self._output = self._input = 0
        self._echoes = [0] * (len(LATENCY_BUCKETS) + 1)
        self._echo_seconds = self._cpu_seconds = self._lag = 0.0
        self.metrics.host.begin(self._report)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Print and echo."""
        del time
        self._is_up = not (moment.is_ill(Ill.TERMINAL_AWAY) and self.chance.happens(0.5))
        slow = 30 if moment.is_ill(Ill.SLOW) else 1
        self._lag = self.chance.seconds(0.003 * slow)
        self._output += int(BUSY_OUTPUT * moment.busy_hours * self.chance.between(0.5, 1.5))
        self._cpu_seconds += moment.seconds * (0.002 + 0.05 * moment.activity)
        for _ in range(self.chance.times(KEYS * moment.busy_hours / 20)):
            self._echo(self.chance.seconds(0.0008 * slow, 1.0))
        is_blocked = moment.is_ill(Ill.HOST_BLOCKED)
        self._paused = self.chance.times(4 if is_blocked else 0.02 * moment.activity)
        self._pauses += self._paused * int(1 + moment.seconds)

    def _echo(self, seconds: float) -> None:
        bound = sum(seconds > bound for bound in LATENCY_BUCKETS)
        self._echoes[bound] += 20
        self._echo_seconds += seconds * 20
        self._input += 20 * 4

    def _report(self) -> HostReport:
        if not self._is_up:
            return HostReport(up=False)
        return HostReport(
            up=True,
            figures=HostFigures(
                sessions=int(self.metrics.sessions_open._value.get()),
                clients=2,
                paused_sessions=self._paused,
                pauses=self._pauses,
                output_bytes=self._output,
                input_bytes=self._input,
                echo_bounds=LATENCY_BUCKETS,
                echoes=tuple(self._echoes),
                echo_seconds=self._echo_seconds,
                loop_lag_seconds=self._lag,
                memory_bytes=60 * MEGABYTE + 3 * MEGABYTE * len(self._echoes),
                cpu_seconds=self._cpu_seconds,
            ),
        )
