"""What follows when a task has settled: others are let go, skipped, cancelled, or made undone.

All of it happens in the transaction in which the task settles.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.task_graphs import FailurePolicy
from iterm_mcp.models.tasks import ACTIVE, GATHER, SETTLED, TaskResult, TaskState
from iterm_mcp.tasks.codec import (
    dump,
    dump_spec,
    load_result,
    load_spec,
    seconds_of,
)
from iterm_mcp.tasks.conditions import fill, holds
from iterm_mcp.tasks.fan_out import gather, spread
from iterm_mcp.tasks.statements import Statement
from iterm_mcp.tasks.tables import GRAPHS, NEEDS, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from iterm_mcp.models.tasks import Condition, TaskSpec
    from iterm_mcp.tasks.fan_out import Spread
    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.writing import Writer


_NEEDS = Statement(
    sa.select(
        NEEDS.c.need,
        NEEDS.c.need_id,
        TASKS.c.name,
        # One that was purged had settled, and who needed it too; be safe all the same.
        sa.func.coalesce(TASKS.c.state, TaskState.CANCELLED).label("state"),
        TASKS.c.result,
    )
    .select_from(NEEDS.outerjoin(TASKS, TASKS.c.task_id == NEEDS.c.need_id))
    .where(NEEDS.c.task_id == sa.bindparam("of_task"))
)
_DEPENDANTS = Statement(
    sa.select(TASKS.c.task_id)
    .join(NEEDS, NEEDS.c.task_id == TASKS.c.task_id)
    .where(NEEDS.c.need_id == sa.bindparam("needed"), TASKS.c.state == sa.bindparam("in_state"))
    .order_by(TASKS.c.number)
)
_GRAPH = Statement(
    sa.select(GRAPHS).where(GRAPHS.c.graph_id == sa.bindparam("of_graph")).with_for_update()
)


class AddTasks(Protocol):
    """Writes further tasks of a graph down, see `iterm_mcp.tasks.submitting.add_tasks`."""

    def __call__(
        self,
        writer: Writer,
        specs: Sequence[TaskSpec],
        ids: Mapping[str, str],
        graph_id: str,
        submitter: str,
        repositories: Mapping[str, str],
    ) -> list[Record]:
        """Return those that may have nothing to wait for."""


def follow(writer: Writer, settled: Iterable[Record], add: AddTasks) -> None:
    """Do what follows from tasks that have just settled, and from what settles by that."""
    waiting = deque(settled)
    while waiting:
        row = waiting.popleft()
        for other in _dependants(writer, row.task_id):
            waiting.extend(consider(writer, other, add))
        waiting.extend(_keep_to_policy(writer, row))


def consider(writer: Writer, row: Record, add: AddTasks) -> list[Record]:
    """Let a waiting task go, if there is nothing left that it waits for.

    Returns:
        What has settled by that; `follow` is for the caller to call.
    """
    if row.state != TaskState.WAITING or row.compensates:
        return []
    needs = needs_of(writer.connection, row.task_id)
    failed = next((one for one in needs if _has_failed(one.state)), None)
    if failed is not None:
        reason = f"it needs {failed.need!r}, which is {failed.state}"
        return [writer.move(row, TaskState.SKIPPED, reason)]
    if any(one.state != TaskState.SUCCEEDED for one in needs):
        return []
    inputs = {one.need: load_result(one.result) or TaskResult() for one in needs}
    try:
        return _release(writer, row, inputs, add)
    except InvalidRequestError as error:  # what it was given is not what it asks for
        return [writer.move(row, TaskState.DEAD, f"{error}. {error.hint}")]


def _has_failed(state: str) -> bool:
    return state in SETTLED and state != TaskState.SUCCEEDED


def _release(
    writer: Writer, row: Record, inputs: Mapping[str, TaskResult], add: AddTasks
) -> list[Record]:
    """Let a task go that has all it needs; return what has settled by that."""
    spec = load_spec(row.spec)
    unfulfilled = next((one for one in spec.when if not holds(one, inputs[one.task])), None)
    if unfulfilled is not None:
        return [writer.move(row, TaskState.SKIPPED, _unfulfilled(unfulfilled))]
    if spec.kind == GATHER:
        result = dump(gather(spec, inputs))
        return [writer.move(row, TaskState.SUCCEEDED, result=result)]
    if spec.fan_out is not None:
        return _fan_out(writer, row, spec, inputs, add)
    fill(spec, inputs)
    _let_go(writer, row, spec)
    return []


def needs_of(connection: Connection, task_id: str) -> Sequence[Record]:
    """Return how the tasks stand that a task needs: need, need_id, name, state, result."""
    return _NEEDS.all(connection, {"of_task": task_id})


def inputs_of(connection: Connection, task_id: str) -> dict[str, TaskResult]:
    """Return the results of the tasks that a task needs, by the name by which it needs them."""
    return {
        one.need: load_result(one.result) or TaskResult()
        for one in needs_of(connection, task_id)
        if one.state == TaskState.SUCCEEDED
    }


def revive(writer: Writer, row: Record) -> None:
    """Have what was skipped for a task's sake wait for it again, now that it is tried anew."""
    if row.graph:
        dead = sa.select(TASKS.c.task_id).where(
            TASKS.c.graph == row.graph, TASKS.c.state == TaskState.DEAD
        )
        if writer.connection.execute(dead.limit(1)).first() is None:
            _mark_failed(writer, row.graph, failed=False)
    waiting = deque([row.task_id])
    while waiting:
        for other in _dependants(writer, waiting.popleft(), TaskState.SKIPPED):
            lost = {
                one.state
                for one in needs_of(writer.connection, other.task_id)
                if _has_failed(one.state)
            }
            if not lost:
                writer.move(other, TaskState.WAITING, f"{row.name!r} is tried again")
                waiting.append(other.task_id)


def _let_go(writer: Writer, row: Record, spec: TaskSpec) -> None:
    later = seconds_of(spec.not_before) if spec.not_before else 0.0
    if later > writer.now:
        writer.move(row, TaskState.DELAYED, not_before=later)
    else:
        writer.move(row, TaskState.QUEUED)


def _fan_out(
    writer: Writer,
    row: Record,
    spec: TaskSpec,
    inputs: Mapping[str, TaskResult],
    add: AddTasks,
) -> list[Record]:
    """Put the tasks of all elements into the graph; the task itself waits for them from now on."""
    if spec.fan_out is not None and spec.fan_out.along:
        raise InvalidRequestError(
            f"{spec.fan_out.task!r} has fanned out without {spec.name!r}, which was not waiting",
            hint="Submit what is left anew.",
        )
    steps = _steps_after(writer, row)
    spreads = spread(spec, inputs, [load_spec(one.spec) for one in steps])
    connection = writer.connection
    names = connection.execute(
        sa.select(TASKS.c.name, TASKS.c.task_id).where(TASKS.c.graph == row.graph)
    )
    ids: dict[str, str] = {one.name: one.task_id for one in names.all()}
    outside: dict[str, str] = {}
    children: list[TaskSpec] = []
    for one, found in zip([row, *steps], spreads, strict=True):
        outside |= {need.need: need.need_id for need in needs_of(connection, one.task_id)}
        for number, child in enumerate(found.children, 1):
            if child.name in ids:
                raise InvalidRequestError(
                    f"there is a task {child.name!r} already, as the fan-out would make one",
                    hint="Give that one another name.",
                )
            # Made from its id, so that no kill can make them twice.
            ids[child.name] = f"{one.task_id}.{number}"
            children.append(replace(child, key=""))
    fresh = add(
        writer,
        children,
        {**outside, **ids},
        row.graph,
        row.submitter,
        {child.directory: row.repository for child in children},
    )
    for one, found in zip([row, *steps], spreads, strict=True):
        _gather_instead(writer, one, found, ids)
    settled = [one for child in fresh for one in consider(writer, child, add)]
    for one in [row, *steps]:
        settled += consider(writer, writer.task(one.task_id), add)
    return settled


def _gather_instead(writer: Writer, row: Record, found: Spread, ids: Mapping[str, str]) -> None:
    """Have a task wait for those that it has become."""
    writer.connection.execute(sa.delete(NEEDS).where(NEEDS.c.task_id == row.task_id))
    edges = [
        {"task_id": row.task_id, "need": one.name, "need_id": ids[one.name]}
        for one in found.children
    ]
    if edges:
        writer.connection.execute(sa.insert(NEEDS), edges)
    writer.connection.execute(
        sa.update(TASKS)
        .where(TASKS.c.task_id == row.task_id)
        .values(spec=dump_spec(found.gather), kind=GATHER, reason=f"for its {len(edges)} tasks")
    )


def _steps_after(writer: Writer, head: Record) -> list[Record]:
    """Return the chain that follows a task that fans out, as far as it is not cancelled.

    What was skipped is part of it, for when that which it needs besides is tried again.
    """
    chain = {head.name: head}
    waiting = deque([head])
    while waiting:
        before = waiting.popleft()
        for state in (TaskState.WAITING, TaskState.SKIPPED):
            for row in _dependants(writer, before.task_id, state):
                fan_out = load_spec(row.spec).fan_out
                ours = row.graph == head.graph and row.name not in chain
                if ours and fan_out is not None and fan_out.along and fan_out.task == head.name:
                    chain[row.name] = row
                    waiting.append(row)
    del chain[head.name]
    return sorted(chain.values(), key=lambda row: int(row.number))


def _dependants(writer: Writer, task_id: str, state: TaskState = TaskState.WAITING) -> list[Record]:
    found = _DEPENDANTS.scalars(writer.connection, {"needed": task_id, "in_state": state})
    return [writer.task(one) for one in found]


def _keep_to_policy(writer: Writer, row: Record) -> list[Record]:
    """Do what the graph of a settled task asks for; return what has settled by that."""
    graph = _GRAPH.one_or_none(writer.connection, {"of_graph": row.graph})
    if graph is None:
        return []
    settled = []
    failed = graph.failed
    if row.state == TaskState.DEAD and not row.compensates:
        failed = True
        _mark_failed(writer, row.graph, failed=True)
        if graph.on_failure != FailurePolicy.CONTINUE:
            settled = _stop(writer, row)
    if graph.compensates:
        undoing = failed and graph.on_failure == FailurePolicy.COMPENSATE
        settled += _compensate(writer, row.graph, undoing=undoing)
    return settled


def _mark_failed(writer: Writer, graph_id: str, *, failed: bool) -> None:
    writer.connection.execute(
        sa.update(GRAPHS).where(GRAPHS.c.graph_id == graph_id).values(failed=failed)
    )


def _stop(writer: Writer, dead: Record) -> list[Record]:
    """Cancel what does not run, for a dead task's sake."""
    query = (
        sa.select(TASKS)
        .where(
            TASKS.c.graph == dead.graph,
            TASKS.c.compensates == "",
            TASKS.c.state.in_([TaskState.WAITING, TaskState.DELAYED, TaskState.QUEUED]),
        )
        .order_by(TASKS.c.number)
        .with_for_update()
    )
    reason = f"{dead.name!r} is dead, and the graph stops then"
    rows = writer.connection.execute(query).all()
    return [writer.move(one, TaskState.CANCELLED, reason) for one in rows]


def _compensate(writer: Writer, graph_id: str, *, undoing: bool) -> list[Record]:
    """Once all other tasks have settled, make undone what succeeded, one at a time."""
    query = sa.select(TASKS).where(TASKS.c.graph == graph_id).order_by(TASKS.c.number)
    rows = writer.connection.execute(query.with_for_update()).all()
    if any(not one.compensates and one.state not in SETTLED for one in rows):
        return []
    by_name = {one.name: one for one in rows}
    settled = []
    ready = []
    for one in rows:
        if not one.compensates or one.state != TaskState.WAITING:
            continue
        done = by_name.get(one.compensates)
        if not undoing:
            settled.append(writer.move(one, TaskState.SKIPPED, "nothing is to be made undone"))
        elif done is None or done.state != TaskState.SUCCEEDED:
            reason = f"{one.compensates!r} did not succeed, so nothing of it is made undone"
            settled.append(writer.move(one, TaskState.SKIPPED, reason))
        else:
            ready.append((done.settled_at, done.number, one))
    busy = {TaskState.QUEUED, TaskState.DELAYED, *ACTIVE}
    if not ready or any(one.compensates and one.state in busy for one in rows):
        return settled
    newest = max(ready, key=lambda found: found[:2])[2]
    try:
        fill(load_spec(newest.spec), inputs_of(writer.connection, newest.task_id))
    except InvalidRequestError as error:
        return [*settled, writer.move(newest, TaskState.DEAD, f"{error}. {error.hint}")]
    writer.move(newest, TaskState.QUEUED, f"makes {newest.compensates!r} undone")
    return settled


def _unfulfilled(condition: Condition) -> str:
    where = ".".join(filter(None, (condition.task, condition.path)))
    return f"its condition does not hold: {where} {condition.operator} {condition.value!r}"
