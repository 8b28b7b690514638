"""Which courses are given to DBOS: those that last; and what a refusal of its database changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from anyio import to_thread
from tests.integration.tasks.engine.file_work import FileWork, job
from tests.waiting import eventually

from iterm_mcp.errors import StoreError
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.tasks import durable
from iterm_mcp.tasks.engine import EngineOptions, open_engine

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SETTLE_SECONDS = 30.0


async def workflows(folder: Path) -> dict[str, str]:
    """Return what DBOS knows: the states of workflows, by their ids."""

    def read() -> dict[str, str]:
        with closing(sqlite3.connect(folder / "task-engine.db", timeout=20)) as database:
            return dict(database.execute("SELECT workflow_uuid, status FROM workflow_status"))

    return await to_thread.run_sync(read)


async def test_only_a_course_that_lasts_is_given_to_dbos(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_engine(EngineOptions("", str(folder)), FileWork(str(folder))) as engine:
        # None lasts so long by accident, on a busy machine.
        monkeypatch.setattr(durable, "LASTS_SECONDS", 60.0)
        short = await engine.submit_task(job("short"))
        (task,) = await engine.wait([short.task_id], SETTLE_SECONDS)
        assert task.state is TaskState.SUCCEEDED
        assert await workflows(folder) == {}

        monkeypatch.setattr(durable, "LASTS_SECONDS", 0.05)
        long = await engine.submit_task(job("long", seconds=1.5))
        name = f"{long.task_id}~1"
        await eventually(lambda: workflows(folder), lambda found: found == {name: "PENDING"})
        (task,) = await engine.wait([long.task_id], SETTLE_SECONDS)
        assert task.state is TaskState.SUCCEEDED
        assert FileWork(str(folder)).starts()[name] == 1
        await eventually(lambda: workflows(folder), lambda found: found == {name: "SUCCESS"})


async def test_a_course_that_cannot_be_given_to_dbos_goes_on_and_is_offered_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "LASTS_SECONDS", 0.05)
    monkeypatch.setattr(durable, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(durable, "AGAIN_SECONDS", 0.02)
    offered: list[str] = []
    start = durable._start

    async def refuse(attempt_id: str) -> None:
        offered.append(attempt_id)
        if len(offered) < 3:
            raise StoreError("the disk is full")
        await start(attempt_id)

    monkeypatch.setattr(durable, "_start", refuse)
    async with open_engine(EngineOptions("", str(folder)), FileWork(str(folder))) as engine:
        task = await engine.submit_task(job("long", seconds=1.5))
        (done,) = await engine.wait([task.task_id], SETTLE_SECONDS)
        assert done.state is TaskState.SUCCEEDED
        name = f"{task.task_id}~1"
        assert offered == [name] * 3
        await eventually(lambda: workflows(folder), lambda found: found == {name: "SUCCESS"})
