"""Tasks over a database of their own, moved by hand: no DBOS, no wall clock."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.task_graphs import FailurePolicy, GraphSpec
from iterm_mcp.models.tasks import Outcome, TaskResult, TaskSpec, TaskState
from iterm_mcp.tasks.changes import Changes
from iterm_mcp.tasks.claiming import Claimed, claim
from iterm_mcp.tasks.codec import dump
from iterm_mcp.tasks.database import open_task_database
from iterm_mcp.tasks.desk import Desk
from iterm_mcp.tasks.engine import EngineOptions
from iterm_mcp.tasks.lease import Lease
from iterm_mcp.tasks.limits import DispatchLimits
from iterm_mcp.tasks.settling import End, advance, keep, settle
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.models.tasks import Task


def spec(name: str, /, *needs: str, **fields: Any) -> TaskSpec:  # noqa: ANN401
    return replace(TaskSpec(name, "command", "true", "/nowhere", needs=needs), **fields)


@dataclass
class Bench:
    """A desk, and hands to do by what the engine does by itself."""

    desk: Desk
    lease: Lease
    clock: FakeClock
    options: EngineOptions
    told: list[TaskChange] = field(default_factory=list)
    limits: DispatchLimits = field(default_factory=lambda: DispatchLimits(at_once=100))

    async def submit(
        self, *tasks: TaskSpec, policy: FailurePolicy = FailurePolicy.CONTINUE, key: str = ""
    ) -> dict[str, str]:
        graph = await self.desk.submit(GraphSpec("graph", tasks, policy, key), "ann")
        return dict(graph.tasks)

    async def claim(self) -> Claimed:
        return await self.desk.write(
            lambda at: claim(at, self.lease.holder, self.limits, self.options.admission)
        )

    async def run(self, task_id: str, outcome: Outcome = Outcome.SUCCEEDED, **result: Any) -> Task:  # noqa: ANN401
        """Claim what may start, and end the attempt of one task."""
        await self.claim()
        number = (await self.desk.get(task_id)).attempts[-1].number
        reason = "" if outcome is Outcome.SUCCEEDED else "so it was"

        def end(at: Any) -> None:  # noqa: ANN401
            row = at.task(task_id)
            for state in (TaskState.RUNNING, TaskState.VERIFYING):
                row = advance(at, row, number, state)
            keep(at, task_id, number, result=dump(TaskResult(**result)))
            settle(at, self.lease.holder, task_id, number, End(outcome, reason))

        await self.desk.write(end)
        return await self.desk.get(task_id)

    async def states(self, ids: dict[str, str]) -> dict[str, str]:
        return {name: (await self.desk.get(one)).state.value for name, one in ids.items()}


@asynccontextmanager
async def open_bench(folder: Path, url: str = "") -> AsyncIterator[Bench]:
    clock = FakeClock()
    told: list[TaskChange] = []
    options = EngineOptions(url, str(folder), "here", clock=clock, tell=told.append)
    async with open_task_database(options.database_url) as database:
        desk = Desk(database, options, Changes(options.tell), "here")
        lease = Lease(options, database, desk, "here")
        await lease.enrol()
        yield Bench(desk, lease, clock, options, told)
