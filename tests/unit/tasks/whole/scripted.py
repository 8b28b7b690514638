"""What attempts consist of on a machine of a test: nothing but notes of what was opened."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.tasks import Outcome, TaskResult
from iterm_mcp.tasks.work import Ending, Place, Running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from iterm_mcp.clock import Clock
    from iterm_mcp.tasks.work import Order


class KilledError(BaseException):
    """The engine was killed in the middle of a step. No error that anybody handles."""


class ScriptedWork:
    """A `Work` that does as prompts say; what it has opened survives the engine, as terminals do.

    Args:
        meanwhile: Called in the middle of every step; it may do whatever people may do, and raise
            `KilledError`.

    Attributes:
        opened: Attempts of which something is open.
        kept: Attempts of which something is kept, though nothing need be open.
        never_closed: Attempts that cannot be closed; what is kept of them stays, for people to see.
        begun: How often something was really started for an attempt.
        faults: What must not have been asked for.
    """

    def __init__(self, clock: Clock, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._clock = clock
        self._meanwhile = meanwhile
        self._running: set[str] = set()
        self._answered: set[str] = set()
        self._cleaned: set[str] = set()
        self.opened: set[str] = set()
        self.kept: set[str] = set()
        self.never_closed: set[str] = set()
        self.begun: Counter[str] = Counter()
        self.faults: list[str] = []

    async def prepare(self, order: Order) -> Place:
        await self._step("prepare", order)
        self.opened.add(order.attempt_id)
        self.kept.add(order.attempt_id)
        await self._meanwhile()
        return Place(f"/trees/{order.attempt_id}")

    async def begin(self, order: Order, place: Place) -> Running:
        _ = place
        await self._step("begin", order)
        if order.attempt_id in self._cleaned:
            self.faults.append(f"{order.attempt_id} began after it was closed")
        if order.attempt_id not in self._running:
            self._running.add(order.attempt_id)
            self.opened.add(order.attempt_id)
            self.begun[order.attempt_id] += 1
        await self._meanwhile()
        return Running("s", started=order.attempt_id)

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        _ = place, running
        await self._step("supervise", order)
        fate = json.loads(order.spec.prompt)
        if not await beat():
            return Ending(Outcome.CANCELLED, "it was to stop")
        if fate.get("asks") and order.attempt_id not in self._answered:
            return Ending(Outcome.FAILED, question=fate["asks"])
        if self._clock.now() >= order.deadline:
            return Ending(Outcome.TIMED_OUT, "its time was over")
        await self._meanwhile()
        if order.number <= fate.get("fails", 0):
            return Ending(Outcome(fate["outcome"]), f"as it should, for the {order.number}. time")
        return Ending(Outcome.SUCCEEDED, exit_code=0)

    async def answer(self, order: Order, running: Running, text: str) -> None:
        _ = running, text
        self._answered.add(order.attempt_id)  # it need not ask again, whatever becomes of the step
        await self._step("answer", order)

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        _ = place, running
        await self._step("collect", order)
        fate = json.loads(order.spec.prompt)
        problems = tuple(fate.get("problems", ()))
        return TaskResult(fate["output"], ending.exit_code, problems=problems)

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        _ = place
        self.opened.discard(order.attempt_id)
        self._running.discard(order.attempt_id)
        self._cleaned.add(order.attempt_id)
        if json.loads(order.spec.prompt).get("refuses") == "clean":
            self.never_closed.add(order.attempt_id)
        await self._step("clean", order)
        return "" if outcome is Outcome.SUCCEEDED else f"/evidence/{order.attempt_id}"

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        await self._meanwhile()
        for one in attempt_ids:
            if one in self.opened:
                self.faults.append(f"{one} was forgotten while something was open")
            self.kept.discard(one)

    async def _step(self, step: str, order: Order) -> None:
        await self._meanwhile()
        fate = json.loads(order.spec.prompt)
        if fate.get("breaks") == step:
            raise ZeroDivisionError(f"{step} is broken")
        if fate.get("refuses") == step:
            raise InvalidRequestError(f"{step} is refused", hint="Ask for something else.")
