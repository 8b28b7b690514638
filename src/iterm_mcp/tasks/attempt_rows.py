"""An attempt's row, read before each step and written after it, by nobody but who holds it.

What a step writes, the next one would read again a moment later; so it is read in the same
transaction, and kept for that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import anyio
import structlog

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, StoreError
from iterm_mcp.models.tasks import ACTIVE, Outcome, TaskState
from iterm_mcp.tasks.course import GONE, end, on
from iterm_mcp.tasks.database import UNAVAILABLE
from iterm_mcp.tasks.orders import order_of, read_order
from iterm_mcp.tasks.settling import advance, held, keep_held

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection

    from iterm_mcp.tasks.course import Next
    from iterm_mcp.tasks.desk import Desk
    from iterm_mcp.tasks.lease import Lease
    from iterm_mcp.tasks.settling import Holder
    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.stops import Stops
    from iterm_mcp.tasks.work import Order
    from iterm_mcp.tasks.writing import Writer

T = TypeVar("T")

MOST_CRASHES = 10
"""An attempt under which the engine fell so often, without going on in between, is given up."""

FRESH_SECONDS = 0.5
"""For so long is taken for what stands in the row what was read after the last step."""

AGAIN_SECONDS = 0.25
MOST_AGAIN_SECONDS = 3.0

_log = structlog.get_logger()


def course_of(task_id: str, number: int) -> str:
    """Return the id of the course of an attempt; what it opens may be known by an earlier one's."""
    return f"{task_id}~{number}"


def parts_of(attempt_id: str) -> tuple[str, int]:
    """Return a task's id and the number of its attempt."""
    task_id, _, number = attempt_id.rpartition("~")
    return task_id, int(number)


@dataclass(frozen=True, slots=True)
class Found:
    """An attempt that is ours, and goes on.

    Attributes:
        state: In which its task stands.
    """

    order: Order
    row: Record
    state: TaskState


Made: TypeAlias = "tuple[TaskState | None, dict[str, object]]"
"""To which state a task is brought, if to any, and what is written into the attempt's row."""


class AttemptRows:
    """Those of this machine's attempts."""

    def __init__(self, desk: Desk, lease: Lease, stops: Stops) -> None:
        self._desk = desk
        self._lease = lease
        self._stops = stops
        self._seen: dict[str, tuple[float, Holder, Found | Next]] = {}

    async def look(self, attempt_id: str) -> Found | Next:
        """Return what is to be done, or that there is nothing to do any more."""
        seen = self._just_seen(attempt_id)
        if seen is not None:
            return seen
        return await self.insist(
            lambda: self._desk.write(lambda at: self._read(at, *parts_of(attempt_id)))
        )

    async def keep(self, order: Order, state: TaskState | None = None, **values: object) -> Next:
        """Write down what a step has made; it is gone if the attempt is not ours any more.

        Args:
            order: As `look` found it: it stays the same to the attempt's end.
            state: To which its task is brought, unless it stands there or beyond.
        """
        return await self.decide(order, lambda _: (state, values))

    async def decide(self, order: Order, made: Callable[[Record], Made]) -> Next:
        """Write down what has been made, which depends on how the task stands then; see `keep`.

        Args:
            made: Called in the transaction, perhaps more than once, or though it is gone.
        """

        def work(writer: Writer) -> Found | Next:
            task = writer.find(order.task_id)
            if task is None:  # it was lost, settled elsewhere, and was purged
                return GONE
            state, values = made(task)
            of = self._lease.holder, order.task_id, order.number
            row = keep_held(writer, *of, {"crashes": 0, **values}) if values else held(writer, *of)
            if row is None:
                return GONE
            if state is not None:
                task = advance(writer, task, order.number, state)
            return found_in(writer.connection, task, row, order)

        found = await self.insist(lambda: self._desk.write(work))
        if found == GONE:
            return GONE
        self.see(course_of(order.task_id, order.number), found)
        return on()

    def see(self, attempt_id: str, found: Found | Next) -> None:
        """Take for what is there what has just been read or written."""
        self._seen[attempt_id] = self._desk.clock.monotonic(), self._lease.holder, found

    async def to_clean(self, attempt_id: str) -> tuple[Order, Record] | None:
        """Return an attempt whoever holds it; None if it was purged."""
        seen = self._just_seen(attempt_id)
        if isinstance(seen, Found):
            return seen.order, seen.row
        return await self.insist(
            lambda: self._desk.read(lambda at: read_order(at, *parts_of(attempt_id)))
        )

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Try until the database is there: no attempt is lost by its absence."""
        wait = AGAIN_SECONDS
        while True:
            try:
                return await call()
            except StoreError as error:
                if error.code != UNAVAILABLE:
                    raise
                _log.warning("tasks_database_waits", error=str(error))
            await anyio.sleep(wait)
            wait = min(2 * wait, MOST_AGAIN_SECONDS)

    def _just_seen(self, attempt_id: str) -> Found | Next | None:
        at, holder, found = self._seen.pop(attempt_id, (0.0, None, None))
        fresh = self._desk.clock.monotonic() - at < FRESH_SECONDS and self._lease.trusted
        ours = holder == self._lease.holder and not self._stops.of(attempt_id).is_set()
        return found if fresh and ours else None

    def _read(self, writer: Writer, task_id: str, number: int) -> Found | Next:
        row = held(writer, self._lease.holder, task_id, number)
        return GONE if row is None else found_in(writer.connection, writer.task(task_id), row)


def found_in(
    connection: Connection, task: Record, row: Record, order: Order | None = None
) -> Found | Next:
    """Return an attempt of ours as it goes on, or that there is nothing to do any more.

    Args:
        order: Where it is known already.
    """
    if task.state not in ACTIVE or task.attempts != row.number:
        return GONE
    if task.cancelling and not row.ending:
        return end(Outcome.CANCELLED, task.cancelling)
    if row.crashes >= MOST_CRASHES:
        reason = f"the engine fell {row.crashes} times while it was worked on"
        return end(Outcome.LOST, reason)
    try:
        order = order or order_of(connection, task, row)
    except InvalidRequestError as error:
        return end(Outcome.FAILED, said(error))
    return Found(order, row, TaskState(task.state))


def said(error: ItermMcpError) -> str:
    """Return what an error says, and what may be done about it."""
    return f"{error}. {error.hint}" if error.hint else str(error)
