"""Marks through the real task engine, and what is learned of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.integration.backlog.yards import APP, OTHER
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import ConflictError
from iterm_mcp.models.backlog import Grouping
from iterm_mcp.models.tasks import Outcome, RetryPolicy, TaskResult, TaskState
from iterm_mcp.services.backlog.batching import Limits
from iterm_mcp.services.backlog.opening import make_desk
from iterm_mcp.services.backlog.planning import Wanted, known_of
from iterm_mcp.services.backlog.service import Backlog
from iterm_mcp.services.choosing.chooser import Chooser
from iterm_mcp.services.choosing.learning import Learning
from iterm_mcp.tasks.engine import EngineOptions, TaskEngine, open_engine
from iterm_mcp.tasks.work import Ending, Order, Place, Running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from tests.integration.backlog.yards import Yard

    from iterm_mcp.models.tasks import TaskSpec

FILE = 'default = "best"\n[arms.best]\nkind = "codex"\nmodel = "m"\n'


class QuickWork:
    """Does at once what is asked for; FIXMEs are too hard."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    async def prepare(self, order: Order) -> Place:
        return Place(order.spec.directory)

    async def begin(self, order: Order, place: Place) -> Running:
        self.begun.append(order.spec.name)
        return Running("", place.directory, order.attempt_id)

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        _ = place, running, beat
        if order.spec.name.startswith("fixme"):
            return Ending(Outcome.FAILED, "too hard")
        return Ending(Outcome.SUCCEEDED)

    async def answer(self, order: Order, running: Running, text: str) -> None:
        raise AssertionError(f"{order.attempt_id} asked nothing: {running} {text}")

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        _ = order, place, running, ending
        return TaskResult(cost_usd=0.5, tokens=10)

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        _ = order, place, outcome
        return ""

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        _ = attempt_ids


class Shop:
    """An engine with a chooser that learns from it."""

    def __init__(self, yard: Yard, engine: TaskEngine, chooser: Chooser, work: QuickWork) -> None:
        self.engine = engine
        self.chooser = chooser
        self.work = work
        self.backlog = Backlog(
            yard.store.backlogs, str(yard.settings), SystemClock(),
            estimate=chooser.estimate, choose=self._choose,
        )  # fmt: skip

    async def _choose(self, spec: TaskSpec) -> TaskSpec:
        chosen, _ = await self.chooser.choose(spec)
        return replace(chosen, retry=RetryPolicy(attempts=1))


@asynccontextmanager
async def opened(yard: Yard) -> AsyncIterator[Shop]:
    clock, work = SystemClock(), QuickWork()
    file = yard.folder / "choosing.toml"
    file.write_text(FILE)
    chooser = Chooser(yard.store.outcomes, str(file), clock, Random(1))
    learning = Learning(chooser)
    options = EngineOptions("", str(yard.folder), clock=clock, tell=learning.note)
    async with open_engine(options, work) as engine, learning.running(engine):
        yield Shop(yard, engine, chooser, work)


async def test_marks_become_tasks_once_and_what_came_of_them_is_learned(yard: Yard) -> None:
    async with opened(yard) as shop:
        plan = await shop.backlog.plan(yard.look(), Wanted())
        tasks = await shop.backlog.submit(plan, shop.engine, "ann")
        await shop.engine.wait([*tasks.values()], 60)
        assert await shop.backlog.submit(plan, shop.engine, "ann") == tasks
        found = await shop.backlog.progress(yard.look(), shop.engine)
        assert (found.done, found.failed, found.left, found.cost_usd) == (1, 1, 0, 1.0)
        assert {one.state for one in found.marks} == {TaskState.SUCCEEDED, TaskState.DEAD}
        known = await eventually(
            shop.chooser.known,
            lambda all_: all_["backlog"][0].tally.attempts == 2,
            within_seconds=30,
        )
        (best,) = known["backlog"]
        assert (best.arm, best.tally.successes, best.tally.mean_cost_usd) == ("best", 1, 0.5)
        yard.commit("b.py", OTHER)
        priced = await shop.backlog.plan(yard.look(), Wanted(limits=Limits(most_usd=5)))
        assert priced.cost_usd == 0.5
        renewed = await shop.backlog.renew(yard.look(), shop.engine)
        assert len(renewed) == 1
        again = await shop.backlog.plan(yard.look(), Wanted())
        more = await shop.backlog.submit(again, shop.engine, "ann")
        assert len(set(more.values()) - set(tasks.values())) == 2
        await shop.engine.wait([*more.values()], 60)
    assert len(shop.work.begun) == 4


async def test_what_ended_while_nobody_learned_is_learned_later(yard: Yard) -> None:
    async with opened(yard) as shop:
        plan = await shop.backlog.plan(yard.look(), Wanted())
        tasks = await shop.backlog.submit(plan, shop.engine, "ann")
        await shop.engine.wait([*tasks.values()], 60)
    clock = SystemClock()
    chooser = Chooser(yard.store.outcomes, str(yard.folder / "choosing.toml"), clock, Random(1))
    async with (
        open_engine(EngineOptions("", str(yard.folder), clock=clock), QuickWork()) as engine,
        Learning(chooser).running(engine),
    ):
        await eventually(
            chooser.known,
            lambda all_: all_.get("backlog", ()) and all_["backlog"][0].tally.attempts == 2,
            within_seconds=30,
        )


async def test_a_desk_runs_tests_before_it_hands_anything_in(yard: Yard) -> None:
    async with opened(yard) as shop:
        desk = make_desk(
            yard.store.backlogs, str(yard.settings), SystemClock(), yard.worktrees, shop.chooser,
            shop.engine,
        )  # fmt: skip
        failing = Wanted(tests=("false",))
        with pytest.raises(ConflictError, match="fail already"):
            await desk.submit(yard.look(), failing, "ann")
        assert (await desk.progress(yard.look())).left == 2
        todo = Wanted(tests=("test -e app.py",), tags=("TODO",))
        plan, tasks = await desk.submit(yard.look(), todo, "ann")
        assert tasks.keys() == {one.spec.key for one in plan.tasks}
        (task,) = await shop.engine.wait([*tasks.values()], 60)
        assert (task.spec.kind, task.spec.strategy["arm"]) == ("codex", "best")
        assert await desk.renew(yard.look()) == ()


async def test_a_task_whose_first_mark_is_gone_is_known_by_its_key(yard: Yard) -> None:
    async with opened(yard) as shop:
        plan = await shop.backlog.plan(yard.look(), Wanted(by=Grouping.FILE))
        (one,) = plan.tasks
        await yard.store.backlogs.note(known_of(plan.scan, one, SystemClock().now()))
        taken = await shop.engine.submit_task(one.spec, "ann")  # and then its asker was killed
        yard.commit("app.py", APP.replace("    # TODO(bob): handle empty text\n", ""))
        again = await shop.backlog.plan(yard.look(), Wanted())
        assert [task.spec.name == one.spec.name for task in again.tasks] == [False]
        tasks = await shop.backlog.submit(again, shop.engine, "ann")
        assert [*tasks.values()] == [taken.task_id]
