"""What is asked of tasks, over tasks that are moved by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import anyio
from tests.unit.tasks.desks import open_bench
from tests.unit.tasks.shared_front import SharedFront

from iterm_mcp.services.tasks.graphs.known import Known
from iterm_mcp.services.tasks.service import TaskService
from iterm_mcp.tasks.engine import EngineOptions, TaskEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anyio.abc import TaskGroup
    from tests.unit.tasks.desks import Bench

    from iterm_mcp.tasks.front.redis_front import RedisFront
    from iterm_mcp.tasks.work import Work

ROOM = 5


async def known() -> Known:
    return Known(frozenset({"claude", "codex"}), {"careful": "claude"})


class DeskEngine(TaskEngine):
    """An engine whose desk is there; nothing starts by itself."""

    def __init__(self, bench: Bench, group: TaskGroup) -> None:
        super().__init__(bench.options, cast("Work", None), group)
        self._desk = bench.desk
        self._starting = True


@dataclass
class Asked:
    """The service, and hands to do what the engine and other machines do by themselves."""

    service: TaskService
    bench: Bench
    front: SharedFront


@asynccontextmanager
async def open_asked(folder: Path) -> AsyncIterator[Asked]:
    """Have tasks in a folder's file."""
    async with open_bench(folder) as bench, anyio.create_task_group() as group:
        front = SharedFront()
        part = cast("RedisFront", front)
        service = TaskService(DeskEngine(bench, group), known, lambda: ROOM, part)
        yield Asked(service, bench, front)
        group.cancel_scope.cancel()


@asynccontextmanager
async def nothing_asked(folder: Path) -> AsyncIterator[TaskService]:
    """Have an engine that was never asked for anything, and is not started."""
    async with anyio.create_task_group() as group:
        engine = TaskEngine(EngineOptions("", str(folder)), cast("Work", None), group)
        yield TaskService(engine, known, lambda: ROOM)
        group.cancel_scope.cancel()
