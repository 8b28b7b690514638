"""What durable tasks cost that do nothing, beside other people's queues that do as little."""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
from tests.benchmarks.figures import Figure, percentile
from tests.integration.tasks.redis import Redis

from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.tasks import Outcome, TaskResult, TaskSpec
from iterm_mcp.tasks.engine import EngineOptions, open_engine
from iterm_mcp.tasks.limits import DispatchLimits
from iterm_mcp.tasks.work import Ending, Place, Running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tasks.work import Order

AT_ONCE = 20
SETTLE_SECONDS = 300.0
BEAT_SECONDS = 1.0


class Nothing:
    """A `Work` that does nothing; a task whose prompt is ``wait`` runs until it is cancelled."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.running = 0

    async def prepare(self, order: Order) -> Place:
        return Place(order.spec.directory)

    async def begin(self, order: Order, place: Place) -> Running:
        _ = place
        self.begun[order.spec.name] = time.perf_counter()
        return Running(order.attempt_id)

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        _ = place, running
        self.running += 1
        try:
            while await beat() and order.spec.prompt == "wait":  # noqa: ASYNC110 - as real work
                await anyio.sleep(BEAT_SECONDS)
        finally:
            self.running -= 1
        return Ending(Outcome.SUCCEEDED, "", 0)

    async def answer(self, order: Order, running: Running, text: str) -> None:
        """Nobody asks."""

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        _ = order, place, running, ending
        return TaskResult()

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        _ = order, place, outcome
        return ""

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        """Nothing is kept."""


def measure(
    rounds: int, count: int, waiting: int, running: int, seconds: float
) -> Iterator[Figure]:
    """Return the figures.

    Args:
        rounds: So many tasks are submitted one by one.
        count: So many do nothing, as quickly as they can.
        waiting: So many wait behind one that runs.
        running: So many run at once.
        seconds: How long is looked at what those that wait cost.
    """
    with tempfile.TemporaryDirectory(prefix="im-tasks-") as folder:
        plain = _plain("dbos", folder, count) / count
        others = {f"a task that does nothing, {AT_ONCE} at once, bare DBOS": plain}
        if Redis.is_installed():
            redis = Redis(Path(folder, "redis"))
            redis.start()
            try:
                others[f"a task that does nothing, {AT_ONCE} at once, SAQ"] = (
                    _plain("saq", redis.url, count) / count
                )
            finally:
                redis.stop()
        for name, each in others.items():
            yield Figure(name, each * 1000, "ms")
        gc.collect()
        gc.freeze()  # as a daemon does with what it has imported
        yield from anyio.run(_ours, folder, rounds, count, next(iter(others)))
        yield from anyio.run(_waiting, folder, waiting, seconds)
        yield from anyio.run(_running, folder, running)


def _plain(kind: str, where: str, count: int) -> float:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.plain_queues", kind, where, str(count),
         str(AT_ONCE)],
        stdout=subprocess.PIPE, text=True, check=True, timeout=SETTLE_SECONDS,
    )  # fmt: skip
    return float(ran.stdout.splitlines()[-1])


def _tasks(name: str, count: int, prompt: str = "") -> GraphSpec:
    tasks = [TaskSpec(f"{name}-{one}", "shell", prompt or "true", "/") for one in range(count)]
    return GraphSpec(name, tuple(tasks))


def _options(folder: str, name: str, at_once: int) -> EngineOptions:
    own = Path(folder, name)
    own.mkdir()
    return EngineOptions(
        "", str(own), capacity=1000, limits=lambda: DispatchLimits(at_once=at_once)
    )


async def _ours(folder: str, rounds: int, count: int, bare: str) -> Sequence[Figure]:
    work = Nothing()
    async with open_engine(_options(folder, "ours", AT_ONCE), work) as engine:
        await _settled(engine, _tasks("first", 1))
        starts = []
        for number in range(rounds):
            began = time.perf_counter()
            graph = _tasks(f"one-{number}", 1)
            await _settled(engine, graph)
            starts.append(work.begun[graph.tasks[0].name] - began)
        began = time.perf_counter()
        await _settled(engine, _tasks("many", count))
        took = time.perf_counter() - began
    return (
        Figure("submit to start of a task p50", percentile(starts, 0.5) * 1000, "ms", aim=100),
        Figure("submit to start of a task p95", percentile(starts, 0.95) * 1000, "ms"),
        Figure(f"a task that does nothing, {AT_ONCE} at once", took / count * 1000, "ms",
               baseline=bare, aim=3.33),
    )  # fmt: skip


async def _waiting(folder: str, count: int, seconds: float) -> Sequence[Figure]:
    """Return what an engine takes with a task that runs, and with so many that wait behind it."""
    work, shares = Nothing(), []
    async with open_engine(_options(folder, "waiting", 1), work) as engine:
        await engine.submit(_tasks("front", 1, "wait"))
        await _until(lambda: work.running == 1)
        for more in (0, count):
            if more:
                await engine.submit(_tasks("behind", more))
                await anyio.sleep(min(seconds, 5.0))  # what comes with submitting is over
            before = _processor_seconds()
            await anyio.sleep(seconds)
            shares.append((_processor_seconds() - before) / seconds * 100)
    return (
        Figure("share of a core, one task runs", shares[0], "%"),
        Figure(f"share of a core, {count} wait behind it", shares[1], "%", aim=10),
    )


async def _running(folder: str, count: int) -> Sequence[Figure]:
    work = Nothing()
    async with open_engine(_options(folder, "running", count), work) as engine:
        await _settled(engine, _tasks("first", 1))
        before = psutil.Process().memory_info().rss
        await engine.submit(_tasks("long", count, "wait"))
        await _until(lambda: work.running == count)
        after = psutil.Process().memory_info().rss
    return (
        Figure(f"memory of the process with {count} running", after / 2**20, "MiB"),
        Figure(f"memory of each of {count} running", (after - before) / count / 2**20, "MiB"),
    )


async def _settled(engine: TaskEngine, graph: GraphSpec) -> None:
    graph_run = await engine.submit(graph)
    await engine.wait(list(graph_run.tasks.values()), SETTLE_SECONDS)


async def _until(there: Callable[[], bool]) -> None:
    with anyio.fail_after(SETTLE_SECONDS):
        while not there():  # noqa: ASYNC110 - it rings no bell
            await anyio.sleep(0.05)


def _processor_seconds() -> float:
    return time.process_time()
