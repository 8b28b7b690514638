"""Attempts whose processes take too much, watched as a supervisor has them watched."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
from tests.integration.resources.test_real_trees import MEGABYTE, hungry

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.task_limits import NO_LIMITS, ResourceLimits
from iterm_mcp.models.tasks import COMMAND, Outcome, TaskId, TaskSpec
from iterm_mcp.services.resources.measuring import Measurer
from iterm_mcp.services.resources.watching import ResourceWatch
from iterm_mcp.services.tasks.limiting import WatchLimiter
from iterm_mcp.services.tasks.supervising import Sight, Supervisor
from iterm_mcp.tasks.work import Ending, Order, Running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.services.agents.processes import ProcessId

RUN = Running("session")


class Commands:
    """Knows the process of the only attempt, or that there is none yet."""

    def __init__(self) -> None:
        self.process: ProcessId | None = None

    async def root(self, attempt_id: str) -> ProcessId | None:
        assert attempt_id == "t-1~1"
        await anyio.lowlevel.checkpoint()
        return self.process


class Seen:
    """A run as it is seen: it goes on, until its ending is set."""

    def __init__(self) -> None:
        self.ending: Ending | None = None

    async def look(self) -> Sight:
        await anyio.lowlevel.checkpoint()
        return Sight(self.ending)

    async def stirred(self) -> None:
        await anyio.sleep(0.05)


class Scene:
    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.folder = folder
        self.watch = ResourceWatch(Measurer(self.clock), self.clock, every_seconds=0.05)
        self.commands = Commands()
        self.limiter = WatchLimiter(self.watch, self.commands, str(folder))
        self.seen = Seen()

    def order(self, limits: ResourceLimits) -> Order:
        spec = TaskSpec("one", COMMAND, "eat", str(self.folder), limits=limits)
        deadline = self.clock.now() + timedelta(seconds=60)
        return Order(TaskId("t-1"), 1, spec, {}, deadline)

    async def supervise(self, limits: ResourceLimits) -> Ending:
        async def beat() -> bool:
            await anyio.lowlevel.checkpoint()
            return True

        supervisor = Supervisor(self.clock, self.limiter, beat_seconds=0.05, look_seconds=0.05)
        with anyio.fail_after(60):
            return await supervisor.supervise(self.order(limits), RUN, self.seen, beat)


@asynccontextmanager
async def open_scene(folder: Path) -> AsyncIterator[Scene]:
    scene = Scene(folder)
    async with scene.watch.running():
        yield scene


async def test_a_command_that_takes_too_much_is_ended_and_that_is_its_outcome(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        with hungry("memory", 150) as program:
            program.line()
            scene.commands.process = program.root
            ending = await scene.supervise(ResourceLimits(memory_bytes=100 * MEGABYTE))
            await anyio.to_thread.run_sync(program.process.wait, 60)

        assert ending.outcome is Outcome.OVER_LIMIT
        assert "of memory, 105 MB are allowed" in ending.reason


async def test_an_end_that_came_of_a_limit_is_told_as_that(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        with hungry("memory", 150) as program:
            program.line()
            scene.commands.process = program.root
            await scene.limiter.why_over(scene.order(ResourceLimits(memory_bytes=MEGABYTE)), RUN)
            await anyio.to_thread.run_sync(program.process.wait, 60)
        scene.seen.ending = Ending(Outcome.FAILED, "it ended with signal 15")

        assert (await scene.supervise(NO_LIMITS)).outcome is Outcome.OVER_LIMIT


async def test_a_command_without_limits_ends_as_it_ends(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        assert await scene.limiter.why_over(scene.order(NO_LIMITS), RUN) == ""
        with hungry("wait") as program:
            program.line()
            scene.commands.process = program.root
            assert await scene.limiter.why_over(scene.order(NO_LIMITS), RUN) == ""
            found = scene.watch.find("t-1~1")
            assert found is not None
            assert found.kind == COMMAND
            scene.seen.ending = Ending(Outcome.SUCCEEDED)

            assert (await scene.supervise(NO_LIMITS)).outcome is Outcome.SUCCEEDED
            assert await scene.limiter.why_over(scene.order(NO_LIMITS), Running("s", "ada")) == ""


async def test_a_root_that_is_gone_has_no_directory(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        with hungry("wait") as program:
            program.line()
            gone = program.root
        scene.commands.process = gone

        assert await scene.limiter.why_over(scene.order(ResourceLimits(disk_bytes=1)), RUN) == ""
