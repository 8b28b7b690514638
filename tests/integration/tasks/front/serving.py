"""An engine that takes part in a shared backlog, in a process of its own, which can be killed.

Run with URL, folder, folder of the work, machine and settings as JSON; a line in is a JSON list of
a method and its arguments, a line out what it gave.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio.streams.text import TextReceiveStream
from tests.integration.tasks.engine import serving as engines
from tests.integration.tasks.engine.file_work import FileWork

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.tasks.codec import read_graph
from iterm_mcp.tasks.engine import EngineOptions, open_engine
from iterm_mcp.tasks.front.options import FrontOptions
from iterm_mcp.tasks.front.redis_front import open_front
from iterm_mcp.tasks.front.results import front_json
from iterm_mcp.tasks.limits import DispatchLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tasks.front.redis_front import RedisFront

ALIVE_SECONDS = 4.0
IDLE_SECONDS = 3.0


@asynccontextmanager
async def serve(
    url: str, folder: Path, work: Path, machine: str, **settings: object
) -> AsyncIterator[engines.Served]:
    """Run an engine for the block; at its end it is ended in order, if it still runs."""
    await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.integration.tasks.front.serving"]
    command += [url, str(folder), str(work), machine, json.dumps(settings)]
    with (folder / "log").open("ab") as log:
        process = await anyio.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=engines.ROOT
        )
    try:
        assert process.stdout
        yield engines.Served(process, TextReceiveStream(process.stdout))
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


async def _do(engine: TaskEngine, front: RedisFront, method: str, *given: Any) -> Any:  # noqa: ANN401
    match method:
        case "front_submit":
            return await front.submit(read_graph(given[0]), "tests")
        case "front_result":
            found = await front.result(*given)
            return None if found is None else front_json(found)
        case "front_cancel":
            return await front.cancel(*given)
        case "front_machines":
            return await front.machines()
        case "front_statistics":
            return asdict(front.statistics())
        case _:
            return await engines._do(engine, method, list(given))


async def _main(*given: str) -> None:
    url, folder, work, machine, text = given
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = json.loads(text)
    at_once = int(settings.get("at_once", 5))
    options = EngineOptions("", folder, machine, limits=lambda: DispatchLimits(at_once=at_once))
    part = FrontOptions(
        url, f"{folder}/front", machine, at_once=at_once,
        alive_seconds=float(settings.get("alive_seconds", ALIVE_SECONDS)),
        idle_seconds=IDLE_SECONDS, again_seconds=0.5,
    )  # fmt: skip
    async with (
        open_engine(options, FileWork(work)) as engine,
        open_front(part, engine) as front,
        anyio.create_task_group() as group,
    ):

        async def stop() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                async for _ in signals:
                    group.cancel_scope.cancel()
                    return

        group.start_soon(stop)
        async for line in engines._lines():
            try:
                answer = await _do(engine, front, *json.loads(line))
            except ItermMcpError as error:
                answer = {"error": error.code}
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
        group.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(_main, *sys.argv[1:])
