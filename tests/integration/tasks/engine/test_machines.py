"""Several machines work on the same tasks, and any of them may be gone at any time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.tasks.engine.file_work import FileWork, job
from tests.integration.tasks.engine.serving import Served, serve
from tests.waiting import eventually

from iterm_mcp.models.task_graphs import GraphSpec

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.integration.tasks.postgres import Postgres

SETTLE_SECONDS = 90.0
LEASE_SECONDS = 4.0


async def succeeded(served: Served, *, within_seconds: float = SETTLE_SECONDS) -> None:
    await eventually(
        served.states,
        lambda states: set(states.values()) == {"succeeded"},
        within_seconds=within_seconds,
    )


def labelled(
    url: str, folder: Path, name: str, **settings: object
) -> AbstractAsyncContextManager[Served]:
    """Run a machine that tasks can ask for by its name."""
    return serve(url, folder / name, folder / f"work-{name}", name, labels={"is": name}, **settings)


async def warm_up(served: Served, *machines: str) -> None:
    """Wait until each machine has worked on something."""
    jobs = [job(f"warm-{name}", labels={"is": name}) for name in machines]
    await served.submit(GraphSpec("warm", tuple(jobs)))
    await succeeded(served)


async def test_a_machine_that_is_killed_has_its_tasks_finished_by_another(
    postgres: str, folder: Path
) -> None:
    one, other = (FileWork(str(folder / name)) for name in ("work-one", "work-other"))
    settings = {"at_once": 6, "capacity": 3, "lease_seconds": LEASE_SECONDS}
    jobs = tuple(job(f"job-{number}", seconds=4.0, output=number) for number in range(6))
    async with (
        labelled(postgres, folder, "one", **settings) as first,
        labelled(postgres, folder, "other", **settings) as second,
    ):
        await warm_up(first, "one", "other")
        ids = await first.submit(GraphSpec("six", jobs))
        await eventually(one.starts, lambda starts: len(starts) == 4, within_seconds=60)
        await eventually(other.starts, lambda starts: len(starts) == 4, within_seconds=60)
        await first.kill()
        await succeeded(second)
        tasks = [await second.ask("task", one) for one in ids.values()]
        machines = await second.ask("machines")

    outcomes = Counter(
        (machine, outcome) for task in tasks for machine, outcome, _ in task["attempts"]
    )
    assert outcomes == {("one", "lost"): 3, ("other", "succeeded"): 6}
    assert {task["output"] for task in tasks} == set(range(6))
    assert set(one.starts().values()) == set(other.starts().values()) == {1}
    assert machines == {"one": [False, 0], "other": [True, 0]}


async def test_a_machine_that_slept_too_long_writes_nothing_and_closes_what_it_opened(
    postgres: str, folder: Path
) -> None:
    asleep, awake = (FileWork(str(folder / name)) for name in ("work-one", "work-other"))
    settings = {"at_once": 1, "lease_seconds": LEASE_SECONDS}
    graph = GraphSpec("one", (job("slow", seconds=3.0),))
    async with serve(postgres, folder / "a", folder / "work-one", "one", **settings) as first:
        ids = await first.submit(graph)
        await eventually(asleep.starts, within_seconds=60)
        first.freeze()
        async with serve(
            postgres, folder / "b", folder / "work-other", "other", **settings
        ) as second:
            assert await second.ask("counts")
            await succeeded(second)
            first.thaw()
            await eventually(asleep.cleaned, within_seconds=60)
            task = await first.ask("task", ids["slow"])

    assert [one[:2] for one in task["attempts"]] == [["one", "lost"], ["other", "succeeded"]]
    assert task["state"] == "succeeded"
    assert list(asleep.cleaned().values()) == [["lost"]]
    assert list(awake.cleaned().values()) == [["succeeded"]]


@pytest.mark.long
async def test_all_machines_together_keep_to_the_limit_and_to_labels(
    postgres: str, folder: Path
) -> None:
    settings = {"at_once": 3, "lease_seconds": 30.0}
    labels = {"has": "disk"}
    jobs = [job(f"job-{number}", seconds=0.3) for number in range(10)]
    jobs += [job(f"special-{number}", seconds=0.3, labels=labels) for number in range(3)]
    most = 0
    async with (
        serve(postgres, folder / "a", folder / "work", "one", **settings) as first,
        serve(
            postgres, folder / "b", folder / "work", "other", labels=labels, **settings
        ) as second,
    ):
        assert not await second.ask("counts")
        ids = await first.submit(GraphSpec("many", tuple(jobs)))
        with anyio.fail_after(SETTLE_SECONDS):
            while True:
                counts = await first.ask("counts")
                running = sum(
                    counts.get(state, 0) for state in ("starting", "running", "verifying")
                )
                most = max(most, running)
                if counts.get("succeeded") == len(jobs):
                    break
        tasks = {name: await first.ask("task", one) for name, one in ids.items()}

    assert most <= 3
    machines = {name: task["attempts"][0][0] for name, task in tasks.items()}
    assert {machines[name] for name in machines if name.startswith("special")} == {"other"}


async def test_a_drained_machine_takes_nothing_new(postgres: str, folder: Path) -> None:
    async with serve(postgres, folder / "a", folder / "work", "one") as served:
        assert not await served.ask("counts")
        await served.ask("drain", "one")
        ids = await served.submit(GraphSpec("one", (job("waits"),)))
        explained = await served.ask("obstacles", ids["waits"])
        assert (await served.states()) == {"waits": "queued"}
        assert explained == ["machine one is being drained"]

    async with serve(postgres, folder / "b", folder / "work", "other") as second:
        await succeeded(second)


@pytest.mark.long
async def test_a_database_that_falls_and_comes_back_costs_no_task(
    own_postgres: Postgres, folder: Path
) -> None:
    work = FileWork(str(folder / "work"))
    jobs = tuple(job(f"job-{number}", seconds=5.0) for number in range(10))
    async with serve(
        own_postgres.url, folder / "a", folder / "work", "one", at_once=6, lease_seconds=60.0
    ) as served:
        ids = await served.submit(GraphSpec("ten", jobs))
        await eventually(work.starts, lambda starts: len(starts) == 6, within_seconds=60)
        own_postgres.kill()
        refused = await served.ask("counts")
        own_postgres.start()
        await eventually(
            served.states,
            lambda states: "error" not in states and set(states.values()) == {"succeeded"},
            within_seconds=SETTLE_SECONDS,
        )
        tasks = [await served.ask("task", one) for one in ids.values()]

    assert refused == {"error": "tasks_unavailable"}
    assert len(work.starts()) == 10
    assert set(work.starts().values()) == {1}
    assert [len(one["attempts"]) for one in tasks] == [1] * 10


async def test_an_engine_whose_database_is_not_there_yet_starts_when_it_is(
    own_postgres: Postgres, folder: Path
) -> None:
    own_postgres.stop()
    async with serve(own_postgres.url, folder / "a", folder / "work", "one") as served:
        assert await served.ask("counts") == {"error": "tasks_unavailable"}
        own_postgres.start()
        await eventually(
            lambda: served.ask("counts"), lambda found: "error" not in found, within_seconds=60
        )
        await served.submit(GraphSpec("one", (job("works"),)))
        await succeeded(served)
