"""Everything counted at once, for who watches the whole and not a task."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.models.task_queries import EVERYTHING, MachineState, QueueTally, TaskTally
from iterm_mcp.models.tasks import ACTIVE, TaskState
from iterm_mcp.tasks.limits import TRAITS
from iterm_mcp.tasks.tables import ATTEMPTS, MACHINES, PAUSES, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from iterm_mcp.tasks.statements import Record

LOST_SECONDS = 86400.0
"""A machine that was not heard of for so long is gone, and nobody waits for it any more."""


def tally(connection: Connection, now: float, lease_now: float) -> TaskTally:
    """Count everything. It reads an index, and the rows of what waits or runs.

    Args:
        lease_now: The time by which leases are measured.
    """
    by_kind = connection.execute(
        sa.select(TASKS.c.kind, TASKS.c.state, sa.func.count()).group_by(
            TASKS.c.state, TASKS.c.kind
        )
    )
    oldest = connection.execute(
        sa.select(sa.func.min(TASKS.c.queued_at)).where(TASKS.c.state == TaskState.QUEUED)
    ).scalar()
    machines, slots, used = _machines(connection, lease_now)
    return TaskTally(
        states={(kind, TaskState(state)): count for kind, state, count in by_kind},
        queues=_queues(connection),
        paused=frozenset(connection.execute(sa.select(PAUSES.c.scope)).scalars()),
        oldest_waiting_seconds=0.0 if oldest is None else max(0.0, now - oldest),
        machines=machines,
        slots=slots,
        slots_used=used,
    )


def _queues(connection: Connection) -> dict[str, QueueTally]:
    """Return how many wait and run of each scope that has any."""
    traits = [TASKS.c[name] for name in TRAITS]
    rows = connection.execute(
        sa.select(*traits, TASKS.c.state, sa.func.count().label("tasks"))
        .where(TASKS.c.state.in_(sorted({TaskState.QUEUED, *ACTIVE})))
        .group_by(*traits, TASKS.c.state)
    )
    waiting: Counter[str] = Counter()
    running: Counter[str] = Counter()
    for row in rows:
        counts = waiting if row.state == TaskState.QUEUED else running
        for scope in _scopes(row):
            counts[scope] += row.tasks
    return {name: QueueTally(waiting[name], running[name]) for name in {*waiting, *running}}


def _scopes(row: Record) -> Iterator[str]:
    yield EVERYTHING
    for name in TRAITS:
        value = getattr(row, name)
        if value:
            yield f"{name}:{value}"


def _machines(connection: Connection, now: float) -> tuple[dict[MachineState, int], int, int]:
    """Return how many machines stand how, what the living ones can take, and what they have."""
    rows = connection.execute(
        sa.select(ATTEMPTS.c.machine, sa.func.count().label("attempts"))
        .join(
            TASKS,
            sa.and_(TASKS.c.task_id == ATTEMPTS.c.task_id, TASKS.c.attempts == ATTEMPTS.c.number),
        )
        .where(TASKS.c.state.in_(sorted(ACTIVE)))
        .group_by(ATTEMPTS.c.machine)
    )
    running: dict[str, int] = {row.machine: row.attempts for row in rows}
    states: Counter[MachineState] = Counter()
    slots = used = 0
    for row in connection.execute(sa.select(MACHINES)):
        if row.closed or row.lease_until < now - LOST_SECONDS:
            continue
        if row.lease_until < now:
            states[MachineState.LOST] += 1
            continue
        states[MachineState.DRAINING if row.draining else MachineState.READY] += 1
        slots += row.capacity
        used += running.get(row.name, 0)
    return dict(states), slots, used
