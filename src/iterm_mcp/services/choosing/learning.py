"""Has every attempt that ends remembered, also those that ended while nobody listened."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import ItermMcpError, NotFoundError
from iterm_mcp.models.task_queries import MOST_TASKS, TaskQuery
from iterm_mcp.models.tasks import ACTIVE
from iterm_mcp.services.background import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.choosing import Result
    from iterm_mcp.models.task_queries import TaskChange, TaskPage
    from iterm_mcp.models.tasks import Attempt, Task

log = structlog.get_logger()

AGAIN_SECONDS = 5.0
MOST_WAITING = 100_000


class Book(Protocol):
    """Remembers how attempts went: the chooser."""

    async def record(self, task: Task, attempt: Attempt) -> Result | None:
        """Remember one; told again, it counts once."""


class Tasks(Protocol):
    """Knows tasks with their attempts: the task engine."""

    async def get(self, task_id: str) -> Task:
        """Return a task.

        Raises:
            NotFoundError: There is none.
        """

    async def find(self, query: TaskQuery) -> TaskPage:
        """Return tasks, the newest first."""


class Learning:
    """Is told of changes, never waits, and looks up what has ended in its own time.

    Args:
        again_seconds: After a failure, it tries again as much later.
    """

    def __init__(self, book: Book, *, again_seconds: float = AGAIN_SECONDS) -> None:
        self._book = book
        self._again_seconds = again_seconds
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._told = anyio.Event()

    def note(self, change: TaskChange) -> None:
        """Take a change of a task. Never waits, and never raises."""
        if change.attempt and change.state not in ACTIVE:
            self._waiting[change.task_id] = None
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)  # found again when it is next started
            self._told.set()

    @asynccontextmanager
    async def running(self, tasks: Tasks) -> AsyncIterator[None]:
        """Remember what ends, for the length of the block; first, what ended before it."""
        async with beside(self._run, tasks):
            yield

    async def _run(self, tasks: Tasks) -> None:
        caught_up = False
        while True:
            try:
                if not caught_up:
                    await self._catch_up(tasks)
                    caught_up = True
                await self._work(tasks)
            except ItermMcpError as error:  # nothing is lost: it stays in line
                log.warning("outcomes_not_kept", reason=str(error))
                await anyio.sleep(self._again_seconds)
                continue
            await self._told.wait()
            self._told = anyio.Event()

    async def _catch_up(self, tasks: Tasks) -> None:
        for one in (await tasks.find(TaskQuery(limit=MOST_TASKS))).tasks:
            await self._record(one)

    async def _work(self, tasks: Tasks) -> None:
        while self._waiting:
            task_id = next(iter(self._waiting))
            try:
                await self._record(await tasks.get(task_id))
            except NotFoundError:
                log.info("task_is_gone", task=task_id)  # purged meanwhile
            self._waiting.pop(task_id, None)

    async def _record(self, task: Task) -> None:
        for attempt in task.attempts:
            await self._book.record(task, attempt)
