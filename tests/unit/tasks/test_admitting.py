"""Claims of queues of which much is not admitted."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.unit.tasks.desks import open_bench, spec

from iterm_mcp.models.task_queries import Hindrance
from iterm_mcp.tasks import claiming
from iterm_mcp.tasks.claiming import MOST_READ, Demands, claim
from iterm_mcp.tasks.desk import Waits
from iterm_mcp.tasks.limits import DispatchLimits, Refusal, demand_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import pytest
    from sqlalchemy import Connection
    from tests.unit.tasks.desks import Bench

    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.tasks.choosing import Candidate
    from iterm_mcp.tasks.claiming import Claimed
    from iterm_mcp.tasks.limits import Demand
    from iterm_mcp.tasks.writing import Writer


class Doors:
    """An `Admission` that lets only some tasks start, by their directory."""

    def __init__(self, why: Refusal) -> None:
        self.why = why
        self.asked = 0

    def admit(self, demand: Demand, now: datetime) -> Refusal | None:
        self.asked += 1
        return self.why_not(demand, now)

    def why_not(self, demand: Demand, now: datetime) -> Refusal | None:
        assert now.tzinfo
        return None if demand.directory == "/free" else self.why


async def claims(bench: Bench, doors: Doors, demands: Demands) -> Claimed:
    return await bench.desk.write(
        lambda at: claim(at, bench.lease.holder, bench.limits, doors, demands)
    )


async def test_what_is_behind_hundreds_that_are_refused_starts_and_each_is_read_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def told(task_id: str, found: TaskSpec) -> Demand:
        read.append(task_id)
        return demand_of(task_id, found)

    monkeypatch.setattr(claiming, "demand_of", told)
    doors, demands = Doors(Refusal("its disk is full")), Demands()
    many = 2 * MOST_READ + 10
    async with open_bench(folder) as bench:
        refused = [spec(f"refused-{number}", directory="/full") for number in range(many)]
        ids = await bench.submit(*refused, spec("free", directory="/free"))
        first, second, third, fourth = [await claims(bench, doors, demands) for _ in range(4)]

        assert [first.attempts, second.attempts] == [{}, {}]
        assert first.wake_at == second.wake_at == bench.desk.now(), "it goes on at once"
        assert first.behind == "its turn comes in a moment"
        assert list(third.attempts) == [f"{ids['free']}~1"]
        assert third.wake_at is None
        assert fourth.attempts == {}
        assert len(read) == len(set(read)) == many + 1
        assert len(fourth.obstacles) == many


async def test_a_task_that_is_queued_anew_is_read_anew(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        demands = Demands()

        async def ask() -> Demand | None:
            def look(writer: Writer) -> Demand | None:
                (one,) = claiming.queue_of(writer.connection, 60.0)
                demands.begin()
                return demands.of(replace(one, queued_at=one.queued_at + later), writer.task)

            return await bench.desk.write(look)

        later = 0.0
        first = await ask()
        assert first is not None
        assert first.task_id == ids["a"]
        assert await ask() is first
        later = 1.0
        again = await ask()
        assert again == first
        assert again is not first


async def test_for_whom_memory_is_kept_is_told_to_who_waits_for_it(folder: Path) -> None:
    doors = Doors(Refusal("it needs 8 GB", for_memory=True, others_start=True))
    async with open_bench(folder) as bench:
        bench.limits = DispatchLimits(ageing_seconds=60.0)
        large = (await bench.submit(spec("large", directory="/full")))["large"]
        bench.clock.advance(90)
        small = (await bench.submit(spec("small", directory="/free")))["small"]
        claimed = await claims(bench, doors, Demands())
        reasons = {task_id: one.sentence for task_id, one in claimed.obstacles.items()}
        bench.desk.waits = Waits(reasons, claimed.full, claimed.behind)

        kept = f"memory is kept for {large}, which has waited for 2 min"
        assert claimed.attempts == {}
        assert (await bench.desk.get(large)).reason == "it needs 8 GB"
        assert (await bench.desk.get(small)).reason == kept
        found = (await bench.desk.explain(small)).obstacles
        assert [one.what for one in found] == [Hindrance.ADMISSION, Hindrance.TURN]
        assert found[0].sentence == kept


async def test_the_queue_is_read_by_rank_page_by_page_and_no_further_than_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "PAGE", 3)
    ageing = 10.0
    async with open_bench(folder) as bench:
        for number in range(10):
            await bench.submit(spec(f"task-{number}", priority=number * 7 % 5 - 2))
            bench.clock.advance(4.0)

        def look(at: Connection) -> tuple[list[Candidate], list[int]]:
            queue = list(claiming.queue_of(at, ageing))
            return queue, [claiming.ahead_of(at, one, ageing) for one in queue]

        queue, ahead = await bench.desk.read(look)
        first = await bench.desk.read(
            lambda at: list(itertools.islice(claiming.queue_of(at, ageing), 2))
        )

    by_rank = sorted(queue, key=lambda one: (one.queued_at - ageing * one.priority, one.queued_at))
    assert queue == by_rank
    assert [one.number for one in queue] != sorted(one.number for one in queue)
    assert ahead == list(range(10))
    assert first == queue[:2]


async def test_those_that_were_read_first_are_forgotten_where_they_are_too_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "MOST_KNOWN", 2)
    demands = Demands()
    async with open_bench(folder) as bench:
        await bench.submit(*[spec(f"task-{number}") for number in range(4)])

        def look(writer: Writer) -> list[Demand | None]:
            demands.begin()
            queue = claiming.queue_of(writer.connection, 60.0)
            return [demands.of(one, writer.task) for one in queue]

        first, again = [await bench.desk.write(look) for _ in range(2)]

    assert again == first
    assert [one is other for one, other in zip(first, again, strict=True)] == [
        False,
        False,
        True,
        True,
    ]
