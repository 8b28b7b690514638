"""Everything that is asked about tasks, over the open database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import anyio
import sqlalchemy as sa
from anyio import to_thread
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from iterm_mcp.errors import StoreError
from iterm_mcp.models.task_queries import TaskPage
from iterm_mcp.models.tasks import SETTLED, TaskState
from iterm_mcp.tasks import asking, counting, finding, machines, scheduling, submitting
from iterm_mcp.tasks.checking import check_graph
from iterm_mcp.tasks.codec import seconds_of
from iterm_mcp.tasks.explaining import explain
from iterm_mcp.tasks.tables import TASKS
from iterm_mcp.tasks.writing import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from iterm_mcp.models.task_graphs import Graph, GraphSpec
    from iterm_mcp.models.task_queries import (
        Explanation,
        Machine,
        Pause,
        Schedule,
        TaskChange,
        TaskQuery,
        TaskTally,
    )
    from iterm_mcp.models.tasks import Task
    from iterm_mcp.tasks.changes import Bell, Changes
    from iterm_mcp.tasks.database import TaskDatabase
    from iterm_mcp.tasks.engine import EngineOptions

T = TypeVar("T")

POLL_SECONDS = 1.0
"""How soon what another machine has written is seen."""

_RESTING = SETTLED | {TaskState.NEEDS_INPUT}

_OVERLAP = 200
"""Changes of several machines may come to be seen in another order than they are numbered in."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What queued tasks wait for, as was seen when the queue was last looked at.

    Attributes:
        reasons: By their ids.
        full: What any other one waits for; empty for its turn alone.
        behind: Likewise, where there would be room for it but for those that go before it.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    full: str = ""
    behind: str = ""

    def told(self, task: Task) -> Task:
        """Return a task that says what it waits for."""
        words = self.reasons.get(task.task_id, self.full or self.behind)
        if task.state is not TaskState.QUEUED or not words:
            return task
        return replace(task, reason="; ".join(filter(None, (words, task.reason))))


class Desk:
    """Reads and writes tasks in the name of whoever asks.

    Attributes:
        is_shared: Other machines may write as well.
        waits: What queued tasks wait for.
        forget: Removes what is kept of purged tasks; None while nothing is worked on.
    """

    def __init__(
        self, database: TaskDatabase, options: EngineOptions, changes: Changes, machine: str
    ) -> None:
        self._database = database
        self._options = options
        self._changes = changes
        self._machine = machine
        self.clock = options.clock
        self.is_shared = database.is_shared
        self.waits = Waits()
        self.forget: Callable[[], Awaitable[bool]] | None = None

    def now(self) -> float:
        """Return the time in seconds."""
        return seconds_of(self.clock.now())

    @property
    def bell(self) -> Bell:
        """What is rung whenever something is written here."""
        return self._changes.bell

    @property
    def stops(self) -> Bell:
        """What is rung whenever something that runs was asked to end here."""
        return self._changes.stops

    async def write(self, work: Callable[[Writer], T]) -> T:
        """Run a transaction that moves tasks, and tell what it has moved.

        No other one runs at the same time, on whichever machine: of two tasks that settle at once,
        the later one sees that nothing is left to wait for.

        Raises:
            StoreError: The database cannot be used now; nothing has changed.
        """
        return await self._write(work, exclusive=True)

    async def touch(self, work: Callable[[Writer], T]) -> T:
        """Run a transaction from which nothing follows for other tasks.

        Raises:
            StoreError: The database cannot be used now; nothing has changed.
        """
        return await self._write(work, exclusive=False)

    async def _write(self, work: Callable[[Writer], T], *, exclusive: bool) -> T:
        writers: list[Writer] = []

        def written(connection: Connection) -> T:
            writers.append(Writer(connection, self.now()))
            return work(writers[-1])

        result = await self._database.write(written, exclusive=exclusive)
        if writers[-1].changes:
            self._changes.told(writers[-1].changes)
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent state.

        Raises:
            StoreError: The database cannot be used now.
        """
        return await self._database.read(work)

    async def submit(self, graph: GraphSpec, submitter: str) -> Graph:
        """Write down a graph, once for its key."""
        check_graph(graph)
        directories = {one.directory for one in graph.tasks if not one.repository}
        found = await to_thread.run_sync(_repositories, directories)
        try:
            return await self.write(lambda at: submitting.submit(at, graph, submitter, found))
        except IntegrityError:  # another machine was quicker to submit the same key
            return await self.write(lambda at: submitting.submit(at, graph, submitter, found))

    async def get(self, task_id: str) -> Task:
        """Return a task."""
        return self.waits.told(await self.read(lambda at: finding.get_task(at, task_id)))

    async def find(self, query: TaskQuery) -> TaskPage:
        """Return a page of tasks."""
        page = await self.read(lambda at: finding.find_tasks(at, query))
        return replace(page, tasks=tuple(map(self.waits.told, page.tasks)))

    async def graph(self, graph_id: str) -> Graph:
        """Return a graph."""
        return await self.read(lambda at: submitting.graph_of(at, graph_id))

    async def counts(self) -> dict[TaskState, int]:
        """Return how many tasks stand in each state."""
        return await self.read(finding.count_states)

    async def tally(self) -> TaskTally:
        """Count everything at once.

        Raises:
            StoreError: The database cannot be used, or not for this: who counts ends nothing else.
        """
        mine = self.now()
        try:
            return await self.read(
                lambda at: counting.tally(at, mine, self._database.now(at, mine))
            )
        except SQLAlchemyError as error:
            raise StoreError(
                f"the tasks cannot be counted: {type(error).__name__}",
                hint="See that their database may be read.",
            ) from error

    async def explain(self, task_id: str) -> Explanation:
        """Return why a task stands as it does."""
        limits, now = self._options.limits(), self.now()
        admission, waits = self._options.admission, self.waits
        behind = "" if task_id in waits.reasons else waits.behind
        return await self.read(
            lambda at: explain(at, task_id, self._machine, limits, admission, now, behind)
        )

    async def cancel(self, task_id: str, who: str, reason: str) -> Task:
        """End a task."""
        await self.write(lambda at: asking.cancel(at, task_id, who, reason))
        self._ring_both()
        return await self.get(task_id)

    async def cancel_graph(self, graph_id: str, who: str, reason: str) -> None:
        """End all tasks of a graph."""
        await self.write(lambda at: asking.cancel_graph(at, graph_id, who, reason))
        self._ring_both()

    def _ring_both(self) -> None:
        self.bell.ring()
        self.stops.ring()

    async def retry(self, task_id: str, who: str) -> Task:
        """Try a task anew."""
        await self.write(lambda at: asking.retry(at, task_id, who))
        return await self.get(task_id)

    async def fork(self, task_id: str, step: str, who: str) -> Task:
        """Try a task again from a step on."""
        await self.write(lambda at: asking.fork(at, task_id, step, who))
        return await self.get(task_id)

    async def answer(self, task_id: str, text: str, who: str) -> Task:
        """Answer a task's question."""
        await self.write(lambda at: asking.answer(at, task_id, text, who))
        self.bell.ring()
        return await self.get(task_id)

    async def pause(self, scope: str, who: str) -> None:
        """Hold tasks back."""
        await self.write(lambda at: asking.pause(at, scope, who))

    async def resume(self, scope: str) -> None:
        """Let tasks go on."""
        await self.write(lambda at: asking.resume(at, scope))
        self.bell.ring()

    async def pauses(self) -> list[Pause]:
        """Return what is held back."""
        return await self.read(asking.pauses)

    async def purge(self, ids: Sequence[str]) -> None:
        """Forget settled tasks, and what is kept of their attempts: here at once.

        What other machines keep of them they remove within minutes, or when they are back.
        """
        await self.write(lambda at: asking.purge(at, ids))
        if self.forget is not None:
            await self.forget()

    async def schedule(self, schedule: Schedule) -> Schedule:
        """Submit work again and again; one of the same name is replaced."""
        await self.write(lambda at: scheduling.keep(at, schedule))
        self.bell.ring()
        return schedule

    async def schedules(self) -> list[Schedule]:
        """Return all schedules by name."""
        return await self.read(scheduling.schedules)

    async def unschedule(self, name: str) -> None:
        """Forget a schedule."""
        await self.write(lambda at: scheduling.forget(at, name))

    async def machines(self) -> list[Machine]:
        """Return all machines."""
        mine = self.now()
        return await self.read(lambda at: machines.machines(at, self._database.now(at, mine)))

    async def drain(self, name: str, *, draining: bool) -> None:
        """Have a machine take nothing new."""
        await self.write(lambda at: machines.drain(at, name, draining=draining))
        self.bell.ring()

    async def wait(self, ids: Sequence[str], seconds: float) -> TaskPage:
        """Wait until all tasks have settled, or ask a person, or the time is over."""
        left: set[str] = set()
        rested: set[str] = set()
        all_rest = anyio.Event()

        def hear(change: TaskChange) -> None:
            if change.state in _RESTING:
                rested.add(change.task_id)
                left.discard(change.task_id)
                if not left:
                    all_rest.set()

        with anyio.move_on_after(seconds), self._changes.heard_by(hear):
            while True:
                rested.clear()
                found = await self.read(lambda at: _going_on(at, ids))
                if not found:
                    break
                left, all_rest = found - rested, anyio.Event()
                with anyio.move_on_after(self._poll_seconds):
                    while left:
                        await all_rest.wait()
        return TaskPage(tuple(await self.read(lambda at: finding.tasks_of(at, ids))))

    async def watch(self, since: int | None) -> AsyncIterator[TaskChange]:
        """Yield changes as they are written, by whichever machine."""
        last = await self.read(finding.last_change) if since is None else since
        seen: set[int] = set()
        overlap = _OVERLAP if self.is_shared else 0
        start = last
        while True:
            event = self.bell.next()
            back = max(start, last - overlap)
            found = await self.read(lambda at, back=back: finding.changes_since(at, back))  # type: ignore[misc]
            fresh = [one for one in found if one.change_id not in seen]
            for one in fresh:
                yield one
            last = max([last, *(one.change_id for one in fresh)])
            seen = {one for one in seen if one > last - overlap}
            seen.update(one.change_id for one in fresh if one.change_id > last - overlap)
            if not fresh:
                await self.bell.wait(event, self._poll_seconds)

    @property
    def _poll_seconds(self) -> float:
        return POLL_SECONDS if self.is_shared else 10 * POLL_SECONDS


def _repositories(directories: Iterable[str]) -> dict[str, str]:
    return {one: submitting.repository_of(one) for one in directories}


def _going_on(connection: Connection, ids: Sequence[str]) -> set[str]:
    query = sa.select(TASKS.c.task_id).where(
        TASKS.c.task_id.in_(ids), TASKS.c.state.not_in(sorted(SETTLED)), TASKS.c.question == ""
    )
    return set(connection.execute(query).scalars())
