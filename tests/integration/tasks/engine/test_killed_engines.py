"""An engine that is killed, at whatever moment, loses no task and starts nothing twice."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.tasks.engine.file_work import FileWork, job
from tests.integration.tasks.engine.serving import serve
from tests.waiting import eventually

from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.tasks import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

SETTLE_SECONDS = 90.0


async def test_twenty_in_flight_are_killed_and_each_is_started_once(
    database: str, folder: Path
) -> None:
    work = FileWork(str(folder / "work"))
    jobs = tuple(job(f"job-{number}", seconds=3.0, output=number) for number in range(20))
    async with serve(database, folder / "engine", folder / "work", at_once=20) as served:
        ids = await served.submit(GraphSpec("twenty", jobs))
        await eventually(work.starts, lambda starts: len(starts) == 20, within_seconds=60)
        await served.kill()
    assert not work.cleaned()

    async with serve(database, folder / "engine", folder / "work", at_once=20) as served:
        states = await eventually(
            served.states,
            lambda states: set(states.values()) == {"succeeded"},
            within_seconds=SETTLE_SECONDS,
        )
        tasks = [await served.ask("task", one) for one in ids.values()]

    assert len(states) == 20
    assert set(work.starts().values()) == {1}
    assert len(work.starts()) == 20
    assert sorted(one["output"] for one in tasks) == list(range(20))
    assert [len(one["attempts"]) for one in tasks] == [1] * 20


async def _killed_again_and_again(
    database: str, folder: Path, kills: int, tasks: int, seed: int
) -> None:
    """Kill engines at random moments under work of all sorts, then let the last one settle it."""
    chance = random.Random(seed)
    work = FileWork(str(folder / "work"))
    quick = RetryPolicy(3, 0.05)
    jobs = [job("root", output=1, seconds=0.1)]
    for number in range(tasks):
        needs = ("root",) if number % 3 == 0 else ()
        fails = 1 if number % 5 == 0 else 0
        seconds = chance.choice([0.0, 0.1, 0.5])
        jobs.append(job(f"job-{number}", needs, seconds=seconds, fails=fails, retry=quick))
    jobs.append(job("last", tuple(one.name for one in jobs), retry=quick))
    graph = GraphSpec("killed", tuple(jobs), key="once")
    for _ in range(kills):
        async with serve(database, folder / "engine", folder / "work", at_once=8) as served:
            await served.submit(graph)
            await anyio.sleep(chance.uniform(0.0, 2.5))
            await served.kill()
    async with serve(database, folder / "engine", folder / "work", at_once=8) as served:
        ids = await served.submit(graph)
        await eventually(
            served.states,
            lambda states: states.get("last") == "succeeded",
            within_seconds=SETTLE_SECONDS,
        )
        states = await served.states()
        found = {name: await served.ask("task", one) for name, one in ids.items()}

    assert Counter(states.values()) == {"succeeded": tasks + 2}
    assert set(work.starts().values()) == {1}
    for name, one in found.items():
        outcomes = [outcome for _, outcome, _ in one["attempts"]]
        failed = name.startswith("job-") and int(name[4:]) % 5 == 0
        assert outcomes == (["failed", "succeeded"] if failed else ["succeeded"]), name


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_kills_at_random_moments_lose_nothing_and_start_nothing_twice(
    database: str, folder: Path
) -> None:
    await _killed_again_and_again(database, folder, kills=3, tasks=24, seed=1)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2, 6))
async def test_many_kills_at_random_moments(database: str, folder: Path, seed: int) -> None:
    await _killed_again_and_again(database, folder, kills=12, tasks=60, seed=seed)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_is_cancelled_before_a_kill_is_closed_after_it(
    database: str, folder: Path
) -> None:
    work = FileWork(str(folder / "work"))
    async with serve(database, folder / "engine", folder / "work") as served:
        ids = await served.submit(GraphSpec("one", (job("long", seconds=600),)))
        await eventually(work.starts, within_seconds=60)
        await served.ask("cancel", ids["long"], "ann", "no need")
        await served.kill()

    async with serve(database, folder / "engine", folder / "work") as served:
        await eventually(
            served.states,
            lambda states: states["long"] == "cancelled",
            within_seconds=SETTLE_SECONDS,
        )
        task = await served.ask("task", ids["long"])

    assert task["reason"] == "cancelled by ann: no need"
    assert [one[-1] for one in work.cleaned().values()] == ["cancelled"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_answer_given_before_a_kill_arrives_after_it(database: str, folder: Path) -> None:
    async with serve(database, folder / "engine", folder / "work") as served:
        ids = await served.submit(GraphSpec("one", (job("asks", asks="may I?"),)))
        await eventually(
            served.states, lambda states: states["asks"] == "needs_input", within_seconds=60
        )
        await served.ask("answer", ids["asks"], "yes", "ann")
        await served.kill()

    async with serve(database, folder / "engine", folder / "work") as served:
        await eventually(
            served.states,
            lambda states: states["asks"] == "succeeded",
            within_seconds=SETTLE_SECONDS,
        )
        task = await served.ask("task", ids["asks"])

    assert task["output"] == "yes"
    assert len(task["attempts"]) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_orderly_end_leaves_what_runs_and_goes_on_with_it(
    database: str, folder: Path
) -> None:
    work = FileWork(str(folder / "work"))
    async with serve(database, folder / "engine", folder / "work") as served:
        ids = await served.submit(GraphSpec("one", (job("goes-on", seconds=2.0, output="all"),)))
        await eventually(work.starts, within_seconds=60)
    assert served.process.returncode == 0
    assert not work.cleaned()

    async with serve(database, folder / "engine", folder / "work") as served:
        await eventually(
            served.states,
            lambda states: states["goes-on"] == "succeeded",
            within_seconds=SETTLE_SECONDS,
        )
        task = await served.ask("task", ids["goes-on"])

    assert task["output"] == "all"
    assert set(work.starts().values()) == {1}
