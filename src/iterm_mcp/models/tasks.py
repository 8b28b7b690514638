"""Durable work: what is asked for, how it stands, and every run of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

from iterm_mcp.models.task_limits import NO_LIMITS, ResourceLimits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

TaskId = NewType("TaskId", str)
"""``t-`` and what is unlike any other; an attempt's id is ``TASK~NUMBER``."""

GraphId = NewType("GraphId", str)
"""``g-`` and what is unlike any other."""

MachineName = NewType("MachineName", str)

COMMAND = "command"
"""The kind of a task that runs a command line in a shell; any other is a kind of agent."""

GATHER = "gather"
"""The kind of a task that runs nothing, and so has no attempt: it succeeds as soon as all that it
needs have succeeded, with the list of their outputs for its own."""


class TaskState(StrEnum):
    """How a task stands. It only ever moves as `TASK_MOVES` allows."""

    WAITING = "waiting"
    """For tasks that it needs."""
    DELAYED = "delayed"
    """Until its time: it was asked for so, or an attempt failed and the next one backs off."""
    QUEUED = "queued"
    """It could start, if there were room; `Task.reason` says what it waits for."""
    STARTING = "starting"
    """A machine has claimed it: its worktree, session and agent are being made."""
    RUNNING = "running"
    NEEDS_INPUT = "needs_input"
    """It runs, and a person has to answer `Task.question`."""
    VERIFYING = "verifying"
    """The run has ended; its result is collected and held against what was asked for."""
    SUCCEEDED = "succeeded"
    """All that was asked for was found to be so."""
    DEAD = "dead"
    """Every attempt failed: a dead letter, which may be shown, retried or purged."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Its condition did not hold, or a task that it needs did not succeed."""


SETTLED = frozenset({TaskState.SUCCEEDED, TaskState.DEAD, TaskState.CANCELLED, TaskState.SKIPPED})
ACTIVE = frozenset(
    {TaskState.STARTING, TaskState.RUNNING, TaskState.NEEDS_INPUT, TaskState.VERIFYING}
)
"""States in which a machine works on it, and a slot is taken."""

_AFTER_RUN = frozenset({TaskState.DELAYED, TaskState.QUEUED, TaskState.DEAD, TaskState.CANCELLED})
"""Where any attempt may lead that did not succeed, was lost with its machine, or was cancelled."""

TASK_MOVES: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.WAITING: frozenset(
        {
            TaskState.QUEUED,
            TaskState.DELAYED,
            TaskState.SKIPPED,
            TaskState.CANCELLED,
            # A gathering task has nothing to run; what is no list cannot be fanned out over.
            TaskState.SUCCEEDED,
            TaskState.DEAD,
        }
    ),
    TaskState.DELAYED: frozenset({TaskState.QUEUED, TaskState.CANCELLED}),
    TaskState.QUEUED: frozenset({TaskState.STARTING, TaskState.CANCELLED, TaskState.DEAD}),
    TaskState.STARTING: frozenset({TaskState.RUNNING, *_AFTER_RUN}),
    TaskState.RUNNING: frozenset({TaskState.NEEDS_INPUT, TaskState.VERIFYING, *_AFTER_RUN}),
    TaskState.NEEDS_INPUT: frozenset({TaskState.RUNNING, TaskState.VERIFYING, *_AFTER_RUN}),
    TaskState.VERIFYING: frozenset({TaskState.SUCCEEDED, *_AFTER_RUN}),
    # A dead letter, or what was cancelled, may be asked for again; what hung on it waits again.
    TaskState.DEAD: frozenset({TaskState.QUEUED, TaskState.WAITING}),
    TaskState.CANCELLED: frozenset({TaskState.QUEUED, TaskState.WAITING}),
    TaskState.SKIPPED: frozenset({TaskState.WAITING}),
    TaskState.SUCCEEDED: frozenset(),
}
"""Every legal move; any other is a bug, and refused where tasks are written down."""


class Outcome(StrEnum):
    """How one attempt came to its end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The command or the agent failed, or could not be started."""
    REJECTED = "rejected"
    """It ended well by its own word, and what was asked for was not found to be so."""
    TIMED_OUT = "timed_out"
    STALLED = "stalled"
    """Nothing was heard of it for too long."""
    OVER_LIMIT = "over_limit"
    LOST = "lost"
    """Its machine went away; this is nobody's fault, and counts against no retry."""
    CANCELLED = "cancelled"


class Operator(StrEnum):
    """How a value is held against another one."""

    EQUALS = "equals"
    DIFFERS = "differs"
    LESS = "less"
    MORE = "more"
    CONTAINS = "contains"
    MATCHES = "matches"
    """A regular expression of RE2 is found in the text."""
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when a value in a needed task's result is as it says.

    Attributes:
        task: The name, in the same graph, of a task that is needed.
        path: Where the value stands: ``output.count``, ``files.0.path``; empty is all of it.
    """

    task: str
    path: str
    operator: Operator
    value: Json = None


@dataclass(frozen=True, slots=True)
class FanOut:
    """A list in a needed task's result, for each element of which there is to be a task.

    Attributes:
        task: The needed task's name in the same graph.
        path: Where the list stands, as in a condition.
        most: With more elements the task is dead, and nothing is started.
        along: It has no list of its own, but is a step of the chain that follows ``task``, which
            fans out: as that becomes many, so does this, each for the same element.
    """

    task: str
    path: str = "output"
    most: int = 100
    along: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how soon, a task is tried again.

    Attributes:
        attempts: How often at most, the first one included.
        backoff_seconds: From the first failure until the second attempt.
        factor: By how much longer each further wait is.
        most_seconds: No wait is longer.
    """

    attempts: int = 3
    backoff_seconds: float = 10.0
    factor: float = 2.0
    most_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What must be found to be so before a task counts as done.

    Attributes:
        exit_codes: Of a command; an agent's turn must have ended without failing.
        schema: A JSON schema of the result's ``output``; None asks for nothing.
        commands: Run one after the other where the task worked; each must exit with 0.
        commit: Its branch must have a commit that its base does not have.
        pull_request: A pull request of its branch must exist.
    """

    exit_codes: tuple[int, ...] = (0,)
    schema: Mapping[str, Json] | None = None
    commands: tuple[str, ...] = ()
    commit: bool = False
    pull_request: bool = False


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What is asked for.

    Attributes:
        name: What people call it; unlike any other in its graph.
        kind: `COMMAND`, or a kind of agent.
        prompt: What the agent is told, or the command line.
        directory: Where it works, absolute; or where its worktree is made from.
        template: Of the agent; empty for none.
        worktree: Give every attempt a worktree of its own.
        team: Whose limits and budgets count it; empty for none.
        account: At whose cost it runs, where that is limited; empty for none.
        priority: Higher goes first; 0 is usual.
        deadline_seconds: How long one attempt may take.
        stall_seconds: How long an attempt may be silent; None for ever.
        labels: What its machine must have.
        needs: Names of tasks in the same graph, or ids of others, that must have succeeded.
        when: All must hold, or it is skipped.
        compensates: The task that this one makes undone: it runs only if that one succeeded and
            the graph failed.
        not_before: It waits at least until then; None for now.
        key: Asked again with the same key, it is the same task; empty for none.
        repository: Whose limits count it; found from the directory, empty where there is none.
        files: Paths, in its directory, that are kept with its result for tasks that need it.
        strategy: What a chooser has chosen, to be held against the outcome.
        trace: The span in which it was asked for, as W3C's ``traceparent``; empty for none.
        fan_out: It runs not itself: once all that it needs have succeeded, it becomes a gathering
            task that needs one task for each element, see `iterm_mcp.tasks.fan_out`.
    """

    name: str
    kind: str
    prompt: str
    directory: str
    template: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    worktree: bool = False
    team: str = ""
    account: str = ""
    priority: int = 0
    deadline_seconds: float = 1800.0
    stall_seconds: float | None = None
    retry: RetryPolicy = RetryPolicy()
    limits: ResourceLimits = NO_LIMITS
    acceptance: Acceptance = Acceptance()
    labels: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    compensates: str = ""
    not_before: datetime | None = None
    key: str = ""
    repository: str = ""
    files: tuple[str, ...] = ()
    strategy: Mapping[str, str] = field(default_factory=dict)
    fan_out: FanOut | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came of an attempt.

    Attributes:
        output: What the agent or the command said it found: its JSON, where it wrote any, else
            the end of its text.
        exit_code: Of a command; None for an agent.
        files: What was kept, by the path that the task gave.
        branch: Where its commits are; empty without a worktree.
        patch: A file with all that it changed; empty when nothing.
        recording: What was shown meanwhile, as a file; empty when it was not recorded.
        cost_usd: What it cost by dated prices; None is not known.
        problems: What was not found to be as asked for, one sentence each.
    """

    output: Json = None
    exit_code: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    branch: str = ""
    patch: str = ""
    recording: str = ""
    cost_usd: float | None = None
    tokens: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskMove:
    """One step of a task.

    Attributes:
        reason: Why; never empty for what was not to be expected.
        attempt: The attempt that it was about; 0 for none.
    """

    state: TaskState
    at: datetime
    reason: str = ""
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a task.

    Attributes:
        number: From 1.
        epoch: Of the machine's lease: what an earlier life of it writes is refused.
        agent: The agent that works on it; empty until it is started, and for commands.
        session_id: Its session; empty until it is open.
        worktree: Its worktree's name; empty for none.
        beat_at: When it was last seen to go on.
        outcome: How it ended; None while it runs.
        evidence: A folder with what was kept of its failure; empty for none.
    """

    number: int
    machine: MachineName
    epoch: int
    started_at: datetime
    agent: str = ""
    session_id: str = ""
    worktree: str = ""
    beat_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    reason: str = ""
    result: TaskResult | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A task, as it stands.

    Attributes:
        number: Grows with every task, and is never used twice.
        graph: The graph that it is part of; empty for none.
        reason: Why it waits, or why it ended so; empty when there is nothing to say.
        question: What a person has to answer, while it needs input.
        cancelling: It was asked to end, and what it opened is being closed.
        moves: Its history, oldest first.
        result: Of the attempt that succeeded, or of the last one.
        submitter: Who asked for it.
    """

    task_id: TaskId
    number: int
    spec: TaskSpec
    state: TaskState
    created_at: datetime
    graph: GraphId = GraphId("")
    reason: str = ""
    question: str = ""
    cancelling: bool = False
    attempts: tuple[Attempt, ...] = ()
    moves: tuple[TaskMove, ...] = ()
    result: TaskResult | None = None
    submitter: str = ""
    settled_at: datetime | None = None
