"""Work that is only files, so that a kill leaves it as a real terminal would: it goes on.

The prompt of a task is JSON: ``seconds`` that it takes, ``outcome``, ``reason``, ``output``,
``fails`` (so many attempts fail first), ``asks`` (a question), ``problems``, ``breaks`` (a step
that raises what nobody expects), ``refuses`` (one that raises an error that is expected).
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.tasks import Outcome, TaskResult, TaskSpec
from iterm_mcp.tasks.work import Ending, Place, Running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from iterm_mcp.tasks.work import Order

PAUSE_SECONDS = 0.02


def job(name: str, /, needs: tuple[str, ...] = (), **fields: Any) -> TaskSpec:  # noqa: ANN401
    """A task for `FileWork`: what `TaskSpec` knows goes there, all else is its prompt."""
    known = {one: fields.pop(one) for one in list(fields) if one in TaskSpec.__dataclass_fields__}
    return TaskSpec(
        **{
            "name": name,
            "kind": "shell",
            "prompt": json.dumps(fields),
            "directory": "/",
            "needs": needs,
            **known,
        }
    )


class FileWork:
    """A `Work` in a folder: each attempt has one of its own there."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._clock = SystemClock()

    def of(self, attempt_id: str) -> Path:
        """Return the folder of an attempt."""
        return self._folder / attempt_id

    def starts(self) -> dict[str, int]:
        """Return how often something was started for each attempt."""
        return {
            one.parent.name: len(one.read_text("utf-8").splitlines())
            for one in self._folder.glob("*/starts")
        }

    def cleaned(self) -> dict[str, list[str]]:
        """Return with which outcomes each attempt was cleaned."""
        return {
            one.parent.name: one.read_text("utf-8").splitlines()
            for one in self._folder.glob("*/cleaned")
        }

    async def prepare(self, order: Order) -> Place:
        self._step("prepare", order)
        self.of(order.attempt_id).mkdir(parents=True, exist_ok=True)
        return Place(str(self.of(order.attempt_id)), "tree" if order.spec.worktree else "")

    async def begin(self, order: Order, place: Place) -> Running:
        self._step("begin", order)
        # All of it or nothing, and once: as a keeper writes down what it has begun.
        here = Path(place.directory)
        part = here / f"part {os.getpid()}"
        part.write_text(f"{self._clock.now().timestamp()}\n", "utf-8")
        with suppress(FileExistsError):
            os.link(part, here / "starts")
        return Running(order.attempt_id)

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        _ = running
        self._step("supervise", order)
        asked = json.loads(order.spec.prompt)
        here = Path(place.directory)
        began = float((here / "starts").read_text("utf-8"))
        while True:
            if not await beat():
                return Ending(Outcome.CANCELLED, "it was to stop")
            if asked.get("asks") and not (here / "answer").exists():
                return Ending(Outcome.FAILED, question=asked["asks"])
            now = self._clock.now()
            if now >= order.deadline:
                return Ending(Outcome.TIMED_OUT, "its time was over")
            if now.timestamp() - began >= asked.get("seconds", 0.0):
                break
            await anyio.sleep(PAUSE_SECONDS)
        if order.number <= asked.get("fails", 0):
            return Ending(Outcome.FAILED, f"as it should, for the {order.number}. time", 1)
        return Ending(Outcome(asked.get("outcome", "succeeded")), asked.get("reason", ""), 0)

    async def answer(self, order: Order, running: Running, text: str) -> None:
        _ = running
        self._step("answer", order)
        (self.of(order.attempt_id) / "answer").write_text(text, "utf-8")

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        _ = running
        self._step("collect", order)
        asked = json.loads(order.spec.prompt)
        given = Path(place.directory) / "answer"
        output = asked.get("output", {name: one.output for name, one in order.inputs.items()})
        if given.exists():
            output = given.read_text("utf-8")
        return TaskResult(
            output=output, exit_code=ending.exit_code, problems=tuple(asked.get("problems", ()))
        )

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        _ = place
        self._step("clean", order)
        here = self.of(order.attempt_id)
        if not here.exists():
            return ""
        self._note(here / "cleaned", outcome.value)
        return "" if outcome is Outcome.SUCCEEDED else str(here)

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        for one in attempt_ids:
            shutil.rmtree(self.of(one), ignore_errors=True)

    def _step(self, step: str, order: Order) -> None:
        asked = json.loads(order.spec.prompt)
        if asked.get("breaks") == step:
            raise ZeroDivisionError(f"{step} is broken")
        if asked.get("refuses") == step:
            raise InvalidRequestError(f"{step} is refused", hint="Ask for something else.")

    def _note(self, file: Path, line: str) -> None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{line}\n")
