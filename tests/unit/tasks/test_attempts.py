"""The steps of an attempt, each asked for as a workflow would: once, again, and too late."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from tests.unit.tasks.desks import Bench, open_bench, spec

from iterm_mcp.errors import ConflictError, InvalidRequestError, StoreError
from iterm_mcp.models.tasks import Outcome, RetryPolicy, TaskResult, TaskState
from iterm_mcp.tasks import attempt_rows
from iterm_mcp.tasks import attempts as attempts_module
from iterm_mcp.tasks.attempt_rows import MOST_CRASHES
from iterm_mcp.tasks.attempts import ANSWER_SECONDS, Attempts
from iterm_mcp.tasks.course import GONE, end, on, run_attempt
from iterm_mcp.tasks.database import UNAVAILABLE
from iterm_mcp.tasks.lease import Lease
from iterm_mcp.tasks.machines import leave, renew
from iterm_mcp.tasks.settling import End, settle
from iterm_mcp.tasks.stops import Stops
from iterm_mcp.tasks.work import Ending, Order, Place, Running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from iterm_mcp.tasks.course import Next

ONCE = RetryPolicy(1)


@dataclass
class ScriptedWork:
    """Does what the test says, and writes down what it was asked for."""

    endings: list[Ending] = field(default_factory=list)
    result: TaskResult = field(default_factory=lambda: TaskResult(output=1))
    refusals: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    beats: int = 0
    hangs: bool = False

    def _call(self, name: str, order: Order) -> None:
        self.calls.append(name)
        self.orders.append(order)
        if self.refusals.get(name, 0) > 0:
            self.refusals[name] -= 1
            raise InvalidRequestError(f"no {name}", hint="Mend it.")

    async def prepare(self, order: Order) -> Place:
        self._call("prepare", order)
        return Place("/there", "tree")

    async def begin(self, order: Order, place: Place) -> Running:
        self._call("begin", order)
        assert place == Place("/there", "tree")
        return Running("session", "ada", "run")

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        self._call("supervise", order)
        assert (place.worktree, running.agent) == ("tree", "ada")
        for _ in range(self.beats):
            await beat()
        if self.hangs:
            await anyio.sleep_forever()
        if not await beat():
            return Ending(Outcome.CANCELLED)
        return self.endings.pop(0) if self.endings else Ending(Outcome.SUCCEEDED)

    async def answer(self, order: Order, running: Running, text: str) -> None:
        assert running.session_id == "session"
        self._call(f"answer {text}", order)

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        assert (place.worktree, running.agent, ending.question) == ("tree", "ada", "")
        self._call("collect", order)
        return self.result

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        self._call(f"clean {outcome.value} {bool(place)}", order)
        return "/evidence"

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        _ = attempt_ids


@dataclass
class Run:
    """One attempt, and who does its steps."""

    bench: Bench
    work: ScriptedWork
    attempts: Attempts
    stops: Stops
    task_id: str = ""

    @property
    def name(self) -> str:
        return f"{self.task_id}~1"

    async def through(self) -> Next:
        """Do the steps as the workflow does, up to the end."""
        found = await self.attempts.prepare(self.name)
        if found["next"] == "on":
            found = await self.attempts.begin(self.name)
        while found["next"] == "on":
            found = await self.attempts.supervise(self.name, 0)
            if found["next"] != "ask":
                break
            found = await self.attempts.wait_answer(self.name, 0)
        if found["next"] == "on":
            found = await self.attempts.collect(self.name)
        return found

    async def settle(self, found: Next) -> None:
        outcome, reason = str(found["outcome"]), str(found["reason"])
        evidence = await self.attempts.clean(self.name, outcome)
        await self.attempts.settle(self.name, outcome, reason, evidence)

    async def state(self) -> TaskState:
        return (await self.bench.desk.get(self.task_id)).state


@asynccontextmanager
async def open_run(folder: Path, **fields: object) -> AsyncIterator[Run]:
    async with open_bench(folder) as bench:
        work = ScriptedWork()
        stops = Stops(bench.desk, bench.lease)
        run = Run(bench, work, Attempts(bench.desk, work, bench.lease, stops), stops)
        ids = await bench.submit(spec("a", **{"retry": ONCE, **fields}))
        run.task_id = ids["a"]
        await bench.claim()
        yield run


async def test_an_attempt_goes_from_its_place_to_its_end(folder: Path) -> None:
    async with open_run(folder, repository="/r") as run:
        found = await run.through()
        assert found == end(Outcome.SUCCEEDED)
        await run.settle(found)

        task = await run.bench.desk.get(run.task_id)
        (attempt,) = task.attempts
        assert task.state is TaskState.SUCCEEDED
        assert (attempt.agent, attempt.session_id, attempt.worktree) == ("ada", "session", "tree")
        assert attempt.evidence == "/evidence"
        assert attempt.beat_at
        assert task.result == TaskResult(output=1)
        assert run.work.orders[0].attempt_id == run.name
        assert run.work.orders[0].spec.repository == "/r"


async def test_no_step_is_done_twice(folder: Path) -> None:
    async with open_run(folder) as run:
        await run.through()
        again = await run.through()

        assert again == end(Outcome.SUCCEEDED)
        assert run.work.calls == ["prepare", "begin", "supervise", "collect"]
        await run.settle(again)
        await run.attempts.settle(run.name, "failed", "", "")
        assert await run.state() is TaskState.SUCCEEDED
        assert await run.attempts.prepare(run.name) == GONE


@pytest.mark.parametrize("step", ["prepare", "begin", "supervise"])
async def test_a_step_that_is_refused_fails_the_attempt_with_its_reason(
    folder: Path, step: str
) -> None:
    async with open_run(folder) as run:
        run.work.refusals = {step: 1}
        found = await run.through()
        assert found == end(Outcome.FAILED, f"no {step}. Mend it.")
        await run.settle(found)

        assert await run.state() is TaskState.DEAD
        assert run.work.calls[-1] == f"clean failed {step != 'prepare'}"


async def test_what_cannot_be_collected_is_no_success(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.refusals = {"collect": 1}

        assert await run.through() == end(Outcome.REJECTED, "no collect. Mend it.")


async def test_an_agent_s_word_does_not_stand_against_what_was_found(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.result = TaskResult(problems=("no commit", "tests fail"))

        assert await run.through() == end(Outcome.REJECTED, "no commit; tests fail")


async def test_cleaning_is_tried_again_and_ends_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts_module, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(attempt_rows, "AGAIN_SECONDS", 0.0)
    async with open_run(folder) as run:
        run.work.refusals = {"clean failed False": 2}
        assert await run.attempts.clean(run.name, "failed") == "/evidence"
        run.work.refusals = {"clean failed False": 9}
        assert await run.attempts.clean(run.name, "failed") == ""
        assert await run.attempts.clean("t-purged~1", "failed") == ""


async def test_a_question_is_asked_answered_and_handed_on(folder: Path) -> None:
    async with open_run(folder) as run:
        ask = Ending(Outcome.FAILED, question="may I?")
        run.work.endings = [ask]
        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)
        assert await run.attempts.supervise(run.name, 0) == {"next": "ask"}
        task = await run.bench.desk.get(run.task_id)
        assert (task.state, task.question) == (TaskState.NEEDS_INPUT, "may I?")
        (obstacle,) = (await run.bench.desk.explain(run.task_id)).obstacles
        assert obstacle.sentence == "a person has to answer: may I?"

        await run.bench.desk.answer(run.task_id, "yes", "ann")
        with pytest.raises(ConflictError, match="answered already"):
            await run.bench.desk.answer(run.task_id, "no", "bob")
        assert await run.attempts.wait_answer(run.name, 0) == on()
        task = await run.bench.desk.get(run.task_id)
        assert (task.state, task.question) == (TaskState.RUNNING, "")
        assert task.moves[-1].reason == "answered by ann"
        assert run.work.calls[-1] == "answer yes"

        # As after a kill before it was known that the step was done: nobody says anything more.
        with anyio.fail_after(ANSWER_SECONDS / 2):
            assert await run.attempts.wait_answer(run.name, 0) == on()
        assert run.work.calls.count("answer yes") == 1


async def test_an_answer_that_cannot_be_handed_on_leaves_the_question(folder: Path) -> None:
    async with open_run(folder) as run:
        ask = Ending(Outcome.FAILED, question="may I?")
        run.work.endings = [ask, ask, Ending(Outcome.FAILED, question="sure?")]
        run.work.refusals = {"answer yes": 1}
        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)
        await run.attempts.supervise(run.name, 0)
        await run.bench.desk.answer(run.task_id, "yes", "ann")
        await run.attempts.wait_answer(run.name, 0)
        assert "could not be handed on" in (await run.bench.desk.get(run.task_id)).moves[-1].reason

        assert await run.attempts.supervise(run.name, 1) == {"next": "ask"}
        assert await run.attempts.supervise(run.name, 2) == {"next": "ask"}
        assert (await run.bench.desk.get(run.task_id)).question == "sure?"
        await run.bench.desk.answer(run.task_id, "yes", "ann")
        assert await run.attempts.wait_answer(run.name, 2) == on()
        assert await run.state() is TaskState.RUNNING


async def test_nobody_s_answer_is_waited_for_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts_module, "ANSWER_SECONDS", 0.0)
    async with open_run(folder) as run:
        assert await run.attempts.wait_answer(run.name, 0) == on()


async def test_what_goes_on_by_itself_after_a_question_runs_again(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.endings = [Ending(Outcome.FAILED, question="may I?")]
        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)
        await run.attempts.supervise(run.name, 0)

        class Later(ScriptedWork):
            async def supervise(self, *given: Any) -> Ending:  # noqa: ANN401
                beat = given[-1]
                run.bench.clock.advance(1)
                await beat()
                run.bench.clock.advance(10)
                await beat()
                return Ending(Outcome.SUCCEEDED)

        attempts = Attempts(run.bench.desk, Later(), run.bench.lease, run.stops)
        assert await attempts.supervise(run.name, 1) == on()
        last = [one.state for one in run.bench.told][-3:]
        assert last == [TaskState.NEEDS_INPUT, TaskState.RUNNING, TaskState.VERIFYING]
        assert run.bench.told[-2].reason == "answered where it runs"


async def test_a_cancelled_attempt_is_stopped_while_it_runs(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.hangs = True
        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)
        found: list[Next] = []
        async with anyio.create_task_group() as group:
            group.start_soon(run.stops.watch)

            async def supervise() -> None:
                found.append(await run.attempts.supervise(run.name, 0))
                group.cancel_scope.cancel()

            group.start_soon(supervise)
            while "supervise" not in run.work.calls:
                await anyio.lowlevel.checkpoint()
            await run.bench.desk.cancel(run.task_id, "ann", "enough")

        assert found == [on()]
        last = await run.attempts.collect(run.name)
        assert last == end(Outcome.CANCELLED, "cancelled by ann: enough")
        await run.settle(last)
        assert await run.state() is TaskState.CANCELLED


async def test_what_is_cancelled_before_it_begins_is_only_cleaned(folder: Path) -> None:
    async with open_run(folder) as run:
        await run.bench.desk.cancel(run.task_id, "ann", "")

        assert await run.through() == end(Outcome.CANCELLED, "cancelled by ann")
        assert run.work.calls == []


async def test_a_machine_that_is_not_trusted_any_more_loses_its_attempts(folder: Path) -> None:
    async with open_run(folder) as run:
        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)
        run.stops.of(run.name).set()  # as the watch does when the lease runs out
        await run.attempts.supervise(run.name, 0)
        found = await run.attempts.collect(run.name)
        assert found["outcome"] == Outcome.LOST
        await run.settle(found)

        assert await run.state() is TaskState.QUEUED
        assert "collect" not in run.work.calls


async def test_an_attempt_that_another_life_holds_is_not_written(folder: Path) -> None:
    async with open_run(folder) as run:
        for step in ("prepare", "begin"):
            await getattr(run.attempts, step)(run.name)
        stale = Attempts(run.bench.desk, run.work, _stale(run), run.stops)

        assert await stale.begin(run.name) == GONE
        assert await stale.supervise(run.name, 0) == GONE
        assert await stale.collect(run.name) == GONE
        await stale.settle(run.name, "failed", "", "")
        assert await run.state() is TaskState.RUNNING
        assert await stale.clean(run.name, "lost") == "/evidence"
        assert run.work.calls[-1] == "clean lost True"


def _stale(run: Run) -> Lease:
    """The lease as an earlier life of the machine had it."""
    desk = run.bench.desk
    lease = Lease(run.bench.options, desk._database, desk, "here")
    assert lease.holder.epoch != run.bench.lease.holder.epoch
    return lease


async def test_each_step_is_refused_to_who_lost_the_attempt_meanwhile(folder: Path) -> None:
    async with open_run(folder) as run:

        class Losing(ScriptedWork):
            async def begin(self, order: Order, place: Place) -> Running:
                await run.bench.lease.enrol()
                lost = run.bench.lease._epoch
                run.bench.lease._epoch = lost - 1
                return await super().begin(order, place)

        attempts = Attempts(run.bench.desk, Losing(), run.bench.lease, run.stops)
        await attempts.prepare(run.name)
        assert await attempts.begin(run.name) == GONE


async def test_a_step_is_refused_to_whose_task_was_taken_over_and_purged_meanwhile(
    folder: Path,
) -> None:
    async with open_run(folder) as run:
        holder = run.bench.lease.holder

        class Slow(ScriptedWork):
            async def begin(self, order: Order, place: Place) -> Running:
                lost = End(Outcome.LOST, "not heard of")
                await run.bench.desk.write(lambda at: settle(at, holder, order.task_id, 1, lost))
                await run.bench.desk.cancel(order.task_id, "ann", "")
                await run.bench.desk.purge([order.task_id])
                return await super().begin(order, place)

        attempts = Attempts(run.bench.desk, Slow(), run.bench.lease, run.stops)
        await attempts.prepare(run.name)
        assert await attempts.begin(run.name) == GONE
        assert await attempts.supervise(run.name, 0) == GONE


async def test_an_attempt_under_which_the_engine_keeps_falling_is_given_up(folder: Path) -> None:
    async with open_run(folder) as run:
        for _ in range(MOST_CRASHES):
            assert await run.attempts.prepare(run.name) == on()
            await run.bench.lease.enrol()  # as after a kill: the life before was not closed

        found = await run.attempts.begin(run.name)
        assert found == end(Outcome.LOST, "the engine fell 10 times while it was worked on")


async def test_an_orderly_end_is_no_fall(folder: Path) -> None:
    async with open_run(folder) as run:
        for _ in range(MOST_CRASHES + 1):
            await run.bench.lease.leave()
            await run.bench.lease.enrol()

        assert (await run.attempts.prepare(run.name)) == on()


async def test_the_database_s_absence_is_waited_out_and_a_bug_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts_module, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(attempt_rows, "AGAIN_SECONDS", 0.0)
    async with open_run(folder) as run:
        troubles = [StoreError("gone", code=UNAVAILABLE)] * 2
        write = run.bench.desk.write

        async def trouble(work: Any) -> Any:  # noqa: ANN401
            if troubles:
                raise troubles.pop()
            return await write(work)

        monkeypatch.setattr(run.bench.desk, "write", trouble)
        assert await run.attempts.prepare(run.name) == on()
        troubles.append(StoreError("broken"))
        with pytest.raises(StoreError, match="broken"):
            await run.attempts.begin(run.name)


async def test_a_beat_that_cannot_be_written_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_run(folder) as run:
        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)

        async def trouble(_work: object) -> None:
            raise StoreError("gone", code=UNAVAILABLE)

        monkeypatch.setattr(run.bench.desk, "touch", trouble)
        assert await run.attempts.supervise(run.name, 0) == on()


async def test_a_bug_in_the_work_is_seen_as_what_it_is(folder: Path) -> None:
    async with open_run(folder) as run:

        class Broken(ScriptedWork):
            async def supervise(self, *_: object) -> Ending:
                raise ZeroDivisionError

        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)
        attempts = Attempts(run.bench.desk, Broken(), run.bench.lease, run.stops)
        with pytest.raises(ZeroDivisionError):
            await attempts.supervise(run.name, 0)


async def test_a_fork_keeps_what_was_done_before_its_step(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.result = TaskResult(problems=("no commit",))
        await run.settle(await run.through())
        assert await run.state() is TaskState.DEAD
        await run.bench.desk.fork(run.task_id, "collect", "ann")
        await run.bench.claim()
        run.work.calls.clear()
        run.work.result = TaskResult(output="now")
        second = f"{run.task_id}~2"

        for step in ("prepare", "begin"):
            assert await getattr(run.attempts, step)(second) == on()
        assert await run.attempts.supervise(second, 0) == on()
        assert await run.attempts.collect(second) == end(Outcome.SUCCEEDED)
        assert run.work.calls == ["collect"]
        await run.attempts.settle(second, "succeeded", "", "")
        assert await run.state() is TaskState.SUCCEEDED


async def test_a_fork_of_what_still_runs_is_stopped_and_beats_as_itself(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.endings = [Ending(Outcome.FAILED, "not found")]
        await run.settle(await run.through())
        await run.bench.desk.fork(run.task_id, "supervise", "ann")
        await run.bench.claim()
        run.work.hangs, run.work.beats = True, 1
        run.bench.clock.advance(60)
        second = f"{run.task_id}~2"
        for step in ("prepare", "begin"):
            assert await getattr(run.attempts, step)(second) == on()

        found: list[Next] = []
        over = anyio.Event()

        async def supervise() -> None:
            found.append(await run.attempts.supervise(second, 0))
            over.set()

        async def beaten() -> bool:
            (_, attempt) = (await run.bench.desk.get(run.task_id)).attempts
            assert attempt.beat_at
            return attempt.started_at < attempt.beat_at

        async with anyio.create_task_group() as group, anyio.create_task_group() as watching:
            watching.start_soon(run.stops.watch)
            group.start_soon(supervise)
            with anyio.fail_after(20):
                while not await beaten():
                    await anyio.lowlevel.checkpoint()
            await run.stops.look()
            assert not found
            await run.bench.desk.cancel(run.task_id, "bob", "enough")
            with anyio.fail_after(20):
                await over.wait()
            watching.cancel_scope.cancel()
        assert found == [on()]
        assert await run.attempts.collect(second) == end(
            Outcome.CANCELLED, "cancelled by bob: enough"
        )


async def test_a_lease_that_was_taken_is_not_renewed(folder: Path) -> None:
    async with open_bench(folder) as bench:
        before = bench.lease.holder
        assert await bench.desk.write(lambda at: renew(at, before, 1.0, 2.0))
        await bench.lease.enrol()

        assert not await bench.desk.write(lambda at: renew(at, before, 1.0, 2.0))
        await bench.lease._renew()
        await bench.desk.write(lambda at: leave(at, before, 1.0))
        (machine,) = await bench.desk.machines()
        assert machine.alive


async def test_after_a_kill_what_asked_is_waited_for_and_not_watched_anew(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.endings = [Ending(Outcome.FAILED, question="may I?")]
        await run.attempts.prepare(run.name)
        await run.attempts.begin(run.name)
        await run.attempts.supervise(run.name, 0)
        calls = list(run.work.calls)

        again = Attempts(run.bench.desk, run.work, run.bench.lease, run.stops)
        assert await again.prepare(run.name) == on()
        assert await again.begin(run.name) == on()
        assert await again.supervise(run.name, 0) == {"next": "ask"}

        assert run.work.calls == calls
        assert (await run.bench.desk.get(run.task_id)).state is TaskState.NEEDS_INPUT
        assert (await again.supervise(run.name, 1))["next"] == "on", "it goes on by itself"


@pytest.mark.parametrize("step", ["prepare", "begin"])
async def test_after_a_kill_what_could_not_be_begun_is_not_begun_again(
    folder: Path, step: str
) -> None:
    async with open_run(folder) as run:
        run.work.refusals[step] = 1
        failed = await run.through()
        run.work.calls.clear()

        again = Attempts(run.bench.desk, run.work, run.bench.lease, run.stops)
        found = await again.prepare(run.name)
        if step == "begin":
            assert found == on()
            found = await again.begin(run.name)

        assert found == failed == end(Outcome.FAILED, f"no {step}. Mend it.")
        assert run.work.calls == []


async def test_after_a_kill_what_has_settled_is_not_cleaned_again(folder: Path) -> None:
    async with open_run(folder) as run:
        run.work.result = TaskResult(problems=("no tests",))
        await run.settle(await run.through())
        run.work.calls.clear()

        again = Attempts(run.bench.desk, run.work, run.bench.lease, run.stops)
        await run_attempt(again, run.name)

        assert run.work.calls == []
        (attempt,) = (await run.bench.desk.get(run.task_id)).attempts
        assert (attempt.outcome, attempt.evidence) == (Outcome.REJECTED, "/evidence")
