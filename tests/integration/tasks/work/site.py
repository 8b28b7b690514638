"""Where attempts are worked on step by step, by a daemon that may be killed between any two."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil
from tests.covering import measure
from tests.integration.tasks.work.daemon import heard, told

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.tasks import COMMAND, Outcome, TaskId, TaskResult, TaskSpec
from iterm_mcp.services.tasks.folders import AttemptFolder, AttemptFolders
from iterm_mcp.tasks.work import Order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import Process
    from tests.integration.homes import Home

    from iterm_mcp.tasks.work import Ending, Place, Running

SECONDS = 100.0
ROOT = Path(__file__).parents[4]


class StepError(Exception):
    """A step has refused; the text has its error's name and code."""


class Hands:
    """Does steps in a daemon of its own."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._answers: dict[int, Any] = {}
        self._bell = anyio.Event()
        self._count = 0

    async def listen(self) -> None:
        assert self._process.stdout
        known = b""
        async for piece in self._process.stdout:
            *lines, known = (known + piece).split(b"\n")
            for line in lines:
                number, answer = heard(line)
                self._answers[number] = answer
                self._bell.set()
                self._bell = anyio.Event()

    async def answer(self, number: int) -> Any:  # noqa: ANN401
        with anyio.fail_after(SECONDS):
            while number not in self._answers:
                await self._bell.wait()
        found = self._answers.pop(number)
        if isinstance(found, RuntimeError):
            raise StepError(str(found))
        return found

    async def ask(self, step: str, *arguments: Any, **named: Any) -> int:  # noqa: ANN401
        """Have a step begun; return the number of its answer."""
        assert self._process.stdin
        self._count += 1
        await self._process.stdin.send(told((self._count, step, arguments, named)))
        return self._count

    async def do(self, step: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        return await self.answer(await self.ask(step, *arguments, **named))


@dataclass
class Site:
    """A home, and who works in it at present."""

    home: Home
    folder: Path
    hands: Hands | None = None

    def spec(self, prompt: str, kind: str = COMMAND, **more: Any) -> TaskSpec:  # noqa: ANN401
        directory = self.folder / "proj"
        directory.mkdir(exist_ok=True)
        environment = {
            "FAKE_AGENT_TRUTH": str(self.folder / "truth.jsonl"),
            "HOME": str(self.folder),
            **more.pop("environment", {}),
        }
        spec = TaskSpec("try it", kind, prompt, str(directory), environment=environment)
        return replace(spec, **more)

    def order(self, prompt: str, kind: str = COMMAND, *, name: str = "t-1", **more: Any) -> Order:  # noqa: ANN401
        spec = self.spec(prompt, kind, **more)
        deadline = SystemClock().now() + timedelta(seconds=spec.deadline_seconds)
        return Order(TaskId(f"{name}{self.folder.name}"), 1, spec, {}, deadline)

    def kept(self, order: Order) -> AttemptFolder:
        return AttemptFolders(self.home.paths.attempts).of(order.attempt_id)

    def cancels(self, order: Order) -> Path:
        """Return the file that makes an attempt's beats say that it is to end."""
        return self.folder / f"cancel {order.attempt_id}"

    def starts(self) -> list[str]:
        """Return what was written by each start of a command that says so."""
        path = self.folder / "starts"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def processes(self, order: Order) -> list[psutil.Process]:
        """Return the processes that an attempt has started and that run."""
        return self.marked("ITERM_MCP_ATTEMPT", order.attempt_id)

    def marked(self, variable: str, value: str) -> list[psutil.Process]:
        """Return the processes that carry a mark."""
        found = []
        for one in psutil.process_iter():
            try:
                if one.environ().get(variable) == value:
                    found.append(one)
            except psutil.Error:
                continue
        return found

    @property
    def daemon(self) -> Hands:
        """Who works here at present."""
        assert self.hands is not None
        return self.hands

    async def begin(self, order: Order) -> tuple[Place, Running]:
        """Do the first two steps, each twice."""
        place: Place = await self.twice("prepare", order)
        running: Running = await self.twice("begin", order, place)
        return place, running

    async def run(self, order: Order) -> Run:
        """Do all steps one after the other, each twice, in the daemon that is there."""
        place, running = await self.begin(order)
        return await self.finish(order, place, running)

    async def finish(self, order: Order, place: Place, running: Running) -> Run:
        """Do the steps that are left, each twice."""
        flag = str(self.cancels(order))
        ending: Ending = await self.twice("supervise", order, place, running, flag)
        result: TaskResult = await self.twice("collect", order, place, running, ending)
        evidence: str = await self.twice("clean", order, place, outcome=_outcome(ending, result))
        return Run(place, running, ending, result, evidence)

    async def twice(self, step: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        """Do a step, and again; both must answer the same."""
        answers = [await self.daemon.do(step, *arguments, **named) for _ in range(2)]
        assert _lasting(answers[0]) == _lasting(answers[1]), step
        return answers[1]

    async def run_with_kills(self, order: Order) -> Run:
        """Do every step in a daemon that is then killed, and again in the next one."""
        relay = _Relay(self)
        place: Place = await relay.do("prepare", order)
        running: Running = await relay.do("begin", order, place)
        flag = str(self.cancels(order))
        ending: Ending = await relay.do("supervise", order, place, running, flag)
        result: TaskResult = await relay.do("collect", order, place, running, ending)
        evidence: str = await relay.do("clean", order, place, outcome=_outcome(ending, result))
        async with open_hands(self):
            await relay.check()
        return Run(place, running, ending, result, evidence)


@dataclass
class Run:
    """What came of all steps."""

    place: Place
    running: Running
    ending: Ending
    result: TaskResult
    evidence: str


class _Relay:
    """Does each step twice: in a daemon that is killed then, and first of all in the next one."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._last: tuple[str, tuple[Any, ...], dict[str, Any], Any] | None = None

    async def do(self, step: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        async with open_hands(self._site) as hands:
            await self.check()
            answer = await hands.do(step, *arguments, **named)
        self._last = step, arguments, named, answer
        return answer

    async def check(self) -> None:
        if self._last is not None:
            step, arguments, named, answer = self._last
            again = await self._site.daemon.do(step, *arguments, **named)
            assert _lasting(again) == _lasting(answer), step


def _lasting(answer: object) -> object:
    """Return what must be the same whenever it is asked: costs become known later."""
    if isinstance(answer, TaskResult):
        return replace(answer, cost_usd=None, tokens=None)
    return answer


def _outcome(ending: Ending, result: TaskResult) -> Outcome:
    good = ending.outcome is Outcome.SUCCEEDED
    return Outcome.REJECTED if good and result.problems else ending.outcome


@asynccontextmanager
async def open_hands(site: Site, *, measured: bool = False) -> AsyncIterator[Hands]:
    """Start a daemon; kill it as a crash would at the end of the block.

    Args:
        measured: What it does counts for coverage; it is ended more kindly then.
    """
    environ = dict(site.home.environ)
    if measured:
        measure(environ)
    process = await anyio.open_process(
        [sys.executable, "-m", "tests.integration.tasks.work.daemon"],
        env=environ, cwd=ROOT, stderr=subprocess.DEVNULL if "QUIET" in os.environ else None,
    )  # fmt: skip
    hands = Hands(process)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(hands.listen)
            assert await hands.answer(0) == "up"
            site.hands = hands
            try:
                yield hands
            finally:
                group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            if measured:
                process.terminate()
                with anyio.move_on_after(10):
                    await process.wait()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await process.aclose()
