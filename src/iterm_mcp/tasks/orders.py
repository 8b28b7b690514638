"""What an attempt is to do, read from its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.tasks import TaskId
from iterm_mcp.tasks import codec
from iterm_mcp.tasks.conditions import fill
from iterm_mcp.tasks.releasing import inputs_of
from iterm_mcp.tasks.statements import Statement
from iterm_mcp.tasks.tables import ATTEMPTS, TASKS, THIS_ATTEMPT
from iterm_mcp.tasks.work import Order

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.work import Place, Running


_TASK = Statement(sa.select(TASKS).where(TASKS.c.task_id == sa.bindparam("of_task")))
_ATTEMPT = Statement(sa.select(ATTEMPTS).where(*THIS_ATTEMPT))


def order_of(connection: Connection, task: Record, row: Record) -> Order:
    """Return what an attempt is to do, with values of results put in.

    Raises:
        InvalidRequestError: A value is not there.
    """
    spec = replace(codec.load_spec(task.spec), repository=task.repository)
    inputs = inputs_of(connection, task.task_id) if spec.needs else {}
    deadline = codec.time_of(row.deadline)
    filled = fill(spec, inputs)
    return Order(TaskId(task.task_id), row.number, filled, inputs, deadline, row.origin)


def read_order(connection: Connection, task_id: str, number: int) -> tuple[Order, Record] | None:
    """Return an attempt, whoever holds it, with its row; None if it was purged.

    Where values are not there, it is as it was asked for.
    """
    of = {"of_task": task_id, "of_number": number}
    task = _TASK.one_or_none(connection, of)
    row = _ATTEMPT.one_or_none(connection, of)
    if task is None or row is None:
        return None
    try:
        return order_of(connection, task, row), row
    except InvalidRequestError:
        spec = codec.load_spec(task.spec)
        deadline = codec.time_of(row.deadline)
        return Order(TaskId(task_id), number, spec, {}, deadline, row.origin), row


def place_of(row: Record) -> Place:
    """Return where an attempt works."""
    return codec.load_place(row.place)


def running_of(row: Record) -> Running:
    """Return what works on an attempt."""
    return codec.load_running(row.running)
