"""Courses of attempts: each done once at a time, and waited for by whoever asks for it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from iterm_mcp.tasks.course import GONE
from iterm_mcp.tasks.courses import BrokenCourseError, Courses
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.tasks.course import Next, Steps


class Held:
    """Steps of which the first waits until it is let go, and may break."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.error = error
        self.let_go = anyio.Event()

    async def prepare(self, attempt_id: str) -> Next:
        self.calls.append(f"prepare {attempt_id}")
        await self.let_go.wait()
        if self.error is not None:
            raise self.error
        return GONE

    async def clean(self, attempt_id: str, outcome: str) -> str:
        self.calls.append(f"clean {attempt_id} {outcome}")
        return "/evidence"

    async def settle(self, attempt_id: str, outcome: str, reason: str, evidence: str) -> None:
        self.calls.append(f"settle {attempt_id} {outcome} {reason} {evidence}")


def courses_of(steps: Held) -> Courses:
    return Courses(cast("Steps", cast("Any", steps)), FakeClock())


async def test_who_asks_for_a_course_that_is_done_waits_for_its_end() -> None:
    steps = Held()
    courses = courses_of(steps)
    over: list[int] = []

    async def ask(number: int) -> None:
        await courses.attempt("t~1")
        over.append(number)

    async with anyio.create_task_group() as group:
        for number in range(2):
            group.start_soon(ask, number)
        await anyio.wait_all_tasks_blocked()
        assert courses.under_way(["t~1", "t~2"]) == {"t~1"}
        assert over == []
        steps.let_go.set()
    assert sorted(over) == [0, 1]
    assert steps.calls == ["prepare t~1", "clean t~1 lost"]
    assert courses.under_way(["t~1"]) == set()


async def test_which_have_lasted_is_known_of_those_that_are_done() -> None:
    steps, clock = Held(), FakeClock()
    courses = Courses(cast("Steps", cast("Any", steps)), clock)
    busy: list[bool] = []

    async def wait() -> None:
        await courses.busy()
        busy.append(True)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert not busy
        group.start_soon(courses.attempt, "t~1")
        await anyio.wait_all_tasks_blocked()
        assert busy
        clock.advance(1)
        group.start_soon(courses.attempt, "t~2")
        await anyio.wait_all_tasks_blocked()
        await courses.busy()
        assert courses.lasting(1) == {"t~1"}
        assert courses.lasting(0) == {"t~1", "t~2"}
        steps.let_go.set()
    assert courses.lasting(0) == set()


async def test_all_who_asked_are_told_that_it_broke_and_it_may_be_done_again() -> None:
    steps = Held(ZeroDivisionError("a bug"))
    courses = courses_of(steps)
    told: list[str] = []

    async def ask() -> None:
        try:
            await courses.attempt("t~1")
        except BrokenCourseError as error:
            told.append(str(error))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        steps.let_go.set()
    assert told == ["a bug", "a bug"]
    assert courses.broken(["t~1", "t~2"]) == {"t~1": "a bug"}
    await courses.abandon("t~1", "a bug")
    assert steps.calls[-2:] == ["clean t~1 failed", "settle t~1 failed a bug /evidence"]

    steps.error = None
    await courses.attempt("t~1")
    assert courses.broken(["t~1"]) == {}


async def test_what_broke_is_forgotten_with_its_attempt() -> None:
    steps = Held(ZeroDivisionError())
    steps.let_go.set()
    courses = courses_of(steps)
    with pytest.raises(BrokenCourseError, match="ZeroDivisionError"):
        await courses.attempt("t~1")
    courses.forget(["t~1", "t~2"])
    assert courses.broken(["t~1"]) == {}


async def test_a_course_that_is_cancelled_ends_for_nobody() -> None:
    steps = Held()
    courses = courses_of(steps)
    over: list[str] = []

    async def ask() -> None:
        await courses.attempt("t~1")
        over.append("over")

    async with anyio.create_task_group() as group, anyio.create_task_group() as doing:
        doing.start_soon(courses.attempt, "t~1")
        await anyio.wait_all_tasks_blocked()
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        doing.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.01)
            assert over == []
        group.cancel_scope.cancel()
    assert over == []
