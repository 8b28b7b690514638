"""Tasks and their attempts as spans."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from tests.unit.services.traces.spans import CLIENT, START, Kept, after, tracer

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.task_queries import TaskChange
from iterm_mcp.models.tasks import (
    COMMAND,
    Attempt,
    GraphId,
    MachineName,
    Outcome,
    Task,
    TaskId,
    TaskSpec,
    TaskState,
)
from iterm_mcp.services.traces.tasks import TaskSpans, TaskTraces
from iterm_mcp.tasks.work import Order

SPEC = TaskSpec("one", "claude", "do it", "/", trace=CLIENT.traceparent)


def attempt(number: int, outcome: Outcome | None, reason: str = "") -> Attempt:
    ended = None if outcome is None else after(number + 1)
    return Attempt(
        number, MachineName("here"), 1, after(number), agent="ada", ended_at=ended,
        outcome=outcome, reason=reason,
    )  # fmt: skip


DONE = Task(
    TaskId("t-1"), 1, SPEC, TaskState.SUCCEEDED, START, GraphId("g-1"), settled_at=after(9),
    attempts=(attempt(1, Outcome.FAILED, "it fell"), attempt(2, Outcome.SUCCEEDED)),
)  # fmt: skip


class Engine:
    """Knows tasks; at first it may fail."""

    def __init__(self, *tasks: Task, failures: int = 0) -> None:
        self.tasks = {str(one.task_id): one for one in tasks}
        self.failures = failures

    async def get(self, task_id: str) -> Task:
        if self.failures:
            self.failures -= 1
            raise StoreError("away")
        if task_id not in self.tasks:
            raise NotFoundError("task", task_id)
        return self.tasks[task_id]


def change(task: Task, state: TaskState | None = None) -> TaskChange:
    return TaskChange(
        1, task.task_id, task.graph, "one", task.spec.kind, "", state or task.state, after(9)
    )


async def exported(engine: Engine, kept: Kept, spans: TaskSpans, *changes: TaskChange) -> None:
    """Tell of changes, and wait until all that came of them is exported."""
    for one in changes:
        spans.note(one)
    async with spans.running(engine):
        with anyio.fail_after(5):
            while spans._waiting:
                await anyio.lowlevel.checkpoint()
    assert kept.spans


async def test_attempts_are_part_of_their_task_and_the_task_of_who_asked_for_it() -> None:
    kept = Kept()
    gone = replace(DONE, task_id=TaskId("t-gone"))
    spans = TaskSpans(tracer(kept), again_seconds=0)
    spans.note(change(DONE, TaskState.RUNNING))
    assert not spans._waiting
    await exported(Engine(DONE, failures=1), kept, spans, change(gone), change(DONE))
    first, second, task = kept.spans
    assert (task.context.trace_id, task.parent) == (CLIENT.trace_id, CLIENT.span_id)
    assert (task.began_at, task.ended_at, task.error) == (START, after(9), None)
    assert {first.parent, second.parent} == {task.context.span_id}
    assert (first.error, second.error) == ("it fell", None)
    assert (second.began_at, second.ended_at) == (after(2), after(3))
    order = Order(TaskId("t-1"), 2, SPEC, {}, after(60))
    assert TaskTraces(tracer(kept)).attempt(order) == second.context


async def test_a_task_that_is_asked_for_again_tells_each_attempt_once() -> None:
    kept = Kept()
    dead = replace(
        DONE, state=TaskState.DEAD, attempts=DONE.attempts[:1], reason="it fell",
        spec=replace(SPEC, kind=COMMAND, trace=""),
    )  # fmt: skip
    spans = TaskSpans(tracer(kept))
    await exported(Engine(dead), kept, spans, change(dead))
    again = replace(dead, state=TaskState.RUNNING, settled_at=None)
    engine = Engine(replace(again, attempts=(*dead.attempts, attempt(2, None))))
    await exported(engine, kept, spans, change(dead))
    assert [one.name for one in kept.spans] == ["task attempt", "task"]
    assert kept.spans[1].parent == ""
    assert kept.spans[1].error == "it fell"
    assert "gen_ai.agent.name" not in kept.spans[0].attributes


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_what_nobody_asked_for_has_a_trace_of_its_own_the_same_everywhere(ratio: float) -> None:
    traces = TaskTraces(tracer(Kept(), ratio))
    context, parent = traces.task("", "t-1")
    assert TaskTraces(tracer(Kept(), ratio)).task("", "t-1") == (context, parent)
    assert (context.sampled, parent) == (bool(ratio), "")
    assert traces.task("", "t-2")[0].trace_id != context.trace_id
