from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
from tests.unit.services.choosing.outcomes import START, attempt, spec, task
from tests.waiting import eventually

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.task_queries import TaskChange, TaskPage, TaskQuery
from iterm_mcp.models.tasks import Attempt, GraphId, Task, TaskId, TaskState
from iterm_mcp.services.choosing import learning
from iterm_mcp.services.choosing.learning import Learning


class Desk:
    """Knows tasks."""

    def __init__(self, *tasks: Task) -> None:
        self.tasks = {str(one.task_id): one for one in tasks}

    async def get(self, task_id: str) -> Task:
        if task_id not in self.tasks:
            raise NotFoundError("task", task_id)
        return self.tasks[task_id]

    async def find(self, query: TaskQuery) -> TaskPage:
        return TaskPage(tuple(self.tasks.values())[: query.limit])


class Book:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.broken = 0

    async def record(self, task: Task, attempt: Attempt) -> None:
        if self.broken:
            self.broken -= 1
            raise StoreError("the disk is full")
        self.told.append((task.task_id, attempt.number))


def tried(number: int, *attempts: Attempt) -> Task:
    return replace(task(number, spec()), attempts=attempts)


def change(number: int, state: TaskState, about: int = 1) -> TaskChange:
    return TaskChange(
        1, TaskId(f"t-{number}"), GraphId(""), "x", "claude", "", state, START, attempt=about
    )


async def test_what_ended_before_and_what_ends_now_is_remembered() -> None:
    desk, book = Desk(tried(1, attempt(number=1), attempt(number=2))), Book()
    taught = Learning(book)
    async with taught.running(desk):
        await eventually(lambda: len(book.told) == 2)
        desk.tasks["t-2"] = tried(2, attempt())
        taught.note(change(2, TaskState.RUNNING))
        taught.note(change(2, TaskState.QUEUED, 0))
        taught.note(change(9, TaskState.SUCCEEDED))
        taught.note(change(2, TaskState.SUCCEEDED))
        await eventually(lambda: len(book.told) == 3)
    assert book.told == [("t-1", 1), ("t-1", 2), ("t-2", 1)]


async def test_what_was_told_before_it_runs_is_not_lost() -> None:
    desk, book = Desk(tried(1, attempt())), Book()
    taught = Learning(book)
    taught.note(change(1, TaskState.DEAD))
    async with taught.running(desk):
        await eventually(lambda: len(book.told) == 2)


async def test_what_cannot_be_kept_is_tried_again() -> None:
    desk, book = Desk(tried(1, attempt())), Book()
    book.broken = 2
    async with Learning(book, again_seconds=0.01).running(desk):
        await eventually(lambda: book.told == [("t-1", 1)])


async def test_there_is_an_end_to_what_waits() -> None:
    book = Book()
    taught = Learning(book)
    for number in range(learning.MOST_WAITING + 5):
        taught.note(change(number, TaskState.DEAD))
    with anyio.move_on_after(0):
        await anyio.lowlevel.checkpoint()
    assert len(taught._waiting) == learning.MOST_WAITING
