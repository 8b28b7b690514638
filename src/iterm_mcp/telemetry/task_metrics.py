"""Durable work: what is counted as it moves, and how the tasks' database stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

from iterm_mcp.models.task_queries import EVERYTHING, MachineState, QueueTally
from iterm_mcp.models.tasks import COMMAND, GATHER, SETTLED, Outcome, TaskState
from iterm_mcp.telemetry.asked import AskedMetrics
from iterm_mcp.telemetry.exemplars import exemplar
from iterm_mcp.telemetry.labels import Bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import CollectorRegistry, Metric

    from iterm_mcp.models.task_queries import TaskChange, TaskTally

WAIT_BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
DURATION_BUCKETS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400)
"""Seconds: from a command that is over at once to an agent with an afternoon's work."""

SHELL, AGENT = "shell", "agent"
KINDS = (SHELL, AGENT, GATHER)
"""What runs a task: a shell, an agent of whatever kind, or nothing."""


def kind_of(kind: str) -> str:
    """Return the label's value for a task's kind."""
    return {COMMAND: SHELL, GATHER: GATHER}.get(kind, AGENT)


class EngineStanding(NamedTuple):
    """How the task engine stands.

    Attributes:
        up: It answers.
        tally: What it counted last; None withholds the numbers, which nobody knows.
    """

    up: bool
    tally: TaskTally | None = None


class TaskStanding(AskedMetrics[EngineStanding]):
    """Asks for what was counted last; tells nothing while no task was ever asked for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._queues = Bounded(known=[EVERYTHING])

    def tell(self, counted: EngineStanding) -> Iterator[Metric]:
        """Yield every metric of the engine, and of its tasks while it is up."""
        yield GaugeMetricFamily(
            "iterm_mcp_task_engine_up",
            "1 while the task engine answers, 0 once it fell or its database is away.",
            counted.up,
        )
        if counted.up and counted.tally is not None:
            yield from _of_tasks(counted.tally)
            yield from self._of_queues(counted.tally)
            yield from _of_machines(counted.tally)

    def _of_queues(self, tally: TaskTally) -> Iterator[Metric]:
        queues: Mapping[str, QueueTally] = {EVERYTHING: QueueTally(), **tally.queues}
        waiting = self._queues.sums((name, one.waiting) for name, one in queues.items())
        running = self._queues.sums((name, one.running) for name, one in queues.items())
        paused = self._queues.sums(
            (name, name in tally.paused) for name in {*queues, *tally.paused}
        )
        for name, text, values in (
            (
                "waiting",
                "Tasks that could start if there were room, by each queue that they belong to.",
                waiting,
            ),
            ("running", "Tasks that machines work on, by each queue that they belong to.", running),
            ("paused", "1 while no task of a queue is started.", paused),
        ):
            gauge = GaugeMetricFamily(f"iterm_mcp_task_queue_{name}", text, labels=["queue"])
            for queue, value in values.items():
                gauge.add_metric([queue], value)
            yield gauge


def _of_tasks(tally: TaskTally) -> Iterator[Metric]:
    counts = {(kind, state): 0 for kind in KINDS for state in TaskState}
    for (kind, state), count in tally.states.items():
        counts[kind_of(kind), state] += count
    tasks = GaugeMetricFamily(
        "iterm_mcp_tasks",
        "Tasks by what runs them and their state, of all machines that share the database.",
        labels=["kind", "state"],
    )
    for (kind, state), count in counts.items():
        tasks.add_metric([kind, state.value], count)
    yield tasks
    yield GaugeMetricFamily(
        "iterm_mcp_task_dead_letters",
        "Tasks of which every attempt failed, and nobody has tried them again.",
        sum(count for (_, state), count in counts.items() if state is TaskState.DEAD),
    )
    yield GaugeMetricFamily(
        "iterm_mcp_task_oldest_waiting_seconds",
        "How long the oldest task waits that could start if there were room.",
        tally.oldest_waiting_seconds,
    )


def _of_machines(tally: TaskTally) -> Iterator[Metric]:
    machines = GaugeMetricFamily(
        "iterm_mcp_machines",
        "Machines that work on tasks; lost are those not heard of since their lease ran out.",
        labels=["state"],
    )
    for state in MachineState:
        machines.add_metric([state.value], tally.machines.get(state, 0))
    yield machines
    yield GaugeMetricFamily(
        "iterm_mcp_machine_slots",
        "Attempts that machines which are not lost take at once.",
        tally.slots,
    )
    yield GaugeMetricFamily(
        "iterm_mcp_machine_slots_used", "Attempts that these work on.", tally.slots_used
    )


class TaskMetrics:
    """Is told of every change of a task that this daemon has written.

    Attributes:
        standing: Asks how all tasks stand.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.standing = TaskStanding(registry)
        self._settled = Counter(
            "iterm_mcp_tasks_settled_total",
            "Tasks that settled, by what ran them and their last state.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._attempts = Counter(
            "iterm_mcp_task_attempts_total",
            "Attempts of tasks that ended.",
            ["kind", "outcome"],
            registry=registry,
        )
        for kind in KINDS:  # from zero, so that the first of a kind is seen as growth
            for state in SETTLED:
                self._settled.labels(kind, state)
        for kind in (SHELL, AGENT):
            for outcome in Outcome:
                self._attempts.labels(kind, outcome)
        self._wait = Histogram(
            "iterm_mcp_task_wait_seconds",
            "From when a task could have started until an attempt did.",
            buckets=WAIT_BUCKETS,
            registry=registry,
        )
        self._duration = Histogram(
            "iterm_mcp_task_duration_seconds",
            "From the start of a task's first attempt until it settled.",
            ["kind"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        for kind in (SHELL, AGENT):
            self._duration.labels(kind)

    def task_changed(self, change: TaskChange) -> None:
        """Count what a change comes to."""
        kind = kind_of(change.kind)
        if change.waited_seconds is not None:
            self._wait.observe(change.waited_seconds)
        if change.outcome is not None:
            self._attempts.labels(kind, change.outcome).inc()
        if change.state in SETTLED:
            self._settled.labels(kind, change.state).inc()
        if change.took_seconds is not None:
            self._duration.labels(kind).observe(change.took_seconds, exemplar())
