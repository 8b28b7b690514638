"""Durable work: tasks, their queues, the machines that take them, and worktrees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.task_queries import (
    EVERYTHING,
    MachineState,
    QueueTally,
    TaskChange,
    TaskTally,
)
from iterm_mcp.models.tasks import COMMAND, GraphId, Outcome, TaskId, TaskState
from iterm_mcp.models.worktrees import WorktreeState, WorktreeTally
from iterm_mcp.telemetry.task_metrics import EngineStanding

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

KINDS = {COMMAND: 5, "claude": 4, "codex": 2}
SUBMITTED = 14
"""Tasks in a busy hour; ill ones are tried again and again."""
SLOTS = 6
HALF_SECONDS = {COMMAND: 25.0, "claude": 220.0, "codex": 150.0}
FAILURES = {Outcome.FAILED: 5, Outcome.REJECTED: 3, Outcome.TIMED_OUT: 2, Outcome.STALLED: 1,
            Outcome.OVER_LIMIT: 1, Outcome.LOST: 1}  # fmt: skip
QUEUES = ("kind:claude", "kind:codex", "team:crew", "repository:/src/app")
MEGABYTE = 1_000_000
OPERATIONS = {"create": 0.4, "remove": 0.2, "merge": 0.3}
"""With half of their seconds."""


class Tasks(Part):
    """A queue that is worked off, or not."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._waiting: list[float] = []
        self._running = self._dead = self._done = self._number = 0
        self._is_up = True
        self._is_paused = self._is_lost = False
        self._now = self.began
        self.metrics.tasks.standing.begin(self._standing)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Submit, start, settle."""
        del time
        self._now = moment.at
        self._is_up = not moment.is_ill(Ill.ENGINE_FALLEN)
        self._is_paused = moment.is_ill(Ill.QUEUE_STUCK)
        self._is_lost = moment.is_ill(Ill.MACHINE_LOST)
        submitted = self.chance.times(SUBMITTED * moment.busy_hours)
        self._waiting += [moment.at - self.chance.between(0, moment.seconds)] * submitted
        if not self._is_up:
            return
        moving = len(self._waiting) // (4 if self._is_paused else 1)  # of other queues
        started = self._waiting[:moving]
        for since in started:
            self._run(moment, min(moment.at - since, self.chance.seconds(3.0)))
        self._waiting = self._waiting[len(started) :]
        self._running = min(SLOTS, self.chance.times(3 * moment.activity))

    def _run(self, moment: Moment, waited_seconds: float) -> None:
        kind = self.chance.one_of(KINDS)
        self._tell(moment, kind, TaskState.STARTING, waited_seconds=waited_seconds)
        took, is_ill = self.chance.seconds(HALF_SECONDS[kind]), moment.is_ill(Ill.TASKS_FAIL)
        for _ in range(3):
            if not self.chance.happens(0.7 if is_ill else 0.05):
                self._done += 1
                self._tell(
                    moment, kind, TaskState.SUCCEEDED, outcome=Outcome.SUCCEEDED, took_seconds=took
                )
                return
            failure = self.chance.one_of(FAILURES)
            self._tell(moment, kind, TaskState.DELAYED, outcome=failure)
        self._dead += is_ill
        state = TaskState.DEAD if is_ill else TaskState.CANCELLED
        self._tell(moment, kind, state, took_seconds=took)

    def _tell(
        self,
        moment: Moment,
        kind: str,
        state: TaskState,
        *,
        outcome: Outcome | None = None,
        waited_seconds: float | None = None,
        took_seconds: float | None = None,
    ) -> None:
        self._number += 1
        change = TaskChange(
            change_id=self._number,
            task_id=TaskId("t1"),
            graph=GraphId("g1"),
            name="build",
            kind=kind,
            team="crew",
            state=state,
            at=datetime.fromtimestamp(moment.at, UTC),
            outcome=outcome,
            waited_seconds=waited_seconds,
            took_seconds=took_seconds,
        )
        self.metrics.tasks.task_changed(change)

    def _standing(self) -> EngineStanding:
        if not self._is_up:
            return EngineStanding(up=False)
        waiting = len(self._waiting)
        tally = TaskTally(
            states={
                (COMMAND, TaskState.QUEUED): waiting,
                ("claude", TaskState.RUNNING): self._running,
                ("claude", TaskState.DEAD): self._dead,
                (COMMAND, TaskState.SUCCEEDED): self._done,
            },
            queues={
                EVERYTHING: QueueTally(waiting, self._running),
                **{name: QueueTally(waiting // 2, self._running // 2) for name in QUEUES},
            },
            paused=frozenset({QUEUES[0]}) if self._is_paused else frozenset(),
            oldest_waiting_seconds=self._now - min(self._waiting, default=self._now),
            machines={MachineState.READY: 2, MachineState.LOST: int(self._is_lost)},
            slots=2 * SLOTS,
            slots_used=self._running,
        )
        return EngineStanding(up=True, tally=tally)


class Worktrees(Part):
    """Worktrees of tasks: made, merged, removed."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._ready = 2
        self._is_full = False
        for operation in OPERATIONS:
            self.metrics.worktrees.operations.declare(operation)
        self.metrics.worktrees.standing.begin(self._tally)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Make, merge and remove."""
        self._is_full = moment.is_ill(Ill.WORKTREES_FULL)
        for operation, median in OPERATIONS.items():
            for _ in range(self.chance.times(SUBMITTED / 2 * moment.busy_hours)):
                fails = self.chance.happens(0.4 if self._is_full else 0.01)
                error = ConflictError("it does not merge") if fails else None
                seconds = self.chance.seconds(median)
                time.measured(self.metrics.worktrees.operations, operation, seconds, error)
        self._ready = 1 + self.chance.times(5 * moment.activity)

    def _tally(self) -> WorktreeTally:
        left = 40 if self._is_full else 0
        states = {
            WorktreeState.READY: self._ready + left,
            WorktreeState.CONFLICTED: left // 4,
            WorktreeState.SETUP_FAILED: left // 8,
        }
        return WorktreeTally(states, sum(states.values()) * 300 * MEGABYTE)
