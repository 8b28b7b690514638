"""Queued tasks are claimed by a machine, as many as may start now."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.models.tasks import ACTIVE, TaskState
from iterm_mcp.tasks.attempt_rows import course_of, found_in
from iterm_mcp.tasks.choosing import Active, Candidate, Counts, Here, Situation, choose
from iterm_mcp.tasks.codec import load_spec, time_of
from iterm_mcp.tasks.limits import Reach, Refusal, Traits, demand_of
from iterm_mcp.tasks.settling import next_due, queue_due
from iterm_mcp.tasks.statements import Statement
from iterm_mcp.tasks.tables import ATTEMPTS, MACHINES, PAUSES, TASKS, THIS_ATTEMPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection

    from iterm_mcp.models.task_queries import Obstacle
    from iterm_mcp.tasks.attempt_rows import Found
    from iterm_mcp.tasks.course import Next
    from iterm_mcp.tasks.limits import Admission, Demand, DispatchLimits
    from iterm_mcp.tasks.settling import Holder
    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.writing import Writer

MOST_READ = 200
"""So many tasks are read for admission while others wait to write; the rest right after."""

MOST_KNOWN = 20_000
PAGE = 100

_TRAITS = (TASKS.c.kind, TASKS.c.team, TASKS.c.repository, TASKS.c.account)
_ageing = sa.bindparam("ageing", type_=sa.Double)
_RANK = (TASKS.c.queued_at - TASKS.c.priority * _ageing, TASKS.c.queued_at, TASKS.c.number)
_QUEUE = Statement(
    sa.select(
        TASKS.c.task_id,
        TASKS.c.number,
        TASKS.c.priority,
        TASKS.c.queued_at,
        TASKS.c.labels,
        *_TRAITS,
    )
    .where(TASKS.c.state == TaskState.QUEUED)
    .order_by(*_RANK)
    .limit(sa.bindparam("rows"))
    .offset(sa.bindparam("start"))
)
_RUNNING = Statement(
    sa.select(*_TRAITS, ATTEMPTS.c.machine)
    .join(
        ATTEMPTS,
        sa.and_(ATTEMPTS.c.task_id == TASKS.c.task_id, ATTEMPTS.c.number == TASKS.c.attempts),
    )
    .where(TASKS.c.state.in_(sorted(ACTIVE)))
)
_STARTED = Statement(
    sa.select(*_TRAITS, ATTEMPTS.c.started_at)
    .join(ATTEMPTS, ATTEMPTS.c.task_id == TASKS.c.task_id)
    .where(ATTEMPTS.c.started_at > sa.bindparam("since"))
)
_MACHINE = Statement(sa.select(MACHINES).where(MACHINES.c.name == sa.bindparam("machine")))
_PAUSED = Statement(sa.select(PAUSES.c.scope))
_BEGIN = Statement(sa.insert(ATTEMPTS).returning(*ATTEMPTS.c))
_ATTEMPT = Statement(sa.select(ATTEMPTS).where(*THIS_ATTEMPT))


@dataclass(frozen=True, slots=True)
class Claimed:
    """What came of looking at the queue.

    Attributes:
        attempts: As they stand that are to be begun, by the ids of their courses.
        obstacles: What is in other tasks' way, by their ids, as far as was looked.
        full: Why nothing more can start at all; empty when more can.
        behind: Why those were not looked at that are in nothing's way; empty when all were.
        wake_at: When to look again, at the latest; None when nothing is known to come.
    """

    attempts: Mapping[str, Found | Next]
    obstacles: Mapping[str, Obstacle]
    wake_at: float | None
    full: str = ""
    behind: str = ""


class Demands:
    """What admission must know of all that are queued, each read once for each time in the queue.

    Without it every look at a long queue would read every task of it.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Demand]] = {}
        self._left = MOST_READ

    def begin(self) -> None:
        """Read some more tasks; forget those that were read first, where they are too many."""
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._left = MOST_READ

    def of(self, one: Candidate, read: Callable[[str], Record]) -> Demand | None:
        """Return what admission must know; None when too many were read by now.

        Args:
            read: Returns a task's row.
        """
        queued_at, demand = self._known.get(one.task_id, (None, None))
        if demand is not None and queued_at == one.queued_at:
            return demand
        if self._left <= 0:
            return None
        self._left -= 1
        demand = demand_of(one.task_id, load_spec(read(one.task_id).spec))
        self._known[one.task_id] = one.queued_at, demand
        return demand


def claim(
    writer: Writer,
    holder: Holder,
    limits: DispatchLimits,
    admission: Admission,
    demands: Demands | None = None,
) -> Claimed:
    """Claim what may start on this machine now. Nobody else claims at the same time.

    Args:
        demands: What was read by claims before.
    """
    queue_due(writer)
    due = next_due(writer)
    machine = machine_row(writer.connection, holder.machine)
    if machine is None or machine.epoch != holder.epoch:
        return Claimed({}, {}, due)
    situation = situation_of(writer.connection, holder.machine, machine, limits, writer.now)
    counts = Counts(situation)
    if counts.full or situation.here.draining:
        return Claimed({}, {}, due, _full(counts, situation.here))

    known = demands or Demands()
    known.begin()
    unread: list[float] = []
    read = cache(writer.task)

    def admit(one: Candidate) -> Refusal | None:
        demand = known.of(one, read)
        if demand is None:
            unread.append(writer.now)
            return Refusal("its turn comes in a moment", Reach.ALL)
        return admission.admit(demand, time_of(writer.now))

    choice = choose(queue_of(writer.connection, limits.ageing_seconds), situation, admit)
    attempts = dict(_start(writer, read(one.task_id), holder) for one in choice.picks)
    times = [at for at in (due, choice.wake_at, *unread) if at is not None]
    for one in choice.picks:
        counts.add(one.traits, holder.machine)
    full = _full(counts, situation.here)
    return Claimed(attempts, choice.obstacles, min(times, default=None), full, choice.behind)


def _full(counts: Counts, here: Here) -> str:
    """Say why nothing more can start on a machine; empty when more can."""
    if here.draining:
        return f"machine {here.name} is being drained"
    found = next(counts.in_the_way(Traits()), None)
    return found.sentence if found else ""


def machine_row(connection: Connection, name: str) -> Record | None:
    """Return what is known of a machine."""
    return _MACHINE.one_or_none(connection, {"machine": name})


def situation_of(
    connection: Connection, machine: str, row: Record | None, limits: DispatchLimits, now: float
) -> Situation:
    """Return what the choice for a machine depends on besides the queue.

    Args:
        row: The machine's own, if it has one.
    """
    here = (
        Here(machine, row.capacity, json.loads(row.labels), row.draining)
        if row is not None
        else Here(machine, 0)
    )
    active = [Active(_traits(one), one.machine) for one in _RUNNING.all(connection)]
    started = []
    if limits.longest_rate_seconds:
        recent = _STARTED.all(connection, {"since": now - limits.longest_rate_seconds})
        started = [(one.started_at, _traits(one)) for one in recent]
    pauses = set(_PAUSED.scalars(connection))
    return Situation(here, limits, now, active, started, pauses)


def queue_of(connection: Connection, ageing_seconds: float) -> Iterator[Candidate]:
    """Return what is queued by rank, the highest first, reading no more than is taken.

    A task's rank is its priority, plus one for each `ageing_seconds` in the queue. Of two tasks the
    same one is ahead at all times, since both age alike.
    """
    for start in itertools.count(0, PAGE):
        page = {"ageing": ageing_seconds, "rows": PAGE, "start": start}
        rows = _QUEUE.all(connection, page)
        yield from map(candidate, rows)
        if len(rows) < PAGE:
            return


def ahead_of(connection: Connection, one: Candidate, ageing_seconds: float) -> int:
    """Count what is queued before a task."""
    mine = one.queued_at - one.priority * ageing_seconds, one.queued_at, one.number
    ahead = sa.tuple_(*_RANK) < sa.tuple_(*mine)
    query = sa.select(sa.func.count()).where(TASKS.c.state == TaskState.QUEUED, ahead)
    return int(connection.execute(query, {"ageing": ageing_seconds}).scalar_one())


def candidate(row: Record) -> Candidate:
    """Return a task of the queue from its row."""
    labels = json.loads(row.labels) if row.labels != "{}" else {}
    return Candidate(row.task_id, row.number, _traits(row), row.priority, row.queued_at, labels)


def _traits(row: Record) -> Traits:
    return Traits(row.kind, row.team, row.repository, row.account)


def _start(writer: Writer, row: Record, holder: Holder) -> tuple[str, Found | Next]:
    number: int = row.attempts + 1
    attempt = {
        "task_id": row.task_id,
        "number": number,
        "origin": number,
        "machine": holder.machine,
        "epoch": holder.epoch,
        "started_at": writer.now,
        "deadline": writer.now + load_spec(row.spec).deadline_seconds,
        "beat_at": writer.now,
        "reason": "",
        "evidence": "",
        "crashes": 0,
        "cleaned": False,
    }
    begun = _BEGIN.one_or_none(writer.connection, attempt | _kept(writer.connection, row))
    task = writer.move(row, TaskState.STARTING, attempt=number, fork_step="", attempts=number)
    return course_of(row.task_id, number), found_in(writer.connection, task, begun)


def _kept(connection: Connection, row: Record) -> dict[str, object]:
    """Return what the new attempt keeps of the last one, where it is forked off."""
    names = {"begin": ("place",), "supervise": ("place", "running", "origin")}
    names["collect"] = ("place", "running", "ending", "origin")
    wanted = names.get(row.fork_step, ())
    if not wanted:
        return {}
    of = {"of_task": row.task_id, "of_number": row.attempts}
    last = _ATTEMPT.one_or_none(connection, of)
    return {} if last is None else {name: getattr(last, name) for name in wanted}
