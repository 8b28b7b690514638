"""The course of each attempt that lasts as a DBOS workflow: gone on with until it has ended.

This module alone knows DBOS. Its workflows run on a loop of their own, in a thread of their own, so
that the executor and the signals of the daemon's loop stay as they are; the course itself is done
on the daemon's loop. A kill at any moment, or an orderly end, leaves workflows as they are, and
they are run again when the engine is next opened under the same name.

A course begins at once, and is a workflow's from when it has lasted a second: by then agents have
just begun, and what is over before costs a fifth without. What a kill ends sooner is found by its
row and begun again (`Dispatcher.reconcile`), as is what was claimed and not begun.

DBOS remembers nothing of the steps: what they have made stands in the attempt's own row, written
in the transaction that holds it against other machines, and that row is asked before every step. A
second memory could only come to differ from it, and costs two transactions a step.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio import to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal
from dbos import DBOS, DBOSPortableJSONSerializer, SetWorkflowID, WorkflowStatusString
from sqlalchemy.exc import SQLAlchemyError

from iterm_mcp.errors import StoreError
from iterm_mcp.tasks.course import ABANDONED
from iterm_mcp.tasks.courses import BrokenCourseError, Courses
from iterm_mcp.tasks.database import UNAVAILABLE, driver_url, explained, make_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from anyio.abc import TaskGroup
    from dbos import DBOSConfig

    from iterm_mcp.clock import Clock
    from iterm_mcp.tasks.course import Steps

VERSION = "tasks-1"
"""Of the workflows below. Work of another version is never gone on with, so it changes only with a
change after which that would be wrong."""

APPLICATION = "iterm-mcp-tasks"
THREADS = 16
LASTS_SECONDS = 1.0
LOOK_SECONDS = 0.25
AGAIN_SECONDS = 5.0

_ENDED = frozenset(
    {
        WorkflowStatusString.SUCCESS.value,
        WorkflowStatusString.ERROR.value,
        WorkflowStatusString.CANCELLED.value,
        WorkflowStatusString.MAX_RECOVERY_ATTEMPTS_EXCEEDED.value,
    }
)
_CHUNK = 400

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Daemon:
    """The daemon's side of the workflows."""

    portal: BlockingPortal
    courses: Courses


_daemon: list[_Daemon] = []
"""At most one: the engine is one for a process, and its workflows are plain functions."""


async def _do(course: Callable[..., Coroutine[Any, Any, None]], *arguments: str) -> None:
    """Do a course on the daemon's loop."""
    daemon = _daemon[-1]
    try:
        future = daemon.portal.start_task_soon(course, daemon.courses, *arguments)
    except RuntimeError:  # it is being closed: that ends no attempt
        await asyncio.Event().wait()
        raise
    await asyncio.wrap_future(future)


@DBOS.workflow(name="attempt", max_recovery_attempts=None)  # the attempt's own row counts falls
async def _attempt(attempt_id: str) -> None:
    """Do one attempt from its place to its end."""
    await _do(Courses.attempt, attempt_id)


@DBOS.workflow(name="abandon", max_recovery_attempts=None)
async def _abandon(attempt_id: str, reason: str) -> None:
    """End an attempt whose workflow broke."""
    await _do(Courses.abandon, attempt_id, reason)


class Durable:
    """Workflows of attempts. Made by `open_durable`."""

    def __init__(self, portal: BlockingPortal, courses: Courses, group: TaskGroup) -> None:
        self._portal = portal
        self._courses = courses
        self._group = group

    async def start(self, attempt_ids: Sequence[str]) -> None:
        """Have attempts done that are not being done."""
        for one in set(attempt_ids) - self._courses.under_way(attempt_ids):
            self._group.start_soon(self._do, one)

    async def _do(self, attempt_id: str) -> None:
        with suppress(BrokenCourseError):  # which is known by that it is `ended`
            await self._courses.attempt(attempt_id)

    async def hand_over(self) -> None:
        """Hand over to DBOS what lasts, for ever."""
        handed: set[str] = set()
        while True:
            await self._courses.busy()
            lasting = self._courses.lasting(LASTS_SECONDS)
            handed &= lasting
            try:
                for one in sorted(lasting - handed):
                    if self._courses.under_way([one]):
                        await self._call(_start, one)
                        handed.add(one)
            except StoreError as error:
                _log.warning("attempts_not_handed_over", error=str(error))
                await anyio.sleep(AGAIN_SECONDS)
            await anyio.sleep(LOOK_SECONDS)

    async def abandon(self, attempt_id: str, reason: str) -> None:
        """Have an attempt closed and failed whose workflow broke."""
        await self._call(_start_abandoning, attempt_id, reason)

    async def ended(self, attempt_ids: Sequence[str]) -> dict[str, str]:
        """Return those whose workflow has ended, each with what it broke by; empty for nothing."""
        ended: dict[str, str] = await self._call(_ended, list(attempt_ids))
        return {**ended, **self._courses.broken(attempt_ids)}

    async def busy(self, attempt_ids: Sequence[str]) -> set[str]:
        """Return those whose workflow has not ended."""
        here = self._courses.under_way(attempt_ids)
        return here | set(await self._call(_busy, list(attempt_ids)))

    async def forget(self, attempt_ids: Sequence[str]) -> None:
        """Forget the courses of attempts that are over."""
        self._courses.forget(attempt_ids)
        await self._call(_forget, list(attempt_ids))

    async def _call(self, function: Any, *arguments: object) -> Any:  # noqa: ANN401
        def call() -> Any:  # noqa: ANN401
            try:
                with explained():
                    return self._portal.call(function, *arguments)
            except SQLAlchemyError as error:
                raise StoreError(f"the task engine: {error}", code=UNAVAILABLE) from error

        return await to_thread.run_sync(call)


async def _start(attempt_id: str) -> None:
    with SetWorkflowID(attempt_id):
        await DBOS.start_workflow_async(_attempt, attempt_id)


async def _start_abandoning(attempt_id: str, reason: str) -> None:
    with SetWorkflowID(f"{attempt_id}{ABANDONED}"):
        await DBOS.start_workflow_async(_abandon, attempt_id, reason)


async def _ended(attempt_ids: list[str]) -> dict[str, str]:
    ended = {}
    for start in range(0, len(attempt_ids), _CHUNK):
        found = await DBOS.list_workflows_async(
            workflow_ids=attempt_ids[start : start + _CHUNK],
            status=sorted(_ENDED),
            load_input=False,
        )
        for one in found:
            broken = one.error if one.status == WorkflowStatusString.ERROR.value else None
            ended[one.workflow_id] = str(broken or "")
    return ended


async def _busy(attempt_ids: list[str]) -> list[str]:
    ids = _workflows_of(attempt_ids)
    busy = []
    for start in range(0, len(ids), _CHUNK):
        found = await DBOS.list_workflows_async(
            workflow_ids=ids[start : start + _CHUNK], load_input=False, load_output=False
        )
        busy += [
            one.workflow_id.removesuffix(ABANDONED) for one in found if one.status not in _ENDED
        ]
    return busy


def _workflows_of(attempt_ids: list[str]) -> list[str]:
    return [name for one in attempt_ids for name in (one, f"{one}{ABANDONED}")]


async def _forget(attempt_ids: list[str]) -> None:
    ids = _workflows_of(attempt_ids)
    for start in range(0, len(ids), _CHUNK):
        await DBOS.delete_workflows_async(ids[start : start + _CHUNK])


class _Passing(logging.Handler):
    """Passes what DBOS logs on to our log, in place of its own lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record."""
        _log.log(record.levelno, "task_engine", said=record.getMessage())


def _launch(url: str, schema: str, machine: str) -> None:
    """Start DBOS on the loop that calls this; it blocks that loop meanwhile."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(_Passing())
        logger.propagate = False
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": url,
        "dbos_system_schema": schema,
        "executor_id": machine,
        "application_version": VERSION,
        "serializer": DBOSPortableJSONSerializer(),  # the default one runs code that it reads
        "log_level": "ERROR",
        "max_executor_threads": THREADS,
        "enable_otlp": False,
    }
    DBOS(config=config)
    DBOS.launch()


@asynccontextmanager
async def open_durable(
    url: str, schema: str, machine: str, steps: Steps, clock: Clock
) -> AsyncIterator[Durable]:
    """Go on with all workflows of this machine, and take new ones, for the block.

    Args:
        schema: Where DBOS keeps its tables on Postgres: of each machine, since what it recovers is
            queued for whichever machine has the same schema.

    Raises:
        StoreError: The database cannot be used.
    """
    stack = ExitStack()
    failed: StoreError | None = None

    def enter() -> BlockingPortal:
        with explained():
            engine = make_engine(url)
            with (
                engine.connect()
            ):  # a file is made for its owner alone, and to be read while written
                pass
            engine.dispose()
            portal = stack.enter_context(start_blocking_portal("asyncio", name="task-engine"))
            stack.callback(DBOS.destroy)
            portal.call(_launch, driver_url(url), schema, machine)
        return portal

    courses = Courses(steps, clock)
    async with BlockingPortal() as daemon, anyio.create_task_group() as group:
        _daemon.append(_Daemon(daemon, courses))
        try:
            try:
                portal = await to_thread.run_sync(enter)
            except StoreError as error:
                failed = error  # raised below, by itself and not in a group
            else:
                durable = Durable(portal, courses, group)
                group.start_soon(durable.hand_over)
                yield durable
        finally:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):  # DBOS bounds each of its waits by 10 s
                await daemon.stop(cancel_remaining=True)
                await to_thread.run_sync(stack.close)
                _daemon.pop()
    if failed is not None:
        raise failed
