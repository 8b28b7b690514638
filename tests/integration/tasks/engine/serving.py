"""An engine in a process of its own, which can be killed; it is asked over its pipes.

Run with URL, folder, machine and settings as JSON; a line in is a JSON list of a method of the
engine and its arguments, a line out what it gave.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio.streams.text import TextReceiveStream
from tests.integration.tasks.engine.file_work import FileWork

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.task_queries import TaskQuery
from iterm_mcp.tasks.codec import graph_json, read_graph
from iterm_mcp.tasks.engine import EngineOptions, open_engine
from iterm_mcp.tasks.limits import DispatchLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.tasks.engine import TaskEngine

ROOT = Path(__file__).parents[4]
ANSWER_SECONDS = 90.0


class GoneError(Exception):
    """The process has ended."""


@dataclass
class Served:
    """The process."""

    process: anyio.abc.Process
    lines: Any
    rest: str = ""

    async def ask(self, method: str, *arguments: object) -> Any:  # noqa: ANN401
        """Have the engine do something, and return what it gave."""
        assert self.process.stdin
        line = f"{json.dumps([method, *arguments])}\n"
        with anyio.fail_after(ANSWER_SECONDS):
            try:
                await self.process.stdin.send(line.encode())
                while "\n" not in self.rest:
                    self.rest += await self.lines.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                raise GoneError from None
        answer, _, self.rest = self.rest.partition("\n")
        return json.loads(answer)

    async def submit(self, graph: GraphSpec) -> dict[str, str]:
        """Submit a graph; return the ids of its tasks by name."""
        tasks: dict[str, str] = await self.ask("submit", graph_json(graph))
        return tasks

    async def states(self) -> dict[str, str]:
        """Return how each task stands, by its name."""
        states: dict[str, str] = await self.ask("states")
        return states

    def freeze(self) -> None:
        """Have it stand still, as on a machine that sleeps."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        os.kill(self.process.pid, signal.SIGKILL)
        with anyio.fail_after(30):
            await self.process.wait()


def serve(
    url: str, folder: Path, work: Path, machine: str = "", **settings: object
) -> AbstractAsyncContextManager[Served]:
    """Run an engine for the block; at its end it is ended in order, if it still runs."""
    return serve_program(
        "tests.integration.tasks.engine.serving", url, folder, work, machine, settings
    )


@asynccontextmanager
async def serve_program(
    program: str, url: str, folder: Path, work: Path, machine: str, settings: Mapping[str, object]
) -> AsyncIterator[Served]:
    """Run a module that serves an engine, as `serve` does."""
    await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", program]
    command += [url, str(folder), str(work), machine, json.dumps(settings)]
    with (folder / "log").open("ab") as log:
        process = await anyio.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
        )
    try:
        assert process.stdout
        yield Served(process, TextReceiveStream(process.stdout))
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                with anyio.move_on_after(30):
                    await process.wait()
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.aclose()


async def _states(engine: TaskEngine) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor = ""
    while True:
        page = await engine.find(TaskQuery(limit=500, cursor=cursor))
        found |= {one.spec.name: one.state for one in page.tasks}
        cursor = page.cursor
        if not cursor:
            return found


async def _task(engine: TaskEngine, task_id: str) -> dict[str, Any]:
    task = await engine.get(task_id)
    return {
        "state": task.state,
        "reason": task.reason,
        "output": task.result.output if task.result else None,
        "attempts": [[one.machine, one.outcome, one.reason] for one in task.attempts],
    }


async def _do(engine: TaskEngine, method: str, arguments: list[Any]) -> Any:  # noqa: ANN401
    answers: dict[str, Callable[[], Awaitable[Any]]] = {
        "submit": lambda: _submit(engine, arguments[0]),
        "states": lambda: _states(engine),
        "task": lambda: _task(engine, arguments[0]),
        "counts": lambda: _counts(engine),
        "obstacles": lambda: _obstacles(engine, arguments[0]),
        "machines": lambda: _machines(engine),
    }
    if method in answers:
        return await answers[method]()
    await getattr(engine, method)(*arguments)
    return None


async def _submit(engine: TaskEngine, graph: dict[str, Any]) -> dict[str, str]:
    return dict((await engine.submit(read_graph(graph))).tasks)


async def _counts(engine: TaskEngine) -> dict[str, int]:
    return {state: count for state, count in (await engine.counts()).items() if count}


async def _obstacles(engine: TaskEngine, task_id: str) -> list[str]:
    return [one.sentence for one in (await engine.explain(task_id)).obstacles]


async def _machines(engine: TaskEngine) -> dict[str, list[object]]:
    return {one.name: [one.alive, one.running] for one in await engine.machines()}


async def _lines() -> AsyncIterator[str]:
    """Yield lines of the input; no thread is left reading when the process ends."""
    rest = b""
    while True:
        await anyio.wait_readable(0)
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line.decode()


async def answer_lines(do: Callable[..., Awaitable[Any]]) -> None:
    """Answer each line of the input with what was done, until it ends or we are told to end."""
    async with anyio.create_task_group() as group:

        async def stop() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                async for _ in signals:
                    group.cancel_scope.cancel()
                    return

        group.start_soon(stop)
        async for line in _lines():
            try:
                answer = await do(*json.loads(line))
            except ItermMcpError as error:
                answer = {"error": error.code}
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
        group.cancel_scope.cancel()


async def _main(*given: str) -> None:
    url, folder, work, machine, text = given
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = json.loads(text)
    at_once = int(settings.pop("at_once", 5))
    options = EngineOptions(
        url, folder, machine, limits=lambda: DispatchLimits(at_once=at_once), **settings
    )
    async with open_engine(options, FileWork(work)) as engine:
        await answer_lines(lambda method, *arguments: _do(engine, method, [*arguments]))


if __name__ == "__main__":
    anyio.run(_main, *sys.argv[1:])
