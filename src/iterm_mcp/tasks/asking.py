"""What people ask of tasks that are there: cancel, retry, answer, fork, pause, purge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, shown
from iterm_mcp.models.task_queries import EVERYTHING, Pause
from iterm_mcp.models.tasks import ACTIVE, GATHER, SETTLED, TaskState
from iterm_mcp.tasks.codec import load_spec, time_of
from iterm_mcp.tasks.forgetting import note_kept
from iterm_mcp.tasks.releasing import consider, follow, needs_of, revive
from iterm_mcp.tasks.submitting import add_tasks
from iterm_mcp.tasks.tables import ANSWERS, ATTEMPTS, GRAPHS, NEEDS, PAUSES, TASKS
from iterm_mcp.tasks.writing import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.writing import Writer

STEPS = ("prepare", "begin", "supervise", "collect")
"""Of an attempt, in their order; before any of them a new attempt can be forked off."""

SCOPES = ("team", "repository", "kind", "account")
_CHUNK = 400


def cancel(writer: Writer, task_id: str, who: str, reason: str) -> None:
    """End a task: at once when it does not run, else as soon as what it opened is closed.

    Raises:
        ConflictError: It has ended otherwise.
    """
    row = writer.task(task_id)
    said = clean(f"cancelled by {who or 'nobody named'}" + (f": {reason}" if reason else ""))
    if row.state in ACTIVE:
        if not row.cancelling:
            writer.connection.execute(
                sa.update(TASKS).where(TASKS.c.task_id == task_id).values(cancelling=said)
            )
    elif row.state in SETTLED:
        if row.state != TaskState.CANCELLED:
            raise ConflictError(
                f"task {task_id} is {row.state} already", hint="It need not be cancelled."
            )
    else:
        follow(writer, [writer.move(row, TaskState.CANCELLED, said)], add_tasks)


def cancel_graph(writer: Writer, graph_id: str, who: str, reason: str) -> None:
    """End all tasks of a graph that have not settled.

    Raises:
        NotFoundError: There is no such graph.
    """
    _check_graph(writer, graph_id)
    query = sa.select(TASKS.c.task_id).where(
        TASKS.c.graph == graph_id, TASKS.c.state.not_in(sorted(SETTLED))
    )
    # From the end, so that what would be skipped for another's sake is cancelled itself.
    ids = writer.connection.execute(query.order_by(TASKS.c.number.desc())).scalars().all()
    for task_id in ids:
        if writer.task(task_id).state not in SETTLED:
            cancel(writer, task_id, who, reason)


def retry(writer: Writer, task_id: str, who: str, *, step: str = "") -> None:
    """Try a dead or cancelled task anew, with all its retries; what it was skipped for waits again.

    Args:
        step: The new attempt keeps what the last one did before this step.

    Raises:
        ConflictError: It is neither, or what it needs did not succeed.
    """
    row = writer.task(task_id)
    if row.state not in {TaskState.DEAD, TaskState.CANCELLED}:
        raise ConflictError(
            f"task {task_id} is {row.state}", hint="Only dead or cancelled tasks are tried again."
        )
    states = _states_of_needs(writer, row)
    spec = load_spec(row.spec)
    # What runs nothing itself, or lacks something yet, waits until it is let go.
    waits = spec.kind == GATHER or spec.fan_out is not None or states - {TaskState.SUCCEEDED}
    how = f"from {step} on" if step else "anew"
    row = writer.move(
        row,
        TaskState.WAITING if waits else TaskState.QUEUED,
        f"tried {how}, as {who or 'nobody named'} asked",
        tries=0,
        losses=0,
        cancelling="",
        fork_step=step,
    )
    revive(writer, row)
    follow(writer, consider(writer, row, add_tasks), add_tasks)


def fork(writer: Writer, task_id: str, step: str, who: str) -> None:
    """Try a dead or cancelled task again from a step on, keeping what was recorded before it.

    Raises:
        InvalidRequestError: There is no such step, or what comes before it was not recorded.
        ConflictError: The task is neither dead nor cancelled.
    """
    if step not in STEPS:
        raise InvalidRequestError(
            f"{shown(step)!r} is no step of an attempt", hint=f"Use one of {', '.join(STEPS)}."
        )
    row = writer.task(task_id)
    last = writer.connection.execute(
        sa.select(ATTEMPTS).where(ATTEMPTS.c.task_id == task_id, ATTEMPTS.c.number == row.attempts)
    ).one_or_none()
    kept = {"begin": "place", "supervise": "running", "collect": "ending"}
    wanted = kept.get(step)
    if wanted and (last is None or getattr(last, wanted) is None):
        raise InvalidRequestError(
            f"the last attempt of {task_id} did not come as far as {step}",
            hint="Fork from an earlier step, or retry the task.",
        )
    retry(writer, task_id, who, step=step if step != STEPS[0] else "")


def answer(writer: Writer, task_id: str, text: str, who: str) -> None:
    """Write down what a person says to a task's question.

    Raises:
        ConflictError: It asks nothing, or has been answered.
    """
    row = writer.task(task_id)
    if row.state != TaskState.NEEDS_INPUT:
        raise ConflictError(
            f"task {task_id} is {row.state}, and asks nothing",
            hint="Send its agent a message instead.",
        )
    if open_answer(writer.connection, task_id, row.attempts) is not None:
        raise ConflictError(
            f"task {task_id} has been answered already", hint="Wait until it has taken that."
        )
    writer.connection.execute(
        sa.insert(ANSWERS).values(
            task_id=task_id,
            attempt=row.attempts,
            question=row.question,
            text=text.replace("\0", "").encode("utf-8", "replace").decode(),
            who=clean(who),
            at=writer.now,
        )
    )


def open_answer(connection: Connection, task_id: str, attempt: int) -> Record | None:
    """Return the answer that has not been given to what runs yet."""
    query = sa.select(ANSWERS).where(
        ANSWERS.c.task_id == task_id,
        ANSWERS.c.attempt == attempt,
        ANSWERS.c.given_at.is_(None),
    )
    return connection.execute(query.order_by(ANSWERS.c.answer_id).limit(1)).one_or_none()


def asks(connection: Connection, task_id: str) -> bool:
    """Tell whether a task waits for a person to say something."""
    query = sa.select(TASKS.c.state).where(TASKS.c.task_id == task_id)
    return connection.execute(query).scalar() == TaskState.NEEDS_INPUT


def check_scope(scope: str) -> str:
    """Return the scope of a pause.

    Raises:
        InvalidRequestError: It is none.
    """
    what, _, name = scope.partition(":")
    if scope == EVERYTHING or (what in SCOPES and name):
        return clean(scope)
    raise InvalidRequestError(
        f"{shown(scope)!r} is nothing that can be paused",
        hint=f"Use {EVERYTHING}, or {', '.join(f'{one}:NAME' for one in SCOPES)}.",
    )


def pause(writer: Writer, scope: str, who: str) -> None:
    """Hold tasks back; what is paused already stays so.

    Raises:
        InvalidRequestError: The scope is none.
    """
    scope = check_scope(scope)
    there = sa.select(PAUSES).where(PAUSES.c.scope == scope)
    if writer.connection.execute(there).first() is None:
        writer.connection.execute(
            sa.insert(PAUSES).values(scope=scope, who=clean(who), at=writer.now)
        )


def resume(writer: Writer, scope: str) -> None:
    """Let tasks go on.

    Raises:
        NotFoundError: They are not paused.
    """
    gone = writer.connection.execute(sa.delete(PAUSES).where(PAUSES.c.scope == check_scope(scope)))
    if not gone.rowcount:
        raise NotFoundError("pause", scope, hint="List pauses to see what is held back.")


def pauses(connection: Connection) -> list[Pause]:
    """Return what is held back, the oldest first."""
    rows = connection.execute(sa.select(PAUSES).order_by(PAUSES.c.at))
    return [Pause(row.scope, row.who, time_of(row.at)) for row in rows]


def purge(writer: Writer, ids: Sequence[str]) -> None:
    """Forget settled tasks. What machines keep of their attempts is noted for them to remove.

    One that did not settle, or that an unsettled one needs, is not purged.

    Raises:
        ConflictError: One has not settled, or is needed still.
    """
    for start in range(0, len(ids), _CHUNK):
        part = list(ids[start : start + _CHUNK])
        rows = writer.connection.execute(
            sa.select(TASKS.c.task_id, TASKS.c.state, TASKS.c.graph)
            .where(TASKS.c.task_id.in_(part))
            .with_for_update()
        ).all()
        for row in rows:
            if row.state not in SETTLED:
                raise ConflictError(
                    f"task {row.task_id} is {row.state}", hint="Cancel it first, and wait."
                )
        _check_not_needed(writer, part)
        note_kept(writer, part)
        writer.connection.execute(sa.delete(NEEDS).where(NEEDS.c.need_id.in_(part)))
        writer.connection.execute(sa.delete(TASKS).where(TASKS.c.task_id.in_(part)))
        left = sa.select(TASKS.c.graph).where(TASKS.c.graph == GRAPHS.c.graph_id)
        writer.connection.execute(
            sa.delete(GRAPHS).where(
                GRAPHS.c.graph_id.in_({row.graph for row in rows}), ~left.exists()
            )
        )


def expired(connection: Connection, before: float, most: int = 500) -> list[str]:
    """Return settled tasks that settled before a time and whose whole graph has settled."""
    busy = sa.alias(TASKS)
    going_on = (
        sa.select(busy.c.task_id)
        .where(busy.c.graph == TASKS.c.graph, busy.c.settled_at.is_(None))
        .exists()
    )
    needing = (
        sa.select(NEEDS.c.task_id)
        .join(busy, busy.c.task_id == NEEDS.c.task_id)
        .where(NEEDS.c.need_id == TASKS.c.task_id, busy.c.settled_at.is_(None))
        .exists()
    )
    query = sa.select(TASKS.c.task_id).where(TASKS.c.settled_at < before, ~going_on, ~needing)
    return list(connection.execute(query.order_by(TASKS.c.number).limit(most)).scalars())


def _check_graph(writer: Writer, graph_id: str) -> None:
    query = sa.select(GRAPHS.c.graph_id).where(GRAPHS.c.graph_id == graph_id)
    if writer.connection.execute(query).first() is None:
        raise NotFoundError("graph", graph_id, hint="List tasks to see of which graph they are.")


def _states_of_needs(writer: Writer, row: Record) -> set[TaskState]:
    """Return how those stand that a task needs.

    Raises:
        ConflictError: One of them will not succeed.
    """
    needs = needs_of(writer.connection, row.task_id)
    for one in needs:
        if one.state in SETTLED and one.state != TaskState.SUCCEEDED:
            raise ConflictError(
                f"task {row.task_id} needs {shown(one.need)!r}, which is {one.state}",
                hint="Retry that one first.",
            )
    return {TaskState(one.state) for one in needs}


def _check_not_needed(writer: Writer, ids: Sequence[str]) -> None:
    query = (
        sa.select(NEEDS.c.need_id, TASKS.c.task_id)
        .join(TASKS, TASKS.c.task_id == NEEDS.c.task_id)
        .where(NEEDS.c.need_id.in_(ids), TASKS.c.settled_at.is_(None))
    )
    row = writer.connection.execute(query.limit(1)).first()
    if row is not None:
        raise ConflictError(
            f"task {row.task_id} still needs {row.need_id}",
            hint="Wait until it has settled, or cancel it.",
        )
