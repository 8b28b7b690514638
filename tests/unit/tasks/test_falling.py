"""Whatever ends the engine, it begins again, and what is served beside it goes on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from sqlalchemy.exc import OperationalError
from tests.waiting import eventually

from iterm_mcp.app.counting import standing
from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import StoreError
from iterm_mcp.models.task_queries import TaskTally
from iterm_mcp.services.background import beside
from iterm_mcp.services.recounting import Recount
from iterm_mcp.tasks import engine as task_engine
from iterm_mcp.tasks import room
from iterm_mcp.tasks.engine import EngineOptions, open_engine
from iterm_mcp.telemetry.task_metrics import EngineStanding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

AWAY = StoreError("the database is away")
BUG = ZeroDivisionError("a bug")
TALLY = TaskTally(slots=3)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_engine, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(room, "AGAIN_SECONDS", 0.01)


def rooms(*falls: BaseException) -> SimpleNamespace:
    """Return what is loaded: an engine that falls so, and then runs."""
    left = list(falls)

    @asynccontextmanager
    async def open_room(_options: object, _work: object) -> AsyncIterator[object]:
        if left:
            raise left.pop(0)
        yield SimpleNamespace(counts=counts, tally=tally)

    async def counts() -> dict[str, int]:
        return {"queued": 1}

    async def tally() -> TaskTally:
        return TALLY

    return SimpleNamespace(open_room=open_room)


@pytest.mark.parametrize(
    "fall",
    [
        pytest.param(AWAY, id="alone"),
        pytest.param(ExceptionGroup("", [ExceptionGroup("", [AWAY])]), id="in groups"),
        pytest.param(BUG, id="a bug"),
        pytest.param(ExceptionGroup("", [AWAY, BUG]), id="a bug beside it"),
    ],
)
async def test_an_engine_that_falls_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fall: Exception
) -> None:
    made = rooms(fall, fall)
    monkeypatch.setattr(task_engine, "import_module", lambda _name: made)
    (tmp_path / "tasks.db").touch()
    async with open_engine(EngineOptions("", str(tmp_path)), cast("Any", None)) as engine:
        await eventually(lambda: engine.is_open)
        assert await engine.counts() == {"queued": 1}


async def test_who_asks_meanwhile_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_engine, "AGAIN_SECONDS", 60.0)
    monkeypatch.setattr(task_engine, "import_module", lambda _name: rooms(BUG))
    (tmp_path / "tasks.db").touch()
    async with open_engine(EngineOptions("", str(tmp_path)), cast("Any", None)) as engine:
        with pytest.raises(
            StoreError, match="the task engine fell: ZeroDivisionError: a bug"
        ) as told:
            await engine.counts()
        assert "log" in told.value.hint
        assert "a bug" in engine.problem


async def test_who_counts_tasks_starts_nothing_and_is_told_of_a_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rooms(AWAY)
    monkeypatch.setattr(task_engine, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(task_engine, "import_module", lambda _name: made)
    async with open_engine(EngineOptions("", str(tmp_path)), cast("Any", None)) as engine:
        counting = Recount("tasks", engine.tally, SystemClock(), 0.001)
        async with beside(counting.run):
            await anyio.lowlevel.checkpoint()
            assert (standing(counting), engine.is_open) == (None, False), "nobody asked for a task"
            engine.start()
            await eventually(
                lambda: standing(counting), lambda one: one == EngineStanding(up=False)
            )
            await eventually(
                lambda: standing(counting), lambda one: one == EngineStanding(up=True, tally=TALLY)
            )


async def test_work_goes_on_when_its_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    away = OperationalError("select", {}, Exception("away"))
    falls: list[Exception] = [AWAY, ExceptionGroup("", [AWAY]), ExceptionGroup("", [away])]
    worked = anyio.Event()

    async def work(*_parts: object) -> None:
        if falls:
            raise falls.pop(0)
        worked.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(room, "_work", work)
    async with anyio.create_task_group() as group:
        group.start_soon(room._keep_working, *cast("tuple[Any, Any, Any, Any]", (None,) * 4))
        with anyio.fail_after(5):
            await worked.wait()
        group.cancel_scope.cancel()
