from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.unit.services.backlog.marks import START, mark, scan_of

from iterm_mcp.models.tasks import Attempt, MachineName, Task, TaskId, TaskResult, TaskState
from iterm_mcp.services.backlog.answers import progress_answer
from iterm_mcp.services.backlog.planning import Wanted, known_of, planned
from iterm_mcp.services.backlog.progress import cost_of, progress_of, told

if TYPE_CHECKING:
    from iterm_mcp.models.backlog import KnownMark

MARKS = [mark(name, text=f"say {name}") for name in "abcdef"]
SCAN = scan_of(*MARKS)


def known(*names: str, task: str) -> list[KnownMark]:
    marks = [one for one in MARKS if one.mark_id in names]
    noted = known_of(SCAN, planned(SCAN, marks, (), Wanted()), START)
    return [replace(one, task_id=TaskId(task)) for one in noted]


def task(name: str, state: TaskState, *costs: float | None, reason: str = "") -> Task:
    attempts = tuple(
        Attempt(number, MachineName("here"), 1, START, result=TaskResult(cost_usd=cost))
        for number, cost in enumerate(costs, 1)
    )
    spec = planned(SCAN, MARKS[:1], (), Wanted()).spec
    return Task(TaskId(name), 1, spec, state, START, reason=reason, attempts=attempts)


def test_what_is_done_failed_left_and_spent_is_counted() -> None:
    tasks = {
        one.task_id: one
        for one in (
            task("t-1", TaskState.SUCCEEDED, 0.5, 0.25),
            task("t-2", TaskState.DEAD, None, reason="3 attempts\nfailed"),
            task("t-3", TaskState.RUNNING),
        )
    }
    rows = [
        *known("a", "b", task="t-1"), *known("c", task="t-2"), *known("d", task="t-3"),
        *known("e", task="t-9"),
    ]  # fmt: skip
    found = progress_of(replace(SCAN, marks=tuple(MARKS[1:])), rows, tasks)
    assert (found.done, found.failed, found.running, found.waiting) == (2, 1, 1, 0)
    assert (found.gone, found.left, found.cost_usd, found.unpriced) == (1, 1, 0.75, 1)
    assert [one.cost_usd for one in found.marks] == [0.375, 0.375, None, None, None]
    assert [one.failed for one in found.marks] == [False, False, True, False, False]
    lines = told(progress_answer(found))
    assert lines[0] == (
        "2 of 5 done, 1 failed, 1 at work, 0 waiting; 1 have no task; "
        "$0.75 and 1 tasks of unknown cost"
    )
    assert lines[1] == "1 of 5 are gone from ccccccccc"
    assert lines[2] == "a  succeeded  gone  $0.38  a.py  TODO say a"
    assert lines[4] == "c  dead  a.py  TODO say c  3 attempts\nfailed"
    assert lines[6] == "e  not known  a.py  TODO say e"


def test_what_nobody_has_accepted_yet_is_told_so() -> None:
    found = progress_of(SCAN, known("a", task=""), {})
    assert (found.waiting, found.left) == (0, 5)
    assert "a  accepted by nobody  a.py  TODO say a" in told(progress_answer(found))


def test_a_task_without_a_price_has_no_cost() -> None:
    assert cost_of(task("t", TaskState.DEAD, None, None)) is None
    assert cost_of(task("t", TaskState.DEAD, None, 0.5)) == 0.5
