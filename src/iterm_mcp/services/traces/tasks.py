"""Durable work as spans: a task, from being asked for to its end, and each of its attempts.

All of it is read from what is written down of the task when it has settled, so it does not matter
which daemon, on which machine, has done what. An attempt's span is known before: what its agent is
told, and does, is part of it.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import ItermMcpError, NotFoundError
from iterm_mcp.models.tasks import COMMAND, SETTLED, Outcome, TaskState
from iterm_mcp.services.background import beside
from iterm_mcp.telemetry import conventions as names
from iterm_mcp.telemetry.trace_context import (
    TRACEPARENT,
    TraceContext,
    read_context,
    span_id_of,
    trace_id_of,
)
from iterm_mcp.telemetry.tracing import Span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.models.tasks import Attempt, Task
    from iterm_mcp.tasks.work import Order
    from iterm_mcp.telemetry.tracing import Tracer, Value

log = structlog.get_logger()

MOST_WAITING = 10_000
MOST_TOLD = 10_000
AGAIN_SECONDS = 5.0


class Tasks(Protocol):
    """Knows tasks with their attempts: the task engine."""

    async def get(self, task_id: str) -> Task:
        """Return a task.

        Raises:
            NotFoundError: There is none.
        """


class TaskTraces:
    """Knows the spans of tasks."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def task(self, trace: str, task_id: str) -> tuple[TraceContext, str]:
        """Return a task's span, and the id of the one that it is part of; empty for none.

        Args:
            trace: As in its spec: where it was asked for.
        """
        own = span_id_of("task", task_id)
        parent = read_context({TRACEPARENT: trace})
        if parent is None:  # asked for by nobody who is traced, such as a schedule
            return self._tracer.root(trace_id_of("task", task_id), own), ""
        return parent.child(own), parent.span_id

    def attempt(self, order: Order) -> TraceContext:
        """Return the span of an attempt that is to be worked on."""
        context, _ = self.task(order.spec.trace, str(order.task_id))
        return _attempt(context, str(order.task_id), order.number)


def _attempt(task: TraceContext, task_id: str, number: int) -> TraceContext:
    return task.child(span_id_of("attempt", task_id, str(number)))


class TaskSpans:
    """Is told of changes, never waits, and exports what has settled in its own time."""

    def __init__(self, tracer: Tracer, *, again_seconds: float = AGAIN_SECONDS) -> None:
        self._tracer = tracer
        self._traces = TaskTraces(tracer)
        self._again_seconds = again_seconds
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._told: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._stirred = anyio.Event()

    def note(self, change: TaskChange) -> None:
        """Take a change of a task. Never waits, and never raises."""
        if change.state in SETTLED:
            self._waiting[str(change.task_id)] = None
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
            self._stirred.set()

    @asynccontextmanager
    async def running(self, tasks: Tasks) -> AsyncIterator[None]:
        """Export what settles, for the length of the block."""
        async with beside(self._run, tasks):
            yield

    async def _run(self, tasks: Tasks) -> None:
        while True:
            await self._stirred.wait()
            self._stirred = anyio.Event()
            while self._waiting:
                task_id = next(iter(self._waiting))
                try:
                    task = await tasks.get(task_id)
                except NotFoundError:
                    del self._waiting[task_id]
                    continue
                except ItermMcpError as error:
                    log.debug("task_not_traced", task=task_id, reason=str(error))
                    await anyio.sleep(self._again_seconds)
                    continue
                del self._waiting[task_id]
                self._export(task)

    def _export(self, task: Task) -> None:
        task_id = str(task.task_id)
        context, parent = self._traces.task(task.spec.trace, task_id)
        for one in task.attempts:
            if one.ended_at is not None and (task_id, one.number) not in self._told:
                self._told[task_id, one.number] = None
                if len(self._told) > MOST_TOLD:
                    self._told.popitem(last=False)
                self._tracer.end(_attempt_span(task, one, context))
        if task.settled_at is None:  # it was asked for again meanwhile
            return
        told: dict[str, Value] = {
            names.OPERATION: names.INVOKE_WORKFLOW,
            names.TASK: task_id,
            names.GRAPH: str(task.graph),
            names.KIND: task.spec.kind,
            names.OUTCOME: task.state.value,
        }
        failed = task.state is not TaskState.SUCCEEDED
        if failed:
            told[names.ERROR] = task.state.value
        self._tracer.end(
            Span(
                "task", context, parent, task.created_at, max(task.settled_at, task.created_at),
                attributes=told, error=(task.reason or task.state.value) if failed else None,
            )
        )  # fmt: skip


def _attempt_span(task: Task, one: Attempt, context: TraceContext) -> Span:
    ended_at = one.ended_at or one.started_at
    told: dict[str, Value] = {
        names.TASK: str(task.task_id),
        names.ATTEMPT: one.number,
        names.MACHINE: str(one.machine),
        names.KIND: task.spec.kind,
    }
    if task.spec.kind != COMMAND and one.agent:
        told[names.AGENT] = one.agent
    if one.outcome is not None:
        told[names.OUTCOME] = one.outcome.value
    failed = one.outcome is not Outcome.SUCCEEDED
    if failed and one.outcome is not None:
        told[names.ERROR] = one.outcome.value
    return Span(
        "task attempt", _attempt(context, str(task.task_id), one.number), context.span_id,
        one.started_at, max(ended_at, one.started_at), attributes=told,
        error=(one.reason or str(one.outcome)) if failed else None,
    )  # fmt: skip
