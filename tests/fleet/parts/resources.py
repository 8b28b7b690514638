"""What agents take of their machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fleet.parts.agents import CREW
from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.resources import Excess, ProcessUsage, Resource, TreeUsage, WatchedTree
from iterm_mcp.models.task_limits import OverLimit
from iterm_mcp.services.resources.totals import Totals

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

MEGABYTE = 1_000_000
MEMORY = {"claude": 420, "codex": 160, "gemini": 280, "shell": 12, "command": 90}
"""Megabytes of a tree that does little."""
TREES = (*CREW, "command")
LOOK_SECONDS = 0.002


class Resources(Part):
    """Trees of processes, added up as the daemon adds them up."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._totals = Totals()
        self._taken = [(0.0, 0, 0) for _ in TREES]
        self.metrics.resources.begin(lambda: self._totals)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Let trees work, and look at them."""
        del time
        self._totals.look(
            [self._tree(number, kind, moment) for number, kind in enumerate(TREES)],
            LOOK_SECONDS * moment.seconds,
        )
        if moment.is_ill(Ill.LIMITS_EXCEEDED):
            for _ in range(self.chance.times(moment.seconds / 60)):
                self._exceed()

    def _tree(self, number: int, kind: str, moment: Moment) -> WatchedTree:
        is_ill = moment.is_ill(Ill.LIMITS_EXCEEDED)
        cores = self.chance.between(0.02, 0.6) * (moment.activity + 0.02) * (4 if is_ill else 1)
        cpu, read, written = self._taken[number]
        cpu += cores * moment.seconds
        read += int(cores * moment.seconds * MEGABYTE)
        written += int(cores * moment.seconds * 3 * MEGABYTE)
        self._taken[number] = (cpu, read, written)
        size = MEMORY[kind] * MEGABYTE * self.chance.between(0.9, 1.4 + moment.activity)
        processes = tuple(ProcessUsage(pid, 1, kind, int(size / 3), cpu / 3) for pid in range(1, 4))
        usage = TreeUsage(
            at=datetime.fromtimestamp(moment.at, UTC),
            processes=processes,
            memory_bytes=int(size * (8 if is_ill else 1)),
            cpu_seconds=cpu,
            cpu_cores=cores,
            read_bytes=read,
            written_bytes=written,
        )
        return WatchedTree(key=f"{kind}-{number}", kind=kind, usage=usage)

    def _exceed(self) -> None:
        resource = self.chance.pick(Resource)
        done = self.chance.pick(OverLimit)
        excess = Excess(resource, used=2.0, limit=1.0, reason="too much", done=done)
        self._totals.exceeded(self.chance.pick(TREES), excess)
