"""Documents of graphs on the real engine: commands run, results go on, lists fan out and in."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.models.tasks import GATHER, Outcome, Task, TaskResult, TaskState
from iterm_mcp.services.tasks.acceptance import verify
from iterm_mcp.services.tasks.acceptance.programs import run_program
from iterm_mcp.services.tasks.graphs.drawing import draw
from iterm_mcp.services.tasks.graphs.estimates import estimate_graph
from iterm_mcp.services.tasks.graphs.picture import nodes_of_tasks
from iterm_mcp.services.tasks.graphs.reading import read_graph
from iterm_mcp.tasks.engine import EngineOptions, open_engine
from iterm_mcp.tasks.work import Ending, Place, Running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from iterm_mcp.models.observations import Json
    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tasks.work import Order

SECONDS = 90.0


class CommandWork:
    """Runs command lines as they are; what one prints is its output, as JSON where it is any."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    async def prepare(self, order: Order) -> Place:
        return Place(order.spec.directory)

    async def begin(self, order: Order, place: Place) -> Running:
        _ = place
        return Running("", started=order.attempt_id)

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        _ = running
        await beat()
        command = ["/bin/sh", "-c", order.spec.prompt]
        answer = await run_program(command, place.directory, 30.0, order.spec.environment)
        self._said[order.attempt_id] = answer.said
        if answer.code != 0:
            return Ending(Outcome.FAILED, f"exit code {answer.code}", answer.code)
        return Ending(Outcome.SUCCEEDED, exit_code=0)

    async def answer(self, order: Order, running: Running, text: str) -> None:
        _ = order, running, text

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        _ = running
        said = self._said[order.attempt_id]
        try:
            output: Json = json.loads(said)
        except ValueError:
            output = said.strip()
        files = {one: str(Path(place.directory, one)) for one in order.spec.files}
        result = TaskResult(output, ending.exit_code, files)
        problems = await verify(order.spec.acceptance, place, ending, result)
        return TaskResult(output, ending.exit_code, files, problems=problems)

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        _ = order, place, outcome
        return ""

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        _ = attempt_ids


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="im-graph-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def engine_in(folder: Path) -> AsyncIterator[TaskEngine]:
    async with open_engine(EngineOptions("", str(folder)), CommandWork()) as engine:
        yield engine


async def run(engine: TaskEngine, folder: Path, document: str) -> dict[str, Task]:
    """Submit a document, and return its tasks by name once all have settled."""
    text = f"graph: one\ndefaults: {{directory: {folder}, retry: {{attempts: 1}}}}\n{document}"
    graph = await engine.submit(read_graph(text))
    with anyio.fail_after(SECONDS):
        while True:
            known = (await engine.graph(graph.graph_id)).tasks
            tasks = await engine.wait([*known.values()], SECONDS)
            if len(tasks) == len((await engine.graph(graph.graph_id)).tasks):
                return {one.spec.name: one for one in tasks}


def states(tasks: dict[str, Task]) -> dict[str, str]:
    return {name: one.state.value for name, one in tasks.items()}


async def test_results_fan_out_and_in_again(folder: Path) -> None:
    document = r"""
tasks:
  scan:
    run: echo '{"rows":[{"n":1,"word":"a b"},{"n":2,"word":"$(touch evil)"}],"count":2}'
  each:
    needs: scan
    fan_out: tasks.scan.output.rows
    run: echo ${item.n} ${item.word}
    then:
      - loud: {run: "echo ${tasks.each.output} ${item.n} ${tasks.scan.output.count}", needs: scan}
  known:
    needs: scan
    fan_out: [x, y]
    run: echo ${item}${tasks.scan.output.count}
    then:
      - twice: {run: "echo ${tasks.known.output} ${tasks.known.output}"}
  sum:
    needs: [each, loud, twice, "known-*"]
    when: tasks.each.output contains "1 a b"
    run: printf %s ${tasks.each.output} ${tasks.twice.output} ${tasks.known-*.output}
  never: {needs: scan, when: tasks.scan.output.count > 5, run: "touch never"}
  after: {needs: never, run: "touch after"}
"""
    async with engine_in(folder) as engine:
        tasks = await run(engine, folder, document)

        assert tasks["each"].spec.kind == GATHER
        assert tasks["each"].result is not None
        assert tasks["each"].result.output == ["1 a b", "2 $(touch evil)"]
        assert tasks["loud"].result is not None
        assert tasks["loud"].result.output == ["1 a b 1 2", "2 $(touch evil) 2 2"]
        assert tasks["loud-2"].spec.needs == ("each-2", "scan")
        assert tasks["sum"].result is not None
        assert tasks["sum"].result.output == (
            '["1 a b","2 $(touch evil)"]["x2 x2","y2 y2"]{"known-1":"x2","known-2":"y2"}'
        )
        assert tasks["never"].state is tasks["after"].state is TaskState.SKIPPED
        assert not {"evil", "never", "after"} & {*os.listdir(folder)}  # noqa: PTH208 - names

        drawing = draw("one", nodes_of_tasks(tasks.values()))
        assert "one: 12 tasks, 2 skipped, 10 succeeded" in drawing[0]
        assert any("each \u00d72  2 succeeded" in line for line in drawing)


async def test_who_only_says_that_it_is_done_is_dead(folder: Path) -> None:
    document = """
tasks:
  liar: {run: "echo done", accept: {commands: "test -f made"}}
  honest: {run: "touch made2; echo done", accept: {commands: "test -f made2"}}
  shaped: {run: "echo done", accept: {schema: {type: object}}}
"""
    async with engine_in(folder) as engine:
        tasks = await run(engine, folder, document)

    assert states(tasks) == {"liar": "dead", "honest": "succeeded", "shaped": "dead"}
    (attempt,) = tasks["liar"].attempts
    assert attempt.outcome is Outcome.REJECTED
    assert attempt.result is not None
    assert "exited with 1" in attempt.result.problems[0]


async def test_what_succeeded_is_made_undone_the_newest_first(folder: Path) -> None:
    document = """
on_failure: compensate
tasks:
  one: {run: "echo first", undo: {run: "echo undo ${tasks.one.output} >> log"}}
  two: {needs: one, run: "echo second", undo: {run: "echo undo ${tasks.two.output} >> log"}}
  three: {needs: two, run: "exit 3", undo: {run: "echo undo third >> log"}}
  four: {needs: three, run: "touch four"}
"""
    async with engine_in(folder) as engine:
        tasks = await run(engine, folder, document)

    assert (folder / "log").read_text() == "undo second\nundo first\n"
    assert tasks["three"].state is TaskState.DEAD
    assert tasks["three.undo"].state is TaskState.SKIPPED
    assert tasks["four"].state is not TaskState.SUCCEEDED


async def test_what_a_task_did_not_find_is_told(folder: Path) -> None:
    document = """
tasks:
  scan: {run: "echo '{}'"}
  reader: {needs: scan, run: "echo ${tasks.scan.output.count}"}
  list: {needs: scan, fan_out: tasks.scan.output.rows, run: "echo ${item}"}
"""
    async with engine_in(folder) as engine:
        tasks = await run(engine, folder, document)

    assert states(tasks) == {"scan": "succeeded", "reader": "dead", "list": "dead"}
    assert "tasks.scan.output.count" in tasks["reader"].reason
    assert "tasks.scan.output.rows, which is not there" in tasks["list"].reason


async def test_what_was_done_tells_how_long_it_takes(folder: Path) -> None:
    document = "tasks: {step: {run: 'true', fan_out: [1, 2, 3]}}"
    async with engine_in(folder) as engine:
        await run(engine, folder, document)
        text = f"graph: two\ntasks: {{step: {{run: 'true', directory: {folder}}}}}"
        found = await estimate_graph(read_graph(text), engine)

    assert found["step"].by == "name"
    assert found["step"].samples == 3
    assert found["step"].seconds is not None
    assert found["step"].cost_usd == 0.0
