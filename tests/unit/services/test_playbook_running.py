"""Runs of playbooks: the journal, failures, decisions, cancelling, and what is left by a crash."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from iterm_mcp.errors import (
    ConflictError,
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    RefusedError,
    TerminalTimeoutError,
)
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.playbooks import Decision, Known, RunId, RunState, StepState
from iterm_mcp.services.playbooks import running as playbook_running
from iterm_mcp.services.playbooks.running import PlaybookService
from iterm_mcp.services.playbooks.tasks import Outcome, StepError, UndecidedError
from iterm_mcp.store import playbooks as playbook_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from iterm_mcp.services.playbooks.document import StepPart
    from iterm_mcp.services.playbooks.tasks import Task
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

THREE = """
playbook: three
variables: {text: hello}
steps:
  - note: {key: a, value: "${text}"}
  - note: {key: b, value: "x"}
  - note: {key: c, value: "x"}
"""
PERSON = Caller(client="editor")


class Steps:
    """Notes which steps were done, and does with each what it is told to.

    Attributes:
        done: Key, try, and what the try before has left.
        then: By key what happens, one after the other; nothing, and it succeeds.
    """

    def __init__(self) -> None:
        self.done: list[tuple[str, int, dict[str, Any] | None]] = []
        self.then: dict[str, list[Exception]] = {}
        self.held: dict[str, anyio.Event] = {}
        self.reached = anyio.Event()

    async def target(self, _step: StepPart, _known: Known) -> None:
        return None

    async def do(self, task: Task) -> Outcome:
        part = task.step.part
        self.done.append((part.key, task.attempt, task.before))
        await task.note({"about": part.key})
        if part.key in self.held:
            self.reached.set()
            await self.held[part.key].wait()
        if waiting := self.then.get(part.key):
            raise waiting.pop(0)
        values = dict(task.known.values) | {part.key: part.value}
        return Outcome(Known(values=values), {"said": part.value})


class Permits:
    """Forbids the tools that it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.forbidden = False

    async def check(
        self, name: AgentName, tool: str, tier: str, arguments: Mapping[str, object]
    ) -> None:
        del arguments
        self.asked.append((name, tool, tier))
        if self.forbidden:
            raise RefusedError("the role forbids it", hint="Do without.")


class Bench:
    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.steps, self.permits = Steps(), Permits()
        self.service = self.again()

    def again(self) -> PlaybookService:
        """Return the service of a later daemon."""
        self.service = PlaybookService(self.store, self.steps, self.permits, self.clock)  # type: ignore[arg-type]
        return self.service

    async def run(self, document: str = THREE, **variables: str) -> RunId:
        run_id = await self.service.run(PERSON, document, variables)
        await self.service.wait(run_id, 5)
        return run_id

    async def state(self, run_id: RunId) -> tuple[RunState, list[StepState]]:
        view = await self.service.view(run_id)
        return view.run.state, [one.state for one in view.journal]

    @asynccontextmanager
    async def killed_at(self, key: str) -> AsyncIterator[RunId]:
        """Run until a step is under way, and end the daemon there."""
        self.steps.held[key] = anyio.Event()
        async with self.service.running():
            run_id = await self.service.run(PERSON, THREE, {})
            with anyio.fail_after(5):
                await self.steps.reached.wait()
        del self.steps.held[key]
        self.steps.done.clear()
        async with self.again().running():
            yield run_id


@pytest.fixture
def bench(store: Store, clock: FakeClock) -> Bench:
    return Bench(store, clock)


DONE, FAILED, UNKNOWN, SKIPPED = (
    StepState.DONE, StepState.FAILED, StepState.UNKNOWN, StepState.SKIPPED
)  # fmt: skip


async def test_a_playbook_runs_to_its_end_with_its_variables(bench: Bench) -> None:
    async with bench.service.running():
        run_id = await bench.run(text="given")

        assert await bench.state(run_id) == (RunState.DONE, [DONE] * 3)
        view = await bench.service.view(run_id)
        assert [one.detail["said"] for one in view.journal] == ["given", "x", "x"]
        assert dict(view.run.known.values) == {"a": "given", "b": "x", "c": "x"}
        assert (view.steps, view.run.name, view.now) == (3, "three", "")
        assert [one.run_id for one in await bench.service.runs()] == [run_id]


async def test_what_is_wrong_is_found_before_anything_is_done(bench: Bench) -> None:
    async with bench.service.running():
        for document, variables in (("steps: 1", {}), (THREE, {"txet": "x"})):
            with pytest.raises(ItermMcpError):
                await bench.service.run(PERSON, document, variables)
    with pytest.raises(RefusedError):
        await bench.service.run(PERSON, THREE, {})
    assert not bench.steps.done
    assert await bench.service.runs() == ()
    with pytest.raises(NotFoundError):
        await bench.service.view(RunId("none"))


async def test_a_step_that_fails_stops_the_run_and_is_tried_again_when_resumed(
    bench: Bench,
) -> None:
    bench.steps.then["b"] = [StepError("it did not", {"exit_code": 1})]
    async with bench.service.running():
        run_id = await bench.run()
        assert await bench.state(run_id) == (RunState.FAILED, [DONE, FAILED])
        assert (await bench.service.view(run_id)).run.reason == "step 2: it did not"

        await bench.service.resume(PERSON, run_id)
        await bench.service.wait(run_id, 5)

        assert await bench.state(run_id) == (RunState.DONE, [DONE] * 3)
        tries = [(key, attempt) for key, attempt, _ in bench.steps.done]
        assert tries == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]
        assert bench.steps.done[2][2] == {"about": "b", "exit_code": 1, "attempt": 1}


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("no", hint="Do."),
        TerminalTimeoutError("late", hint="Look."),
        NotFoundError("session", "x", hint="List."),
    ],
)
async def test_whatever_a_service_says_stops_the_run_with_its_hint(
    bench: Bench, error: ItermMcpError
) -> None:
    bench.steps.then["a"] = [error]
    async with bench.service.running():
        run_id = await bench.run()
        view = await bench.service.view(run_id)
        assert view.run.state is RunState.FAILED
        assert view.run.reason.endswith(error.hint)
        known_not_done = not isinstance(error, TerminalTimeoutError)
        assert ("error" in view.journal[0].detail) == known_not_done


async def test_a_step_under_way_when_the_daemon_died_is_looked_at_and_what_was_done_is_not_repeated(
    bench: Bench,
) -> None:
    async with bench.killed_at("b") as run_id:
        state, journal = await bench.state(run_id)
        assert (state, journal) == (RunState.INTERRUPTED, [DONE, StepState.UNDER_WAY])
        assert (await bench.service.runs())[0].state is RunState.INTERRUPTED

        await bench.service.resume(PERSON, run_id)
        await bench.service.wait(run_id, 5)

        assert await bench.state(run_id) == (RunState.DONE, [DONE] * 3)
        assert bench.steps.done == [("b", 1, {"about": "b", "attempt": 1}), ("c", 1, None)]
        assert (await bench.service.view(run_id)).run.known.values["a"] == "hello"


async def test_what_nobody_can_tell_a_person_decides(bench: Bench) -> None:
    async with bench.killed_at("b") as run_id:
        bench.steps.then["b"] = [UndecidedError("nobody can tell")]
        await bench.service.resume(PERSON, run_id)
        await bench.service.wait(run_id, 5)
        assert await bench.state(run_id) == (RunState.UNDECIDED, [DONE, UNKNOWN])

        with pytest.raises(ConflictError, match="nobody can tell") as undecided:
            await bench.service.resume(PERSON, run_id)
        assert undecided.value.code == "run_undecided"
        bench.steps.done.clear()
        await bench.service.resume(PERSON, run_id, Decision.SKIP)
        await bench.service.wait(run_id, 5)

        assert await bench.state(run_id) == (RunState.DONE, [DONE, SKIPPED, DONE])
        assert [one[0] for one in bench.steps.done] == ["c"]


async def test_a_step_is_repeated_from_scratch_where_a_person_says_so(bench: Bench) -> None:
    async with bench.killed_at("b") as run_id:
        await bench.service.resume(PERSON, run_id, Decision.REPEAT)
        await bench.service.wait(run_id, 5)
        assert bench.steps.done == [("b", 2, None), ("c", 1, None)]


async def test_a_run_that_is_cancelled_stops_at_once_and_can_be_resumed(bench: Bench) -> None:
    bench.steps.held["b"] = anyio.Event()
    async with bench.service.running():
        run_id = await bench.service.run(PERSON, THREE, {})
        with anyio.fail_after(5):
            await bench.steps.reached.wait()
        assert bench.service.now(run_id) == "step 2 of 3: note shared/b: x"
        assert (await bench.service.wait(run_id, 0)).run.state is RunState.RUNNING
        with pytest.raises(ConflictError):
            await bench.service.resume(PERSON, run_id)

        await bench.service.cancel(PERSON, run_id)

        assert await bench.state(run_id) == (RunState.CANCELLED, [DONE, StepState.UNDER_WAY])
        assert bench.service.now(run_id) == ""
        with pytest.raises(ConflictError):
            await bench.service.cancel(PERSON, run_id)
        del bench.steps.held["b"]
        await bench.service.resume(PERSON, run_id)
        await bench.service.wait(run_id, 5)
        assert (await bench.state(run_id))[0] is RunState.DONE
        for call in (bench.service.cancel(PERSON, run_id), bench.service.resume(PERSON, run_id)):
            with pytest.raises(ConflictError):
                await call


async def test_a_run_that_was_interrupted_can_be_given_up(bench: Bench) -> None:
    async with bench.killed_at("b") as run_id:
        await bench.service.cancel(PERSON, run_id)
        assert (await bench.state(run_id))[0] is RunState.CANCELLED


async def test_an_agents_playbook_may_do_what_the_agent_may(bench: Bench) -> None:
    ann = Caller(AgentName("ann"))
    async with bench.service.running():
        run_id = await bench.service.run(ann, THREE, {})
        await bench.service.wait(run_id, 5)
        assert bench.permits.asked == [("ann", "manage_notes", "mutate")] * 3

        bench.permits.forbidden = True
        bench.steps.done.clear()
        refused = await bench.service.run(ann, THREE, {})
        view = await bench.service.wait(refused, 5)
        assert view.run.state is RunState.FAILED
        assert "the role forbids it" in view.run.reason
        assert not bench.steps.done

        await bench.service.resume(PERSON, refused)
        await bench.service.wait(refused, 5)
        assert (await bench.state(refused))[0] is RunState.DONE


async def test_an_agent_resumes_and_cancels_its_own_runs_alone(bench: Bench) -> None:
    ann, ben = Caller(AgentName("ann")), Caller(AgentName("ben"))
    bench.steps.then["a"] = [StepError("no")] * 3
    async with bench.service.running():
        run_id = await bench.service.run(ann, THREE, {})
        await bench.service.wait(run_id, 5)
        for call in (bench.service.resume(ben, run_id), bench.service.cancel(ben, run_id)):
            with pytest.raises(RefusedError) as refused:
                await call
            assert refused.value.code == "not_own_run"
        await bench.service.resume(ann, run_id)
        await bench.service.wait(run_id, 5)
        await bench.service.cancel(ann, run_id)
        assert (await bench.state(run_id))[0] is RunState.CANCELLED


async def test_only_so_many_run_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbook_running, "MOST_AT_ONCE", 1)
    bench.steps.held["a"] = anyio.Event()
    async with bench.service.running():
        await bench.service.run(PERSON, THREE, {})
        with pytest.raises(ConflictError, match="at once"):
            await bench.service.run(PERSON, THREE, {})


async def test_of_runs_that_have_ended_the_newest_are_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbook_store, "MOST_RUNS", 2)
    async with bench.service.running():
        runs = []
        for _ in range(3):
            runs.append(await bench.run())
            bench.clock.advance(1)
        assert [one.run_id for one in await bench.service.runs()] == runs[:0:-1]
