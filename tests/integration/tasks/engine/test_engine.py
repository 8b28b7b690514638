"""The engine as a whole, in this process."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.integration.tasks.engine.file_work import FileWork, job
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import InvalidRequestError, NotFoundError, RefusedError, StoreError
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.task_queries import EVERYTHING, TaskQuery
from iterm_mcp.models.tasks import Outcome, RetryPolicy, TaskState
from iterm_mcp.tasks import dispatcher, durable
from iterm_mcp.tasks.courses import Courses
from iterm_mcp.tasks.engine import EngineOptions, TaskEngine, open_engine
from iterm_mcp.tasks.limits import DispatchLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.task_queries import TaskChange

SETTLE_SECONDS = 60.0
ONCE = RetryPolicy(1)

ASK_NOTHING = """
import sys, anyio
from iterm_mcp.models.task_queries import TaskQuery
from iterm_mcp.tasks.engine import EngineOptions, open_engine

async def main():
    async with open_engine(EngineOptions("", sys.argv[1]), None) as engine:
        assert not (await engine.find(TaskQuery())).tasks
        assert not any((await engine.counts()).values())
        assert not engine.is_open

anyio.run(main)
print([one for one in ("sqlalchemy", "dbos", "psycopg", "croniter") if one in sys.modules])
"""


@asynccontextmanager
async def engine_on(folder: Path, **options: Any) -> AsyncIterator[TaskEngine]:  # noqa: ANN401
    chosen = EngineOptions("", str(folder), **options)
    async with open_engine(chosen, FileWork(str(folder / "work"))) as engine:
        yield engine


async def test_who_has_no_tasks_loads_nothing_of_the_engine(folder: Path) -> None:
    ran = await anyio.run_process(
        [sys.executable, "-c", ASK_NOTHING, str(folder)], stderr=subprocess.STDOUT
    )

    assert ran.stdout.decode().strip() == "[]"
    assert [one async for one in anyio.Path(folder).iterdir()] == []


async def test_nothing_is_known_where_nothing_was_submitted(folder: Path) -> None:
    async with engine_on(folder) as engine:
        with pytest.raises(NotFoundError):
            await engine.get("t-none")
        with pytest.raises(NotFoundError):
            await engine.graph("g-none")
        with pytest.raises(NotFoundError):
            await engine.wait(["t-none"], 5)
        assert await engine.pauses() == []
        assert await engine.schedules() == []
        assert await engine.machines() == []
        await engine.purge([])
        assert not engine.problem


async def test_results_conditions_retries_and_questions_go_through_all_of_it(folder: Path) -> None:
    told: list[TaskChange] = []
    quick = RetryPolicy(3, 0.05)
    async with engine_on(folder, tell=told.append) as engine:
        graph = await engine.submit(
            GraphSpec(
                "all",
                (
                    job("find", output={"count": 3}),
                    job("next", ("find",), fails=1, retry=quick),
                    job("asks", ("find",), asks="may I?"),
                    job("rejected", problems=["no commit"], retry=ONCE),
                    job("refused", refuses="begin", retry=ONCE),
                    job("late", seconds=60.0, deadline_seconds=0.5, retry=ONCE),
                ),
            ),
            "ann",
        )
        ids = graph.tasks
        asking = [ids["asks"]]
        (waited,) = await engine.wait(asking, SETTLE_SECONDS)
        assert waited.question == "may I?"
        await engine.answer(ids["asks"], "yes", "bob")
        tasks = await engine.wait(list(ids.values()), SETTLE_SECONDS)

    found = {one.spec.name: one for one in tasks}
    assert {name: one.state.value for name, one in found.items()} == {
        "find": "succeeded",
        "next": "succeeded",
        "asks": "succeeded",
        "rejected": "dead",
        "refused": "dead",
        "late": "dead",
    }
    assert [one.outcome for one in found["next"].attempts] == [Outcome.FAILED, Outcome.SUCCEEDED]
    assert found["next"].result
    assert found["next"].result.output == {"find": {"count": 3}}
    assert found["rejected"].attempts[0].outcome is Outcome.REJECTED
    assert "begin is refused" in found["refused"].reason
    assert found["late"].attempts[0].outcome is Outcome.TIMED_OUT
    assert {one.state for one in told if one.name == "asks"} >= {
        TaskState.NEEDS_INPUT,
        TaskState.SUCCEEDED,
    }


@pytest.mark.parametrize("step", ["supervise", "clean"])
async def test_a_bug_in_the_work_fails_the_attempt_and_leaves_the_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(dispatcher, "RECONCILE_SECONDS", 0.2)
    async with engine_on(folder) as engine:
        task = await engine.submit_task(job("broken", breaks=step, retry=ONCE), "ann")
        (dead,) = await engine.wait([task.task_id], SETTLE_SECONDS)
        assert dead.state is TaskState.DEAD
        assert f"internal error: {step} is broken" in dead.reason

        fine = await engine.submit_task(job("fine"))
        (done,) = await engine.wait([fine.task_id], SETTLE_SECONDS)
        assert done.state is TaskState.SUCCEEDED


async def test_asked_at_once_or_by_its_clock_a_schedule_submits(folder: Path) -> None:
    async with engine_on(folder) as engine:
        nightly = GraphSpec("nightly", (job("night"),))
        soon = SystemClock().now() + timedelta(seconds=0.3)
        await engine.schedule("soon", nightly, "ann", at=soon)
        again = await engine.schedule("again", nightly, "ann", cron="0 6 * * *", zone="Asia/Tokyo")
        assert again.next_at
        assert again.next_at.hour == 21

        async def submitted() -> list[TaskState]:
            return [one.state for one in (await engine.find(TaskQuery(text="night"))).tasks]

        await eventually(submitted, lambda states: states == [TaskState.SUCCEEDED],
                         within_seconds=SETTLE_SECONDS)  # fmt: skip
        kept = {one.name: one for one in await engine.schedules()}
        assert kept["soon"].next_at is None
        assert kept["soon"].last_graph
        await engine.unschedule("again")
        assert [one.name for one in await engine.schedules()] == ["soon"]
        for bad in ("x", "0 6 * *", "99 6 * * *", ""):
            with pytest.raises(InvalidRequestError):
                await engine.schedule("bad", nightly, cron=bad)
        with pytest.raises(InvalidRequestError, match="no time zone"):
            await engine.schedule("bad", nightly, cron="0 6 * * *", zone="Mars/Base")


async def test_dead_letters_are_forked_retried_paused_and_purged(folder: Path) -> None:
    work = FileWork(str(folder / "work"))
    async with engine_on(folder) as engine:
        task = await engine.submit_task(job("bad", problems=["no"], retry=ONCE, key="k"), "ann")
        assert (await engine.submit_task(job("bad", key="k"))).task_id == task.task_id
        ids = [task.task_id]
        await engine.wait(ids, SETTLE_SECONDS)
        await engine.fork(task.task_id, "collect", "ann")
        (forked,) = await engine.wait(ids, SETTLE_SECONDS)
        assert [one.outcome for one in forked.attempts] == [Outcome.REJECTED, Outcome.REJECTED]
        assert work.starts() == {f"{task.task_id}~1": 1}

        await engine.pause(EVERYTHING, "ann")
        assert [one.scope for one in await engine.pauses()] == [EVERYTHING]
        await engine.retry(task.task_id, "ann")
        explained = await engine.explain(task.task_id)
        assert explained.obstacles[0].sentence == "everything is paused"
        assert len(explained.failures) == 2
        await engine.resume(EVERYTHING, "ann")
        await engine.wait(ids, SETTLE_SECONDS)
        await engine.purge(ids)
        assert not (await engine.find(TaskQuery())).tasks
        await eventually(work.starts, lambda kept: not kept, within_seconds=SETTLE_SECONDS)
        (machine,) = await engine.machines()
        await engine.drain(machine.name)
        assert (await engine.machines())[0].draining


async def test_tasks_that_are_too_old_are_forgotten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "RETENTION_SECONDS", 0.1)
    async with engine_on(folder, keep_seconds=0.0) as engine:
        await engine.submit_task(job("old"))
        await engine.submit_task(job("waits", seconds=600))
        await eventually(engine.counts, lambda counts: sum(counts.values()) == 1,
                         within_seconds=SETTLE_SECONDS)  # fmt: skip


async def test_changes_are_seen_as_they_are_written(folder: Path) -> None:
    seen = []
    async with engine_on(folder) as engine:
        await engine.submit_task(job("first"))
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                async for one in engine.watch(0):
                    seen.append((one.name, one.state.value))
                    if one.state is TaskState.SUCCEEDED:
                        group.cancel_scope.cancel()

            with anyio.fail_after(SETTLE_SECONDS):
                await watch()

    assert seen == [
        ("first", one) for one in ("queued", "starting", "running", "verifying", "succeeded")
    ]


async def test_no_more_run_at_once_than_may(folder: Path) -> None:
    running, most = set[str](), 0

    def tell(change: Any) -> None:  # noqa: ANN401
        nonlocal most
        active = change.state.value in {"starting", "running", "verifying"}
        (running.add if active else running.discard)(change.task_id)
        most = max(most, len(running))

    limits = DispatchLimits(at_once=3)
    async with engine_on(folder, tell=tell, limits=lambda: limits) as engine:
        jobs = tuple(job(f"job-{number}", seconds=0.05) for number in range(12))
        graph = await engine.submit(GraphSpec("twelve", jobs))
        tasks = await engine.wait(list(graph.tasks.values()), SETTLE_SECONDS)

    assert {one.state for one in tasks} == {TaskState.SUCCEEDED}
    assert most == 3


async def test_the_loop_s_own_threads_are_left_alone(folder: Path) -> None:
    async with engine_on(folder) as engine:
        task = await engine.submit_task(job("one"))
        await engine.wait([task.task_id], SETTLE_SECONDS)
        name = await asyncio.to_thread(lambda: threading.current_thread().name)

    assert "dbos" not in name


async def test_a_folder_has_one_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.tasks.lease.LOCK_TRIES", 2)
    async with engine_on(folder) as engine:
        await engine.submit_task(job("one", seconds=600))
        async with engine_on(folder) as second:
            with pytest.raises(StoreError, match="works on the tasks") as caught:
                await second.counts()
            assert caught.value.code == "tasks_locked"
            assert second.problem


@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense", "sqlite:////no/such/folder/db"])
async def test_a_database_that_cannot_be_used_is_told(folder: Path, url: str) -> None:
    options = replace(EngineOptions("", str(folder)), url=url)
    async with open_engine(options, FileWork(str(folder / "work"))) as engine:
        with pytest.raises(StoreError) as caught:
            await engine.counts()

    assert caught.value.hint


async def test_a_file_that_is_no_database_is_told(folder: Path) -> None:
    (folder / "tasks.db").write_bytes(b"no database at all, but long enough to be looked at" * 50)
    async with engine_on(folder) as engine:
        with pytest.raises(StoreError, match="not a database"):
            await engine.counts()


async def test_tasks_of_a_later_version_are_left_alone(folder: Path) -> None:
    async with engine_on(folder) as engine:
        await engine.submit_task(job("one"))
    with closing(sqlite3.connect(folder / "tasks.db")) as later, later:
        later.execute("UPDATE task_schema SET version = 99")
    async with engine_on(folder) as engine:
        with pytest.raises(StoreError) as caught:
            await engine.counts()
    assert caught.value.code == "newer_schema"


async def test_what_is_closed_takes_nothing_more(folder: Path) -> None:
    async with engine_on(folder) as engine:
        pass
    with pytest.raises(RefusedError):
        await engine.submit_task(job("late"))


async def test_a_course_that_begins_while_all_closes_ends_no_attempt() -> None:
    class Closed:
        def start_task_soon(self, *_: object) -> None:
            raise RuntimeError

    durable._daemon.append(durable._Daemon(Closed(), Any))  # type: ignore[arg-type]
    try:
        with anyio.move_on_after(0.05) as scope:
            await durable._do(Courses.attempt, "t~1")
    finally:
        durable._daemon.pop()
    assert scope.cancelled_caught
