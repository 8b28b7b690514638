"""Durable work, as everybody else sees it.

Nothing of the engine is loaded before there is a task: who never asks for one pays nothing for it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio import Path, to_thread

from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import InvalidRequestError, NotFoundError, RefusedError, StoreError
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.task_queries import Schedule, TaskPage
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.tasks.checking import check_graph
from iterm_mcp.tasks.falls import fall_of
from iterm_mcp.tasks.limits import AdmitAll, DispatchLimits
from iterm_mcp.telemetry.trace_context import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime

    from anyio.abc import TaskGroup

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.task_graphs import Graph
    from iterm_mcp.models.task_queries import (
        Explanation,
        Machine,
        Pause,
        TaskChange,
        TaskQuery,
        TaskTally,
    )
    from iterm_mcp.models.tasks import Task, TaskSpec
    from iterm_mcp.tasks.desk import Desk
    from iterm_mcp.tasks.limits import Admission
    from iterm_mcp.tasks.work import Work

_log = structlog.get_logger()

OPEN_SECONDS = 90.0
AGAIN_SECONDS = 2.0
MOST_WAIT_SECONDS = 3600.0


def _no_limits() -> DispatchLimits:
    return DispatchLimits()


def _tell_nobody(_change: TaskChange) -> None:
    pass


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine works.

    Attributes:
        url: ``postgresql://…`` for several machines; empty for a SQLite file in the folder.
        folder: Where all of it is that is not in the database.
        machine: Its name among machines; empty for one that the folder keeps.
        capacity: How many attempts it takes at once, whatever the limits.
        labels: What tasks may ask of their machine.
        limits: Asked whenever something may start.
        tell: Called on the loop with every change that this engine has written.
        lease_seconds: Without a word for so long, a machine's work is given to others.
        keep_seconds: How long settled tasks are kept.
    """

    url: str
    folder: str
    machine: str = ""
    capacity: int = 100
    labels: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    limits: Callable[[], DispatchLimits] = _no_limits
    admission: Admission = field(default_factory=AdmitAll)
    tell: Callable[[TaskChange], None] = _tell_nobody
    lease_seconds: float = 60.0
    keep_seconds: float = 90 * 86400.0

    @property
    def file(self) -> str:
        """The SQLite file; empty where another database is used."""
        return "" if self.url else f"{self.folder}/tasks.db"

    @property
    def database_url(self) -> str:
        """Where tasks are written down."""
        return self.url or f"sqlite:///{self.file}"


class TaskEngine:
    """Made by `open_engine`.

    Whatever it is asked raises `StoreError` while the database cannot be used; nothing that was
    accepted is lost by that.
    """

    def __init__(self, options: EngineOptions, work: Work, group: TaskGroup) -> None:
        self._options = options
        self._work = work
        self._group = group
        self._desk: Desk | None = None
        self._problem: StoreError | None = None
        self._starting = False
        self._stepped = anyio.Event()

    @property
    def is_open(self) -> bool:
        """Tell whether the engine runs; it does not before there is a task."""
        return self._desk is not None

    @property
    def problem(self) -> str:
        """Why it does not run though it should; empty when there is nothing to say."""
        return str(self._problem or "")

    async def submit(self, graph: GraphSpec, submitter: str = "") -> Graph:
        """Accept a graph, all of it or nothing; the same key again gives the same graph.

        Raises:
            InvalidRequestError: It cannot be done as it is asked for.
            NotFoundError: A task is needed that is nowhere.
        """
        return await (await self._ready()).submit(graph, submitter)

    async def submit_task(self, spec: TaskSpec, submitter: str = "") -> Task:
        """Accept a single task; the same key again gives the same task."""
        key = f"task:{spec.key}" if spec.key else ""
        graph = await self.submit(GraphSpec(spec.name, (spec,), key=key), submitter)
        return await self.get(graph.tasks[spec.name])

    async def get(self, task_id: str) -> Task:
        """Return a task.

        Raises:
            NotFoundError: There is none.
        """
        return await (await self._known("task", task_id)).get(task_id)

    async def find(self, query: TaskQuery) -> TaskPage:
        """Return tasks, the newest first."""
        return await (await self._ready()).find(query) if await self._any() else TaskPage(())

    async def graph(self, graph_id: str) -> Graph:
        """Return a graph.

        Raises:
            NotFoundError: There is none.
        """
        return await (await self._known("graph", graph_id)).graph(graph_id)

    async def counts(self) -> dict[TaskState, int]:
        """Return how many tasks stand in each state."""
        if not await self._any():
            return dict.fromkeys(TaskState, 0)
        return await (await self._ready()).counts()

    async def tally(self) -> TaskTally | None:
        """Count everything; None while the engine was never started. This alone starts nothing.

        Raises:
            StoreError: It fell, or its database is away.
        """
        desk = self._desk
        if desk is not None:
            return await desk.tally()
        if self._problem is not None:
            raise self._problem
        return None

    async def explain(self, task_id: str) -> Explanation:
        """Return why a task waits, and why its attempts failed."""
        return await (await self._known("task", task_id)).explain(task_id)

    async def cancel(self, task_id: str, who: str = "", reason: str = "") -> Task:
        """End a task; one that runs is ended as soon as what it opened is closed.

        Raises:
            ConflictError: It has ended otherwise.
        """
        return await (await self._known("task", task_id)).cancel(task_id, who, reason)

    async def cancel_graph(self, graph_id: str, who: str = "", reason: str = "") -> Graph:
        """End all tasks of a graph that have not settled."""
        desk = await self._known("graph", graph_id)
        await desk.cancel_graph(graph_id, who, reason)
        return await desk.graph(graph_id)

    async def retry(self, task_id: str, who: str = "") -> Task:
        """Try a dead or cancelled task anew; what was skipped for its sake waits for it again.

        Raises:
            ConflictError: It is neither, or what it needs did not succeed.
        """
        return await (await self._known("task", task_id)).retry(task_id, who)

    async def answer(self, task_id: str, text: str, who: str = "") -> Task:
        """Hand an answer on to what a task asks.

        Raises:
            ConflictError: It asks nothing, or has been answered.
        """
        return await (await self._known("task", task_id)).answer(task_id, text, who)

    async def fork(self, task_id: str, step: str, who: str = "") -> Task:
        """Try a dead or cancelled task again from a step on, keeping what was done before it.

        Args:
            step: ``prepare``, ``begin``, ``supervise`` or ``collect``.
        """
        return await (await self._known("task", task_id)).fork(task_id, step, who)

    async def pause(self, scope: str, who: str = "") -> None:
        """Start no more tasks of a scope: ``everything``, ``team:…``, ``repository:…`` …."""
        await (await self._ready()).pause(scope, who)

    async def resume(self, scope: str, who: str = "") -> None:
        """Let tasks of a scope start again.

        Raises:
            NotFoundError: They are not paused.
        """
        _ = who
        await (await self._known("pause", scope)).resume(scope)

    async def pauses(self) -> list[Pause]:
        """Return what is held back."""
        return await (await self._ready()).pauses() if await self._any() else []

    async def purge(self, ids: Sequence[str]) -> None:
        """Forget settled tasks.

        Raises:
            NotFoundError: One is not there.
            ConflictError: One has not settled, or another one still needs it.
        """
        for one in ids:
            await self.get(one)
        if ids:
            await (await self._ready()).purge(ids)

    async def wait(self, ids: Sequence[str], seconds: float) -> tuple[Task, ...]:
        """Wait until all of them have settled or ask something, and return them as they stand.

        Raises:
            NotFoundError: One is not there.
        """
        if not ids:
            return ()
        desk = await self._known("task", ids[0])
        return (await desk.wait(ids, min(max(seconds, 0.0), MOST_WAIT_SECONDS))).tasks

    async def watch(self, since: int | None = None) -> AsyncIterator[TaskChange]:
        """Yield every change of tasks, by whichever machine.

        Args:
            since: The id of the change after which it begins; None for now.
        """
        desk = await self._ready()
        async for change in desk.watch(since):
            yield change

    async def schedule(
        self,
        name: str,
        graph: GraphSpec,
        who: str = "",
        *,
        cron: str = "",
        zone: str = "UTC",
        at: datetime | None = None,
    ) -> Schedule:
        """Submit a graph whenever a cron expression is due, or once; the same name is replaced.

        A time that passes while nothing runs is made up for once, however often it was due.

        Raises:
            InvalidRequestError: The graph, the expression or the zone cannot be.
        """
        if not name.strip() or bool(cron) == (at is not None):
            raise InvalidRequestError(
                "a schedule needs a name, and either a cron expression or a time",
                hint="Give cron='0 6 * * *', or at.",
            )
        check_graph(graph)
        desk = await self._ready()
        due = at
        if at is None:
            scheduling = import_module("iterm_mcp.tasks.scheduling")
            now = self._options.clock.now()
            due = await to_thread.run_sync(scheduling.next_time, cron, zone, now)  # reads files
        return await desk.schedule(Schedule(name, replace(graph, key=""), cron, zone, who, due))

    async def schedules(self) -> list[Schedule]:
        """Return all schedules by name."""
        return await (await self._ready()).schedules() if await self._any() else []

    async def unschedule(self, name: str) -> None:
        """Forget a schedule; what it has submitted stays."""
        await (await self._known("schedule", name)).unschedule(name)

    async def machines(self) -> list[Machine]:
        """Return the machines that work on these tasks."""
        return await (await self._ready()).machines() if await self._any() else []

    async def drain(self, machine: str, *, draining: bool = True) -> None:
        """Have a machine take nothing new; what it works on goes on."""
        await (await self._known("machine", machine)).drain(machine, draining=draining)

    async def _any(self) -> bool:
        """Tell whether there can be anything at all."""
        file = self._options.file
        return self._starting or not file or await Path(file).exists()

    async def _known(self, kind: str, name: str) -> Desk:
        if not await self._any():
            raise NotFoundError(kind, name, hint="No task was ever submitted here.")
        return await self._ready()

    async def _ready(self) -> Desk:
        """Return what answers, once it runs."""
        self.start()
        with anyio.move_on_after(OPEN_SECONDS):
            while self._desk is None:
                if self._problem is not None:
                    raise self._problem
                await self._stepped.wait()
            return self._desk
        raise StoreError(
            f"the task engine did not start within {OPEN_SECONDS:g} s",
            hint="Look at the daemon's log, and try again.",
            code="tasks_slow",
        )

    def start(self) -> None:
        """Have it run, if it does not yet.

        Raises:
            RefusedError: It is being closed.
        """
        if self._group.cancel_scope.cancel_called:
            raise RefusedError(
                "the iterm-mcp daemon is stopping",
                hint="Call again: the next call starts a new one.",
                code="stopping",
            )
        if not self._starting:
            self._starting = True
            with within(None):  # it outlives whoever has it run first
                self._group.start_soon(self._run)

    async def _run(self) -> None:
        """Run, and run again where the database was not to be had."""
        while True:
            try:
                room: Any = await to_thread.run_sync(import_module, "iterm_mcp.tasks.room")
                async with room.open_room(self._options, self._work) as desk:
                    self._step(desk, None)
                    await anyio.sleep_forever()
            except* StoreError as errors:
                self._step(None, fall_of(errors))
            except* Exception as errors:  # noqa: BLE001 - what else is served goes on without tasks
                _log.exception("task_engine_fell", exc_info=errors)
                self._step(None, fall_of(errors))
            finally:
                self._desk = None
            await anyio.sleep(AGAIN_SECONDS)

    def _step(self, desk: Desk | None, problem: StoreError | None) -> None:
        self._desk, self._problem = desk, problem
        self._stepped.set()
        self._stepped = anyio.Event()


@asynccontextmanager
async def open_engine(options: EngineOptions, work: Work) -> AsyncIterator[TaskEngine]:
    """Run the engine for the block. Where there are tasks, it goes on with them at once."""
    async with anyio.create_task_group() as group:
        engine = TaskEngine(options, work, group)
        if options.url or await Path(options.file).exists():
            engine.start()
        try:
            yield engine
        finally:
            group.cancel_scope.cancel()
