"""Tasks are read back from their rows."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from iterm_mcp.errors import InvalidRequestError, NotFoundError, shown
from iterm_mcp.models.task_queries import MOST_TASKS, TaskChange, TaskPage
from iterm_mcp.models.tasks import (
    Attempt,
    GraphId,
    MachineName,
    Outcome,
    Task,
    TaskId,
    TaskMove,
    TaskState,
)
from iterm_mcp.tasks.codec import load_result, load_spec, time_of, time_or_none
from iterm_mcp.tasks.tables import ATTEMPTS, MOVES, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Select

    from iterm_mcp.models.task_queries import TaskQuery
    from iterm_mcp.tasks.statements import Record

MOST_CHANGES = 500
_ESCAPE = "\\"


def get_task(connection: Connection, task_id: str) -> Task:
    """Return a task with its attempts and moves.

    Raises:
        NotFoundError: There is none.
    """
    rows = connection.execute(sa.select(TASKS).where(TASKS.c.task_id == task_id)).all()
    if not rows:
        raise NotFoundError("task", task_id, hint="List tasks to see which there are.")
    return _tasks(connection, rows)[0]


def find_tasks(connection: Connection, query: TaskQuery) -> TaskPage:
    """Return a page of tasks, the newest first.

    Raises:
        InvalidRequestError: The cursor is none, or the page is too long.
    """
    if not 1 <= query.limit <= MOST_TASKS:
        raise InvalidRequestError(
            f"a page of {query.limit} tasks", hint=f"Ask for 1 to {MOST_TASKS}."
        )
    chosen = _narrowed(sa.select(TASKS), query).order_by(TASKS.c.number.desc())
    rows = connection.execute(chosen.limit(query.limit + 1)).all()
    page = rows[: query.limit]
    more = len(rows) > query.limit
    return TaskPage(tuple(_tasks(connection, page)), str(page[-1].number) if more else "")


def tasks_of(connection: Connection, ids: Sequence[str]) -> list[Task]:
    """Return those of the tasks that there are, in the order in which they were submitted."""
    rows = connection.execute(
        sa.select(TASKS).where(TASKS.c.task_id.in_(ids)).order_by(TASKS.c.number)
    ).all()
    return _tasks(connection, rows)


def count_states(connection: Connection) -> dict[TaskState, int]:
    """Return how many tasks stand in each state."""
    found = connection.execute(sa.select(TASKS.c.state, sa.func.count()).group_by(TASKS.c.state))
    counts = dict.fromkeys(TaskState, 0)
    return {**counts, **{TaskState(state): count for state, count in found}}


def changes_since(connection: Connection, since: int, most: int = MOST_CHANGES) -> list[TaskChange]:
    """Return what has changed after the change of this id, oldest first."""
    query = (
        sa.select(MOVES, TASKS.c.graph, TASKS.c.name, TASKS.c.kind, TASKS.c.team)
        .join(TASKS, TASKS.c.task_id == MOVES.c.task_id)
        .where(MOVES.c.move_id > since)
        .order_by(MOVES.c.move_id)
        .limit(most)
    )
    return [
        TaskChange(
            row.move_id,
            TaskId(row.task_id),
            GraphId(row.graph),
            row.name,
            row.kind,
            row.team,
            TaskState(row.state),
            time_of(row.at),
            row.reason,
            row.attempt,
        )
        for row in connection.execute(query)
    ]


def last_change(connection: Connection) -> int:
    """Return the id of the last change; 0 when there was none."""
    return connection.execute(sa.select(sa.func.max(MOVES.c.move_id))).scalar() or 0


def _narrowed(chosen: Select[Any], query: TaskQuery) -> Select[Any]:
    if query.states:
        chosen = chosen.where(TASKS.c.state.in_(sorted(query.states)))
    for column in ("graph", "team", "kind", "repository"):
        wanted = getattr(query, column)
        if wanted:
            chosen = chosen.where(TASKS.c[column] == wanted)
    if query.text:
        chosen = chosen.where(
            TASKS.c.words.contains(query.text.lower(), autoescape=True, escape=_ESCAPE)
        )
    if query.cursor:
        if not (query.cursor.isascii() and query.cursor.isdigit()) or len(query.cursor) > 18:  # noqa: PLR2004 - what a database counts to
            raise InvalidRequestError(
                f"{shown(query.cursor)!r} is no cursor",
                hint="Give one back exactly as the page before returned it.",
                code="bad_cursor",
            )
        chosen = chosen.where(TASKS.c.number < int(query.cursor))
    return chosen


def _tasks(connection: Connection, rows: Sequence[Record]) -> list[Task]:
    ids = [row.task_id for row in rows]
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    moves: dict[str, list[TaskMove]] = defaultdict(list)
    found: Iterable[Record] = connection.execute(
        sa.select(ATTEMPTS).where(ATTEMPTS.c.task_id.in_(ids)).order_by(ATTEMPTS.c.number)
    )
    for one in found:
        attempts[one.task_id].append(attempt_of(one))
    found = connection.execute(
        sa.select(MOVES).where(MOVES.c.task_id.in_(ids)).order_by(MOVES.c.move_id)
    )
    for one in found:
        moves[one.task_id].append(
            TaskMove(TaskState(one.state), time_of(one.at), one.reason, one.attempt)
        )
    return [_task(row, attempts[row.task_id], moves[row.task_id]) for row in rows]


def _task(row: Record, attempts: Sequence[Attempt], moves: Sequence[TaskMove]) -> Task:
    return Task(
        task_id=TaskId(row.task_id),
        number=row.number,
        spec=load_spec(row.spec),
        state=TaskState(row.state),
        created_at=time_of(row.created_at),
        graph=GraphId(row.graph),
        reason=row.reason,
        question=row.question,
        cancelling=bool(row.cancelling),
        attempts=tuple(attempts),
        moves=tuple(moves),
        result=load_result(row.result),
        submitter=row.submitter,
        settled_at=time_or_none(row.settled_at),
    )


def attempt_of(row: Record) -> Attempt:
    """Return an attempt from its row."""
    running = json.loads(row.running) if row.running else {}
    place = json.loads(row.place) if row.place else {}
    return Attempt(
        number=row.number,
        machine=MachineName(row.machine),
        epoch=row.epoch,
        started_at=time_of(row.started_at),
        agent=running.get("agent", ""),
        session_id=running.get("session_id", ""),
        worktree=place.get("worktree", ""),
        beat_at=time_or_none(row.beat_at),
        ended_at=time_or_none(row.ended_at),
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason=row.reason,
        result=load_result(row.result),
        evidence=row.evidence,
    )
