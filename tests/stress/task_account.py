"""What a storm of tasks must have come to: their own records held against the engine's. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from iterm_mcp.models.tasks import SETTLED, TASK_MOVES, Outcome, TaskState

FIRST = frozenset({TaskState.WAITING, TaskState.DELAYED, TaskState.QUEUED})
"""How a task may stand when it is accepted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a task is to come to.

    Attributes:
        tries: How many attempts it needs where nothing befalls them.
        agent: An agent does it.
    """

    state: TaskState
    tries: int = 1
    agent: bool = False


@dataclass(frozen=True, slots=True)
class KeptAttempt:
    """An attempt as the engine has it; times are seconds since 1970."""

    attempt_id: str
    machine: str
    started_at: float
    ended_at: float | None
    outcome: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KeptTask:
    """A task as the engine has it.

    Attributes:
        moves: Every state that was written down, oldest first.
    """

    name: str
    state: TaskState
    reason: str
    attempts: tuple[KeptAttempt, ...]
    moves: tuple[TaskState, ...]


@dataclass
class Own:
    """What those who did the work wrote down themselves, by attempts' ids.

    Attributes:
        began, ended: Every time that a command or an agent began or ended.
        told: How often an agent received something.
    """

    began: dict[str, list[float]] = field(default_factory=dict)
    ended: dict[str, list[float]] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)


@dataclass
class Account:
    """What came of it.

    Attributes:
        outcomes: How often attempts ended so.
        surprises: Attempts that ended otherwise than they were meant to, by reason; no fault where
            the next attempt made it good.
        faults: What must not be, in a sentence each.
    """

    tasks: int = 0
    attempts: int = 0
    most_at_once: int = 0
    states: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def settle(wanted: dict[str, Wanted], kept: dict[str, KeptTask], own: Own, at_once: int) -> Account:
    """Hold all records against each other.

    Args:
        wanted: By the tasks' ids, as `kept`.
        at_once: How many attempts may be worked on at the same time.
    """
    account = Account(tasks=len(kept))
    faults = account.faults
    faults += [f"{one} was accepted, and is nowhere" for one in wanted if one not in kept]
    faults += [f"{one} was never asked for" for one in kept if one not in wanted]
    attempts: dict[str, KeptAttempt] = {}
    for task_id, task in kept.items():
        account.states[task.state] += 1
        attempts |= {one.attempt_id: one for one in task.attempts}
        if task_id in wanted:
            faults += _of_task(task_id, task, wanted[task_id])
            faults += _of_work(task, wanted[task_id], own)
            account.surprises.update(_surprises(task, wanted[task_id]))
    account.attempts = len(attempts)
    account.outcomes.update(str(one.outcome) for one in attempts.values())
    faults += [f"{one} began, and is no attempt" for one in own.began if one not in attempts]
    account.most_at_once = most_at_once(attempts, own)
    if account.most_at_once > at_once:
        faults.append(f"{account.most_at_once} were worked on at once, and {at_once} may be")
    return account


def _of_task(task_id: str, task: KeptTask, wanted: Wanted) -> list[str]:
    found = []
    if task.state not in SETTLED:
        found.append(f"{task_id} {task.name} has not settled: {task.state}, {task.reason}")
    elif task.state is not wanted.state:
        found.append(f"{task_id} {task.name} is {task.state}, not {wanted.state}: {task.reason}")
    if not task.moves or task.moves[0] not in FIRST or task.moves[-1] is not task.state:
        found.append(f"{task_id} {task.name} is {task.state} and came to it by {task.moves}")
    found += [
        f"{task_id} {task.name} went from {before} to {after}"
        for before, after in zip(task.moves, task.moves[1:], strict=False)
        if before is not after and after not in TASK_MOVES[before]
    ]
    open_ones = [one.attempt_id for one in task.attempts if one.ended_at is None]
    if open_ones and task.state in SETTLED:
        found.append(f"{task_id} has settled, and {open_ones} have not ended")
    return found


def _of_work(task: KeptTask, wanted: Wanted, own: Own) -> list[str]:
    found = []
    for one in task.attempts:
        starts = len(own.began.get(one.attempt_id, ()))
        done = one.outcome == Outcome.SUCCEEDED
        if starts > 1 or (done and starts != 1):
            found.append(f"{one.attempt_id} {task.name} was begun {starts} times, {one.outcome}")
        if not wanted.agent:
            continue
        told = own.told[one.attempt_id]
        if told > 1 or (done and told != 1):
            found.append(f"{one.attempt_id} {task.name} was told {told} times, {one.outcome}")
    return found


def _surprises(task: KeptTask, wanted: Wanted) -> list[str]:
    meant = wanted.tries if wanted.state is not TaskState.CANCELLED else len(task.attempts)
    if len(task.attempts) <= meant:
        return []
    return [
        f"{'agent' if wanted.agent else 'command'} {one.outcome}: {one.reason}"
        for one in task.attempts[:-1]
        if one.outcome != Outcome.FAILED or "exit code 9" not in one.reason
    ]


def most_at_once(attempts: dict[str, KeptAttempt], own: Own) -> int:
    """Return how many were worked on at the same time, by their own records."""
    edges: list[tuple[float, int]] = []
    for attempt_id, starts in own.began.items():
        ends = own.ended.get(attempt_id, [])
        last = max(ends) if ends else _end_of(attempts.get(attempt_id))
        if last is not None and last > min(starts):
            edges += [(min(starts), 1), (last, -1)]
    most = now = 0
    for _, change in sorted(edges):
        now += change
        most = max(most, now)
    return most


def _end_of(attempt: KeptAttempt | None) -> float | None:
    return None if attempt is None else attempt.ended_at
