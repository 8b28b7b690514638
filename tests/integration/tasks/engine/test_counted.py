"""All tasks counted in a real Postgres, and what is told when it is away."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tests.unit.tasks.desks import open_bench, spec
from tests.waiting import eventually

from iterm_mcp.app.counting import standing
from iterm_mcp.models.task_queries import MachineState, QueueTally
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.services.background import beside
from iterm_mcp.services.recounting import OVERDUE_SECONDS, Recount
from iterm_mcp.telemetry.task_metrics import EngineStanding
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.tasks.postgres import Postgres


async def test_postgres_counts_the_same(postgres: str, folder: Path) -> None:
    async with open_bench(folder, postgres) as bench:
        ids = await bench.submit(spec("a", team="web"), spec("b", "a"), spec("c"))
        bench.limits = type(bench.limits)(at_once=1)
        await bench.claim()
        await bench.desk.pause("team:web", "ann")
        tally = await bench.desk.tally()
        assert tally.states == {
            ("command", TaskState.STARTING): 1,
            ("command", TaskState.QUEUED): 1,
            ("command", TaskState.WAITING): 1,
        }
        assert tally.queues["everything"] == QueueTally(1, 1)
        assert tally.paused == {"team:web"}
        assert (tally.machines, tally.slots, tally.slots_used) == ({MachineState.READY: 1}, 100, 1)
        await bench.run(ids["a"])
        assert bench.told[-1].took_seconds is not None or bench.told[-2].took_seconds is not None


async def test_while_postgres_is_away_or_silent_no_number_is_told(
    own_postgres: Postgres, folder: Path
) -> None:
    clock = FakeClock()
    async with open_bench(folder, own_postgres.url) as bench:
        counting = Recount("tasks", bench.desk.tally, clock, 0.02)
        told = lambda: standing(counting)  # type: ignore[arg-type] # noqa: E731
        async with beside(counting.run):
            up = await eventually(told)
            assert up is not None
            assert up.up
            own_postgres.kill()
            await eventually(told, lambda one: one == EngineStanding(up=False), within_seconds=30)
            own_postgres.start()
            await eventually(told, lambda one: one == up, within_seconds=30)

            pids = own_postgres.processes()
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                await eventually(lambda: counting._asked_at is not None)
                clock.advance(OVERDUE_SECONDS + 1)
                await eventually(told, lambda one: one == EngineStanding(up=False))
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
            await eventually(told, lambda one: one == up, within_seconds=30)
