"""An engine that takes part in a shared backlog, in a process of its own, which can be killed.

Run with URL, folder, folder of the work, machine and settings as JSON; a line in is a JSON list of
a method and its arguments, a line out what it gave.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from tests.integration.tasks.engine import serving as engines
from tests.integration.tasks.engine.file_work import FileWork

from iterm_mcp.tasks.codec import read_graph
from iterm_mcp.tasks.engine import EngineOptions, open_engine
from iterm_mcp.tasks.front.options import FrontOptions
from iterm_mcp.tasks.front.redis_front import open_front
from iterm_mcp.tasks.front.results import front_json
from iterm_mcp.tasks.limits import DispatchLimits

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tasks.front.redis_front import RedisFront

ALIVE_SECONDS = 4.0
IDLE_SECONDS = 3.0


def serve(
    url: str, folder: Path, work: Path, machine: str, **settings: object
) -> AbstractAsyncContextManager[engines.Served]:
    """Run an engine for the block; at its end it is ended in order, if it still runs."""
    return engines.serve_program(
        "tests.integration.tasks.front.serving", url, folder, work, machine, settings
    )


async def _do(engine: TaskEngine, front: RedisFront, method: str, *given: Any) -> Any:  # noqa: ANN401
    match method:
        case "front_submit":
            return await front.submit(read_graph(given[0]), "tests")
        case "front_result":
            found = await front.result(*given)
            return None if found is None else front_json(found)
        case "front_look" | "front_wait":
            standing = await getattr(front, method.removeprefix("front_"))(*given)
            return [standing.state, standing.machine]
        case "front_cancel" | "front_machines":
            return await getattr(front, method.removeprefix("front_"))(*given)
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
    ):
        await engines.answer_lines(lambda *asked: _do(engine, front, *asked))


if __name__ == "__main__":
    anyio.run(_main, *sys.argv[1:])
