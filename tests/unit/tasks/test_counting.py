"""All tasks counted at once, and each change told with what it came to, over a real database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import ProgrammingError
from tests.unit.tasks.desks import open_bench, spec

from iterm_mcp.errors import StoreError
from iterm_mcp.models.task_queries import MachineState, QueueTally
from iterm_mcp.models.tasks import FanOut, Outcome, RetryPolicy
from iterm_mcp.tasks import asking, machines
from iterm_mcp.tasks.database import open_task_database
from iterm_mcp.tasks.tables import MACHINES, TASKS_BY_KIND
from iterm_mcp.telemetry.task_metrics import EngineStanding, TaskMetrics

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.tasks.desks import Bench

ONCE = RetryPolicy(attempts=1)


class Told:
    """What metrics tell of a bench's tasks."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.registry = CollectorRegistry()
        self.metrics = TaskMetrics(self.registry)
        self.seen = 0
        self.standing: EngineStanding | None = None
        self.metrics.standing.begin(lambda: self.standing)

    async def __call__(self, name: str, **labels: str) -> float | None:
        """Return a sample as it is now."""
        for change in self.bench.told[self.seen :]:
            self.metrics.task_changed(change)
        self.seen = len(self.bench.told)
        self.standing = EngineStanding(up=True, tally=await self.bench.desk.tally())
        return self.registry.get_sample_value(f"iterm_mcp_{name}", labels)

    def all(self, name: str) -> dict[str, float]:
        """Return the samples of a metric with one label, by its value."""
        return {
            next(iter(sample.labels.values())): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"iterm_mcp_{name}"
        }


async def test_a_task_is_counted_where_it_stands_and_in_each_of_its_queues(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        await bench.submit(
            spec("a", team="web", repository="/app"),
            spec("b", kind="claude", account="me"),
            spec("c", "a"),
        )
        bench.limits = replace(bench.limits, at_once=1)
        await bench.claim()
        assert await told("tasks", kind="shell", state="starting") == 1
        assert await told("tasks", kind="agent", state="queued") == 1
        assert await told("tasks", kind="shell", state="waiting") == 1
        assert await told("tasks", kind="gather", state="dead") == 0
        tally = await bench.desk.tally()
        assert tally.queues == {
            "everything": QueueTally(1, 1),
            "kind:command": QueueTally(0, 1),
            "team:web": QueueTally(0, 1),
            "repository:/app": QueueTally(0, 1),
            "kind:claude": QueueTally(1, 0),
            "account:me": QueueTally(1, 0),
        }
        assert told.all("task_queue_waiting") == {
            name: one.waiting for name, one in tally.queues.items()
        }
        assert told.all("task_queue_running") == {
            name: one.running for name, one in tally.queues.items()
        }


async def test_a_queue_that_is_paused_says_so_until_it_goes_on(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        await told("task_engine_up")
        assert told.all("task_queue_paused") == {"everything": 0}
        await bench.desk.pause("team:web", "ann")
        await bench.desk.pause("everything", "ann")
        await told("task_engine_up")
        assert told.all("task_queue_paused") == {"everything": 1, "team:web": 1}
        await bench.desk.resume("everything")
        await bench.desk.resume("team:web")
        await told("task_engine_up")
        assert told.all("task_queue_paused") == {"everything": 0}


async def test_the_oldest_that_could_start_is_told_by_its_age(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        assert await told("task_oldest_waiting_seconds") == 0
        ids = await bench.submit(spec("a"))
        bench.clock.advance(7)
        later = await bench.submit(spec("b"))
        bench.clock.advance(5)
        assert await told("task_oldest_waiting_seconds") == 12
        await bench.desk.cancel(ids["a"], "ann", "")
        assert await told("task_oldest_waiting_seconds") == 5
        await bench.desk.cancel(later["b"], "ann", "")
        assert await told("task_oldest_waiting_seconds") == 0


async def test_the_wait_is_from_when_a_task_could_have_started(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        ids = await bench.submit(spec("a"), spec("b", "a"))
        bench.clock.advance(4)
        await bench.claim()
        assert await told("task_wait_seconds_sum") == 4
        bench.clock.advance(100)
        await bench.run(ids["a"])
        bench.clock.advance(3)
        await bench.claim()
        assert await told("task_wait_seconds_sum") == 7
        assert await told("task_wait_seconds_count") == 2


async def test_attempts_are_counted_by_how_they_ended_and_tasks_once(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        ids = await bench.submit(spec("a", retry=RetryPolicy(attempts=2, backoff_seconds=1)))
        await bench.claim()
        bench.clock.advance(10)
        await bench.run(ids["a"], Outcome.TIMED_OUT)
        assert await told("task_attempts_total", kind="shell", outcome="timed_out") == 1
        assert await told("tasks_settled_total", kind="shell", outcome="dead") == 0
        bench.clock.advance(5)
        await bench.claim()
        bench.clock.advance(2)
        await bench.run(ids["a"], Outcome.REJECTED)
        assert await told("task_attempts_total", kind="shell", outcome="rejected") == 1
        assert await told("tasks_settled_total", kind="shell", outcome="dead") == 1
        assert await told("task_duration_seconds_sum", kind="shell") == 17
        assert await told("task_dead_letters") == 1

        bench.clock.advance(1000)  # what was before somebody asked for it anew counts no more
        await bench.desk.retry(ids["a"], "ann")
        assert await told("task_dead_letters") == 0
        await bench.claim()
        bench.clock.advance(3)
        await bench.run(ids["a"])
        assert await told("task_duration_seconds_sum", kind="shell") == 20
        assert await told("task_duration_seconds_count", kind="shell") == 2
        assert await told("tasks_settled_total", kind="shell", outcome="succeeded") == 1
        assert await told("task_attempts_total", kind="shell", outcome="succeeded") == 1


async def test_a_lost_attempt_and_one_that_was_cancelled_are_told_apart(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        ids = await bench.submit(spec("a", kind="claude"))
        await bench.run(ids["a"], Outcome.LOST)
        assert await told("task_attempts_total", kind="agent", outcome="lost") == 1
        await bench.claim()
        await bench.desk.cancel(ids["a"], "ann", "")
        await bench.run(ids["a"], Outcome.CANCELLED)
        assert await told("task_attempts_total", kind="agent", outcome="cancelled") == 1
        assert await told("tasks_settled_total", kind="agent", outcome="cancelled") == 1
        assert await told("task_duration_seconds_count", kind="agent") == 1


async def test_what_never_started_took_no_time(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        ids = await bench.submit(
            spec("a", retry=ONCE), spec("b", "a"), spec("c"), spec("all", fan_out=FanOut("d"),
            needs=("d",)), spec("d"),
        )  # fmt: skip
        await bench.desk.cancel(ids["c"], "ann", "")
        await bench.run(ids["a"], Outcome.FAILED)
        assert await told("tasks_settled_total", kind="shell", outcome="skipped") == 1
        assert await told("tasks_settled_total", kind="shell", outcome="cancelled") == 1
        await bench.run(ids["d"], output=[])
        assert await told("tasks_settled_total", kind="gather", outcome="succeeded") == 1
        assert await told("task_duration_seconds_count", kind="shell") == 2
        assert await told("task_duration_seconds_count", kind="gather") is None


async def test_machines_are_counted_by_whether_they_can_be_reckoned_with(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        lease = bench.clock.now().timestamp() + 60
        for name in ("far", "away"):
            await bench.desk.write(
                lambda at, name=name: machines.enrol(at, name, 8, {}, (at.now, lease))  # type: ignore[misc]
            )
        await bench.desk.drain("far", draining=True)
        ids = await bench.submit(spec("a"))
        await bench.claim()
        assert await told("machine_slots") == bench.options.capacity + 8 + 8
        assert await told("machine_slots_used") == 1
        assert told.all("machines") == {"ready": 2, "draining": 1, "lost": 0}

        bench.clock.advance(61)
        assert (await bench.desk.tally()).machines == {MachineState.LOST: 3}
        await bench.lease.beat()
        await told("task_engine_up")
        assert told.all("machines") == {"ready": 1, "draining": 0, "lost": 2}
        assert await told("machine_slots") == bench.options.capacity
        await bench.desk.write(
            lambda at: at.connection.execute(
                sa.update(MACHINES).where(MACHINES.c.name == "far").values(closed=True)
            )
        )
        assert (await bench.desk.tally()).machines[MachineState.LOST] == 1
        bench.clock.advance(2 * 86400)  # nobody waits for it any more
        await bench.lease.beat()
        assert (await bench.desk.tally()).machines == {MachineState.READY: 1}
        await bench.run(ids["a"])
        assert await told("machine_slots_used") == 0


async def test_what_is_forgotten_is_counted_no_more(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        ids = await bench.submit(spec("a"))
        await bench.run(ids["a"])
        assert await told("tasks", kind="shell", state="succeeded") == 1
        await bench.desk.write(lambda at: asking.purge(at, [ids["a"]]))
        assert await told("tasks", kind="shell", state="succeeded") == 0


async def test_numbers_that_nobody_knows_are_withheld(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        assert told.all("task_engine_up") == {}
        told.standing = EngineStanding(up=False, tally=await bench.desk.tally())
        read = told.registry.get_sample_value
        assert read("iterm_mcp_task_engine_up") == 0
        assert read("iterm_mcp_task_dead_letters") is None
        assert told.all("tasks") == told.all("machines") == told.all("task_queue_paused") == {}
        told.standing = EngineStanding(up=True)
        assert read("iterm_mcp_task_engine_up") == 1
        assert read("iterm_mcp_task_dead_letters") is None


async def test_what_cannot_be_counted_is_said_in_our_own_words(folder: Path) -> None:
    async with open_bench(folder) as bench:
        await bench.desk.write(lambda at: at.connection.execute(sa.text("DROP TABLE pauses")))
        with pytest.raises(StoreError):
            await bench.desk.tally()
        error = ProgrammingError("SELECT", {}, Exception("permission denied"))
        bench.desk.read = refusing(error)  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="cannot be counted: ProgrammingError"):
            await bench.desk.tally()


def refusing(error: Exception) -> Any:  # noqa: ANN401 - in the place of a method
    async def read(_work: object) -> None:
        raise error

    return read


async def test_queues_that_come_too_late_are_counted_together(folder: Path) -> None:
    async with open_bench(folder) as bench:
        told = Told(bench)
        await bench.submit(*(spec(f"t{at}", team=f"team{at}") for at in range(40)))
        await bench.desk.pause("team:team39", "ann")
        await told("task_engine_up")
        waiting = told.all("task_queue_waiting")
        assert len(waiting) == 22
        assert waiting["everything"] == 40
        named = sum(value for name, value in waiting.items() if name.startswith("team:"))
        assert named + waiting["other"] + waiting.get("kind:command", 0) >= 40
        assert max(told.all("task_queue_paused").values()) == 1


async def test_a_database_from_before_can_be_counted_as_quickly(folder: Path) -> None:
    async with open_bench(folder) as bench:
        url = bench.options.database_url
        await bench.desk.write(lambda at: at.connection.execute(sa.schema.DropIndex(TASKS_BY_KIND)))
    async with open_task_database(url) as database:
        plan = await database.read(
            lambda at: at.exec_driver_sql(
                "EXPLAIN QUERY PLAN SELECT kind, state, count(*) FROM tasks GROUP BY state, kind"
            ).all()
        )
    assert "COVERING INDEX tasks_by_kind" in str(plan)
