"""What is kept of purged tasks is removed by the machines that have it.

A purge writes down what each machine still has, in the transaction that removes the task; so
neither a kill, nor a machine that is away meanwhile, leaves anything behind for ever.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import sqlalchemy as sa
import structlog

from iterm_mcp.errors import ItermMcpError, StoreError
from iterm_mcp.models.tasks import Outcome, TaskId
from iterm_mcp.tasks.attempt_rows import course_of
from iterm_mcp.tasks.codec import load_spec, time_of
from iterm_mcp.tasks.tables import ATTEMPTS, FORGOTTEN, TASKS
from iterm_mcp.tasks.work import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.tasks.desk import Desk
    from iterm_mcp.tasks.durable import Durable
    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.work import Work
    from iterm_mcp.tasks.writing import Writer

LOOK_SECONDS = 60.0
"""How soon what other machines have purged is removed here."""

AGAIN_SECONDS = 5.0
"""How soon is tried again what could not be removed, as it was worked on still."""

MOST_AT_ONCE = 200

_log = structlog.get_logger()


def note_kept(writer: Writer, ids: Sequence[str]) -> None:
    """Write down what machines keep of the attempts of tasks that are about to be removed.

    A machine that lost an attempt may not have closed yet what it had opened, so for its sake is
    kept what it would need to know.
    """
    query = (
        sa.select(*ATTEMPTS.c, TASKS.c.spec)
        .join(TASKS, TASKS.c.task_id == ATTEMPTS.c.task_id)
        .where(ATTEMPTS.c.task_id.in_(ids))
    )
    rows: dict[tuple[str, int, str], str | None] = {}
    for one in writer.connection.execute(query):
        # One that was forked off works on in the folder of the one that it goes on with.
        for number in {one.number, one.origin or one.number}:
            key = (one.task_id, number, one.machine)
            lost = one.outcome == Outcome.LOST and number == one.number
            rows[key] = (one.spec if lost else None) or rows.get(key)
    left = [
        {"task_id": task_id, "number": number, "machine": machine, "spec": spec}
        for (task_id, number, machine), spec in rows.items()
    ]
    if left:
        writer.connection.execute(sa.insert(FORGOTTEN), left)


class Forgetter:
    """Removes what this machine keeps of purged tasks."""

    def __init__(self, desk: Desk, work: Work, durable: Durable, machine: str) -> None:
        self._desk = desk
        self._work = work
        self._durable = durable
        self._machine = machine if desk.is_shared else ""  # a file's only machine may be renamed
        self._turn = anyio.Lock()

    async def run(self) -> None:
        """Remove what is to be removed, now and for ever."""
        while True:
            all_gone = await self.forget()
            await anyio.sleep(LOOK_SECONDS if all_gone else AGAIN_SECONDS)

    async def forget(self) -> bool:
        """Remove all that can be removed now; tell whether nothing waits for the next time."""
        async with self._turn:
            try:
                return await self._forget()
            except StoreError as error:
                _log.warning("purged_tasks_kept", error=str(error))
                return False

    async def _forget(self) -> bool:
        after, all_gone = ("", 0), True
        while rows := await self._next(after):
            busy = await self._durable.busy([_name(one) for one in rows])
            gone = [one for one in rows if _name(one) not in busy and await self._remove(one)]
            await self._durable.forget([_name(one) for one in gone])
            await self._desk.touch(partial(_done, rows=gone))
            after, all_gone = (rows[-1].task_id, rows[-1].number), all_gone and gone == rows
        return all_gone

    async def _next(self, after: tuple[str, int]) -> Sequence[Record]:
        columns = FORGOTTEN.c.task_id, FORGOTTEN.c.number
        query = sa.select(FORGOTTEN).where(sa.tuple_(*columns) > sa.tuple_(*after))
        if self._machine:
            query = query.where(FORGOTTEN.c.machine == self._machine)
        query = query.order_by(*columns).limit(MOST_AT_ONCE)
        return await self._desk.read(lambda at: at.execute(query).all())

    async def _remove(self, row: Record) -> bool:
        """Remove what is kept of an attempt; False when it cannot be now."""
        try:
            if row.spec:
                order = Order(
                    TaskId(row.task_id), row.number, load_spec(row.spec), {}, time_of(0.0)
                )
                await self._work.clean(order, None, outcome=Outcome.CANCELLED)
            await self._work.forget([_name(row)])
        except ItermMcpError as error:
            _log.warning("attempt_not_forgotten", attempt=_name(row), error=str(error))
            return False
        return True


def _name(row: Record) -> str:
    return course_of(row.task_id, row.number)


def _done(writer: Writer, rows: Sequence[Record]) -> None:
    for one in rows:
        writer.connection.execute(
            sa.delete(FORGOTTEN).where(
                FORGOTTEN.c.task_id == one.task_id,
                FORGOTTEN.c.number == one.number,
                FORGOTTEN.c.machine == one.machine,
            )
        )
