"""Outcomes for tests, and a memory for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import Result, Way
from iterm_mcp.models.tasks import (
    Attempt,
    MachineName,
    Outcome,
    Task,
    TaskId,
    TaskResult,
    TaskSpec,
    TaskState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.alerts import AlertKind, Finding

START = datetime(2026, 1, 1, tzinfo=UTC)


def result(
    number: int,
    outcome: Outcome = Outcome.SUCCEEDED,
    arm: str = "a",
    *,
    cost: float | None = 1.0,
    seconds: float = 60.0,
    why: str = "",
) -> Result:
    way = Way("backlog", "claude", arm=arm)
    at = START + timedelta(minutes=number)
    return Result(TaskId(f"t-{number}"), 1, way, outcome, at, seconds, cost, why=why)


def results(good: int, bad: int, arm: str = "a", cost: float = 1.0) -> list[Result]:
    """Return outcomes that are mixed evenly."""
    count = good + bad
    ends = [
        Outcome.SUCCEEDED if (number + 1) * good // count > number * good // count
        else Outcome.FAILED
        for number in range(count)
    ]  # fmt: skip
    return [result(number, one, arm, cost=cost) for number, one in enumerate(ends)]


def spec(
    kind: str = "claude", strategy: Mapping[str, str] | None = None, prompt: str = "do it"
) -> TaskSpec:
    given = {"task": "backlog"} if strategy is None else strategy
    return TaskSpec("one", kind, prompt, "/src", strategy=given)


def task(number: int, asked: TaskSpec) -> Task:
    return Task(TaskId(f"t-{number}"), number, asked, TaskState.RUNNING, START)


def attempt(
    outcome: Outcome | None = Outcome.SUCCEEDED, cost: float | None = 1.0, number: int = 1
) -> Attempt:
    ended_at = START + timedelta(seconds=90) if outcome else None
    return Attempt(
        number, MachineName("here"), 1, START, ended_at=ended_at, outcome=outcome,
        result=TaskResult(cost_usd=cost, tokens=7),
    )  # fmt: skip


class Memory:
    """Remembers as the store does."""

    def __init__(self, *known: Result) -> None:
        self.kept = {(one.task_id, one.number): one for one in known}

    async def record(self, result: Result) -> None:
        self.kept[result.task_id, result.number] = result

    async def judged(self, task: str, arm: str, since: datetime) -> tuple[Result, ...]:
        return tuple(
            one
            for one in self.kept.values()
            if (one.way.task, one.way.arm) == (task, arm) and one.judged and one.ended_at >= since
        )

    async def arms(self) -> dict[tuple[str, str], int]:
        counts: dict[tuple[str, str], int] = {}
        for one in self.kept.values():
            place = one.way.task, one.way.arm
            counts[place] = counts.get(place, 0) + one.judged
        return counts


class Alarms:
    """Notes what is raised and settled."""

    def __init__(self) -> None:
        self.raised: list[Finding] = []
        self.settled: list[str] = []

    async def raise_alert(self, finding: Finding) -> None:
        self.raised.append(finding)

    async def settle(self, kind: AlertKind, subject: str) -> None:
        self.settled.append(f"{kind} {subject}")
