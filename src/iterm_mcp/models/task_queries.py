"""What is asked about durable work, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.tasks import GraphId, Outcome, Task, TaskId, TaskState

MOST_TASKS = 500
"""How many tasks one page may have."""

EVERYTHING = "everything"
"""The scope of a pause that holds all tasks back; others are ``team:…``, ``repository:…``,
``kind:…`` and ``account:…``."""


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks are asked for, the newest first; what is empty asks for nothing.

    Attributes:
        text: Stands in the name or the prompt, in whatever case.
        cursor: Of the page before.
    """

    states: frozenset[TaskState] = frozenset()
    graph: str = ""
    team: str = ""
    kind: str = ""
    repository: str = ""
    text: str = ""
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Tasks that were asked for.

    Attributes:
        cursor: For the next page; empty when there is none.
    """

    tasks: tuple[Task, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class TaskChange:
    """A task has come to a state.

    Attributes:
        change_id: Grows from change to change.
        attempt: What it was about; 0 for none.
        outcome: Of the attempt that has ended with it; None where none has.
        waited_seconds: Where an attempt starts, since when it could have; else None.
        took_seconds: Where the task settles, since its first attempt started after it was asked
            for, or asked for again; None where none did.

    The last three are told by who has written the change, and to nobody else.
    """

    change_id: int
    task_id: TaskId
    graph: GraphId
    name: str
    kind: str
    team: str
    state: TaskState
    at: datetime
    reason: str = ""
    attempt: int = 0
    outcome: Outcome | None = None
    waited_seconds: float | None = None
    took_seconds: float | None = None


class Hindrance(StrEnum):
    """What kind of thing stands in a task's way."""

    NEEDS = "needs"
    TIME = "time"
    PAUSE = "pause"
    MACHINE = "machine"
    LIMIT = "limit"
    RATE = "rate"
    ADMISSION = "admission"
    TURN = "turn"
    """Others go first."""
    ANSWER = "answer"
    """A person has to say something."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing in a task's way, with its numbers, as a sentence."""

    what: Hindrance
    sentence: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt did not succeed."""

    number: int
    outcome: Outcome
    reason: str
    problems: tuple[str, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a task stands as it does.

    Attributes:
        obstacles: What it waits for, in the order in which it meets it; empty when it waits
            for nothing.
        failures: Of its attempts, oldest first.
    """

    task: Task
    obstacles: tuple[Obstacle, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """Tasks of this scope do not start until they are let go on; what runs goes on."""

    scope: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """Work that is submitted again and again, or once at its time.

    Attributes:
        cron: Five fields; empty when it happens once.
        zone: The time zone in which the fields are meant.
        next_at: None when it is over.
        last_graph: What was submitted last; empty for nothing yet.
    """

    name: str
    graph: GraphSpec
    cron: str
    zone: str
    who: str
    next_at: datetime | None
    last_graph: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where tasks run.

    Attributes:
        capacity: How many attempts at once.
        draining: It takes nothing new.
        alive: Its lease holds.
    """

    name: str
    capacity: int
    labels: Mapping[str, str] = field(default_factory=dict)
    epoch: int = 0
    running: int = 0
    draining: bool = False
    alive: bool = True
    beat_at: datetime | None = None


class MachineState(StrEnum):
    """How a machine stands that works on tasks; one that was closed in good order is none."""

    READY = "ready"
    DRAINING = "draining"
    LOST = "lost"
    """Its lease ran out within the last day; after that it is taken for gone."""


@dataclass(frozen=True, slots=True)
class QueueTally:
    """Tasks of one scope: see `EVERYTHING`.

    Attributes:
        waiting: Those that could start, if there were room.
        running: Those that a machine works on.
    """

    waiting: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class TaskTally:
    """How everything stands in the tasks' database, whichever machines work on it.

    Attributes:
        states: How many tasks of each kind there are in each state; what is none is left out.
        queues: By scope. A task is counted in each that it belongs to.
        paused: The scopes that are held back.
        oldest_waiting_seconds: How long the oldest task waits that could start; 0 for none.
        machines: How many there are in each state.
        slots: How many attempts the machines that are not lost take at once.
        slots_used: How many they work on.
    """

    states: Mapping[tuple[str, TaskState], int] = field(default_factory=dict)
    queues: Mapping[str, QueueTally] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()
    oldest_waiting_seconds: float = 0.0
    machines: Mapping[MachineState, int] = field(default_factory=dict)
    slots: int = 0
    slots_used: int = 0
