"""Why a task stands as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.models.task_queries import Explanation, Failure, Hindrance, Obstacle
from iterm_mcp.models.tasks import SETTLED, Outcome, TaskState
from iterm_mcp.tasks.choosing import Counts, Rates, in_the_way
from iterm_mcp.tasks.claiming import ahead_of, candidate, machine_row, situation_of
from iterm_mcp.tasks.codec import time_of
from iterm_mcp.tasks.finding import get_task
from iterm_mcp.tasks.limits import demand_of
from iterm_mcp.tasks.releasing import needs_of
from iterm_mcp.tasks.tables import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from iterm_mcp.models.tasks import Task
    from iterm_mcp.tasks.limits import Admission, DispatchLimits
    from iterm_mcp.tasks.statements import Record


def explain(
    connection: Connection,
    task_id: str,
    machine: str,
    limits: DispatchLimits,
    admission: Admission,
    now: float,
    behind: str = "",
) -> Explanation:
    """Return what a task waits for, and why its attempts did not succeed.

    Args:
        behind: Why it was not its turn when the queue was last looked at, if that is known.

    Raises:
        NotFoundError: There is no such task.
    """
    task = get_task(connection, task_id)
    row = connection.execute(sa.select(TASKS).where(TASKS.c.task_id == task_id)).one()
    obstacles: Iterator[Obstacle] = iter(())
    if task.state is TaskState.WAITING:
        obstacles = _needs(connection, row)
    elif task.state is TaskState.DELAYED:
        obstacles = _time(row, now)
    elif task.state is TaskState.QUEUED:
        obstacles = _queue(connection, task, row, machine, limits, admission, now, behind)
    elif task.question:
        obstacles = iter([Obstacle(Hindrance.ANSWER, f"a person has to answer: {task.question}")])
    return Explanation(task, tuple(obstacles), tuple(_failures(task)))


def _needs(connection: Connection, row: Record) -> Iterator[Obstacle]:
    for one in needs_of(connection, row.task_id):
        if one.state not in SETTLED:
            yield Obstacle(Hindrance.NEEDS, f"it needs {one.need!r}, which is {one.state}")
    if row.compensates:
        yield Obstacle(
            Hindrance.NEEDS,
            f"it makes {row.compensates!r} undone, should the graph fail and all else have ended",
        )


def _time(row: Record, now: float) -> Iterator[Obstacle]:
    left = max(0.0, row.not_before - now)
    why = f", since {row.reason}" if row.reason else ""
    yield Obstacle(Hindrance.TIME, f"it starts in {left:.0f} s at the earliest{why}")


def _queue(
    connection: Connection,
    task: Task,
    row: Record,
    machine: str,
    limits: DispatchLimits,
    admission: Admission,
    now: float,
    behind: str,
) -> Iterator[Obstacle]:
    situation = situation_of(connection, machine, machine_row(connection, machine), limits, now)
    mine = candidate(row)
    yield from in_the_way(mine, situation, Counts(situation))
    rates = Rates(situation)
    if rates.free_at(mine.traits) is not None:
        yield rates.obstacle(mine.traits)
    refusal = admission.why_not(demand_of(task.task_id, task.spec), time_of(now))
    if refusal is not None:
        yield Obstacle(Hindrance.ADMISSION, refusal.sentence)
    elif behind:
        yield Obstacle(Hindrance.ADMISSION, behind)
    ahead = ahead_of(connection, mine, limits.ageing_seconds)
    if ahead:
        yield Obstacle(
            Hindrance.TURN,
            f"{ahead} queued {'task goes' if ahead == 1 else 'tasks go'} before it where there is "
            "room for them",
        )


def _failures(task: Task) -> Iterator[Failure]:
    for one in task.attempts:
        if one.outcome not in {None, Outcome.SUCCEEDED}:
            problems = one.result.problems if one.result else ()
            yield Failure(
                one.number, one.outcome or Outcome.FAILED, one.reason, problems, one.evidence
            )
