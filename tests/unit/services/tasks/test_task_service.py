"""What is asked of tasks, and how it is shown."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.tasks.services import known, nothing_asked, open_asked

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.task_queries import TaskQuery
from iterm_mcp.models.tasks import Attempt, MachineName, Outcome, TaskState
from iterm_mcp.models.worktrees import Worktree, WorktreeFacts, WorktreeName, WorktreeState
from iterm_mcp.services.tasks import service, views
from iterm_mcp.services.tasks.service import TaskService, is_graph

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.unit.tasks.services import Asked


ANN = Caller(None, "ann")
PAIR = """
graph: pair
defaults: {directory: /, retry: {attempts: 1}}
tasks:
  first: {run: echo one}
  second: {run: echo two, needs: first}
"""


async def pair(asked: Asked) -> dict[str, str]:
    view = await asked.service.submit(ANN, PAIR)
    return dict(view.graph.tasks)


async def test_a_graph_is_handed_in_with_its_tasks_in_order(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        view = await asked.service.submit(ANN, PAIR, key="k")
        assert [one.spec.name for one in view.tasks] == ["first", "second"]
        assert view.graph.submitter == "ann"
        again = await asked.service.submit(ANN, PAIR, key="k")
        assert again.graph.graph_id == view.graph.graph_id
        shown = views.graph(await asked.service.graph(view.graph.graph_id))
        assert [one["name"] for one in shown["nodes"]] == ["first", "second"]
        assert shown["graph_id"] == view.graph.graph_id
        assert shown["on_failure"] == "continue"


async def test_one_task_is_said_as_a_part_of_a_document(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        part = {"run": "true", "directory": "/"}
        task = await asked.service.submit_one(ANN, "alone", part, "k")
        assert (task.spec.name, task.state) == ("alone", TaskState.QUEUED)
        assert (await asked.service.submit_one(ANN, "alone", part, "k")).task_id == task.task_id


async def test_many_tasks_of_a_graph_are_all_seen(tmp_path: Path) -> None:
    tasks = "\n".join(f"  t{number}: {{run: 'true'}}" for number in range(600))
    document = f"graph: many\ndefaults: {{directory: /}}\ntasks:\n{tasks}"
    async with open_asked(tmp_path) as asked:
        view = await asked.service.submit(ANN, document)
        assert [one.spec.name for one in view.tasks] == [f"t{number}" for number in range(600)]
        page, counts = await asked.service.find(TaskQuery(limit=3))
        assert len(page.tasks) == 3
        assert counts[TaskState.QUEUED] == 600


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param("graph: x\ntasks: [", "line", id="no YAML"),
        pytest.param(
            "graph: x\ntasks:\n  a: {kind: gpt, prompt: x, directory: /}", "gpt", id="kind"
        ),
        pytest.param(
            "graph: x\ntasks:\n  a: {run: x, directory: /no/such}", "no such directory", id="place"
        ),
        pytest.param("graph: x\ntasks:\n  a: {run: x, directory: /, needs: b}", "b", id="need"),
    ],
)
async def test_a_wrong_document_is_told_by_its_lines(
    tmp_path: Path, document: str, says: str
) -> None:
    async with nothing_asked(tmp_path) as tasks:
        for call in (tasks.submit(ANN, document), tasks.plan(document)):
            with pytest.raises(InvalidRequestError, match="line") as refused:
                await call
            assert says in str(refused.value)
    assert not (tmp_path / "tasks.db").exists()


async def test_a_plan_starts_nothing(tmp_path: Path) -> None:
    async with nothing_asked(tmp_path) as tasks:
        plan = views.dry(await tasks.plan(PAIR))
        assert plan["waves"] == [["first"], ["second"]]
    assert not (tmp_path / "tasks.db").exists()


async def test_waiting_tells_what_is_in_the_way(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        ids = await pair(asked)
        await asked.service.engine.pause("everything", "ann")
        found = await asked.service.wait([ids["first"], ids["second"]], 0)
        why = await asked.service.why_waiting(found)
        assert [*why] == [ids["first"]]
        shown = views.done(found[0], why[ids["first"]])
        assert any("paused" in one or "held" in one for one in shown["waits_for"]), shown
        assert "waits_for" not in views.done(found[1])


async def test_waiting_for_a_graph_is_waiting_for_all_of_it(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        ids = await pair(asked)
        await asked.bench.run(ids["first"], output={"n": 1})
        await asked.bench.run(ids["second"], output="two")
        graph = (await asked.service.engine.get(ids["first"])).graph
        found = await asked.service.wait([graph, ids["second"]], 5)
        assert [views.done(one)["result"]["output"] for one in found] == [{"n": 1}, "two"]


@asynccontextmanager
async def used(folder: Path) -> AsyncIterator[TaskService]:
    async with open_asked(folder) as asked:
        yield asked.service


@pytest.mark.parametrize("opened", [nothing_asked, used], ids=["never used", "used"])
async def test_what_is_not_there_is_told_and_not_taken_for_settled(
    tmp_path: Path, opened: Callable[[Path], AbstractAsyncContextManager[TaskService]]
) -> None:
    async with opened(tmp_path) as tasks:
        for call in (
            tasks.wait(["t-0"], 0), tasks.wait(["g-0"], 0), tasks.explain("t-0"),
            tasks.graph("g-0"), tasks.cancel(ANN, "t-0"), tasks.cancel(ANN, "g-0"),
            tasks.engine.purge(["t-0"]),
        ):  # fmt: skip
            with pytest.raises(NotFoundError):
                await call
        with pytest.raises(InvalidRequestError, match="which tasks"):
            await tasks.wait([], 1)
        with pytest.raises(InvalidRequestError, match="no id of a task or a graph"):
            await tasks.wait(["first"], 1)


async def test_too_many_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_WAITED_FOR", 1)
    async with open_asked(tmp_path) as asked:
        with pytest.raises(InvalidRequestError, match="2 tasks are too many"):
            await asked.service.wait([*(await pair(asked)).values()], 1)


async def test_a_task_or_a_whole_graph_is_cancelled(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        ids = await pair(asked)
        (one,) = await asked.service.cancel(ANN, ids["second"], "not needed")
        assert one.state is TaskState.CANCELLED
        found = await asked.service.cancel(ANN, one.graph)
        assert [each.state for each in found] == [TaskState.CANCELLED] * 2
        again = await asked.service.submit_one(ANN, "x", {"run": "x", "directory": "/"})
        await asked.bench.run(again.task_id)
        with pytest.raises(ConflictError):
            await asked.service.cancel(ANN, again.task_id)


async def test_a_schedule_keeps_the_document(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        at = datetime(2040, 1, 1, tzinfo=UTC) + timedelta(hours=1)
        made = views.schedule(await asked.service.schedule(ANN, "later", PAIR, at=at))
        assert made["tasks"] == ["first", "second"]
        assert made["graph"] == "pair"
        assert made["next_at"].startswith("2040-01-01T01:00")
        with pytest.raises(InvalidRequestError):
            await asked.service.schedule(ANN, "never", PAIR, cron="not so")


async def test_all_of_a_dead_letter_is_shown_and_what_programs_said_is_sanitised(
    tmp_path: Path,
) -> None:
    async with open_asked(tmp_path) as asked:
        ids = await pair(asked)
        said = "\x1b[31mred\x1b[0m" + "x" * 10_000
        await asked.bench.run(ids["first"], Outcome.FAILED, output=said, problems=("no file",))
        shown = views.whole(await asked.service.explain(ids["first"]))
        assert shown["state"] == "dead"
        assert shown["failed_because"][0]["problems"] == ["no file"]
        assert [one["outcome"] for one in shown["attempts"]] == ["failed"]
        assert shown["moves"][0]["state"] == "queued"
        assert "\x1b" not in shown["result"]["output"]
        assert len(shown["result"]["output"]) == views.MOST_CHARACTERS
        late = views.whole(await asked.service.explain(ids["second"]))
        assert late["state"] == "skipped"


async def test_rows_say_only_what_there_is_to_say(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        task = await asked.service.submit_one(
            ANN, "x", {"run": "x", "directory": "/", "retry": {"attempts": 2, "backoff": "1s"}}
        )
        assert {*views.row(task)} == {"task_id", "name", "kind", "state", "created_at", "graph"}
        await asked.bench.run(task.task_id, Outcome.FAILED)
        asked.bench.clock.advance(100)
        await asked.bench.claim()
        row = views.row(await asked.service.engine.cancel(task.task_id, "ann", "enough"))
        assert row["cancelling"] is True
        assert row["attempts"] == 2
        (machine,) = await asked.service.engine.machines()
        assert views.machine(machine)["name"] == "here"
        await asked.service.engine.pause("team:x", "ann")
        (pause,) = await asked.service.engine.pauses()
        assert views.pause(pause)["scope"] == "team:x"


def test_ids_tell_what_they_are_of() -> None:
    assert is_graph("g-1")
    assert not is_graph("t-1")


async def test_a_worktree_that_stays_is_shown_with_why(tmp_path: Path) -> None:
    asked_for: list[str] = []

    async def look(name: str) -> WorktreeFacts:
        asked_for.append(name)
        if len(asked_for) == 1:
            raise NotFoundError("worktree", name)
        head = "" if len(asked_for) == 2 else "c0ffee"
        worktree = Worktree(
            WorktreeName(name), "/r", f"/w/{name}", f"iterm-mcp/{name}", "main", "c0", "task t-1",
            WorktreeState.READY, datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        return WorktreeFacts(worktree, head, kept_because=("1 commits are nowhere else",))

    async with open_asked(tmp_path) as asked:
        asked.service = TaskService(asked.service.engine, known, lambda: 5, look=look)
        task = await asked.service.submit_one(ANN, "alone", {"run": "true", "directory": "/"})
        assert await asked.service.worktrees_of(task) == ()
        told = await asked.service.explain(task.task_id)
        when = datetime(2026, 1, 1, tzinfo=UTC)
        tried = [
            Attempt(number, MachineName("here"), 1, when, worktree=f"w{number}",
                    ended_at=None if number == 9 else when)
            for number in range(1, 10)
        ]  # fmt: skip
        found = await asked.service.worktrees_of(replace(told.task, attempts=tuple(tried)))

    assert asked_for == ["w8", "w7", "w6", "w5", "w4"]
    assert [one.worktree.name for one in found] == ["w6", "w5", "w4"]
    assert views.whole(told, found)["worktrees_kept"][0] == {
        "worktree": "w6",
        "path": "/w/w6",
        "branch": "iterm-mcp/w6",
        "because": ["1 commits are nowhere else"],
    }
