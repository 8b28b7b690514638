"""What becomes of tasks, by the table of moves and the policies of their graphs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.tasks.desks import open_bench, spec

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError
from iterm_mcp.models.task_graphs import FailurePolicy, GraphSpec
from iterm_mcp.models.task_queries import EVERYTHING, Hindrance, Schedule, TaskQuery
from iterm_mcp.models.tasks import (
    GATHER,
    Condition,
    FanOut,
    Operator,
    Outcome,
    RetryPolicy,
    TaskState,
)
from iterm_mcp.tasks.machines import enrol, reap
from iterm_mcp.tasks.settling import MOST_LOSSES
from iterm_mcp.tasks.writing import IllegalMoveError, clean

if TYPE_CHECKING:
    from pathlib import Path

ONCE = RetryPolicy(1)


async def test_a_task_that_succeeds_lets_go_those_that_waited_for_it(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"), spec("b", "a"), spec("c", "a", "b"))
        assert await bench.states(ids) == {"a": "queued", "b": "waiting", "c": "waiting"}

        done = await bench.run(ids["a"], output=1)
        assert done.result
        assert done.result.output == 1
        assert await bench.states(ids) == {"a": "succeeded", "b": "queued", "c": "waiting"}

        await bench.run(ids["b"])
        assert (await bench.states(ids))["c"] == "queued"
        assert [one.state.value for one in done.moves] == [
            "queued",
            "starting",
            "running",
            "verifying",
            "succeeded",
        ]
        assert [one.name for one in bench.told if one.state is TaskState.SUCCEEDED] == ["a", "b"]


async def test_failures_back_off_and_end_as_a_dead_letter(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a", retry=RetryPolicy(3, 10, 2)), spec("b", "a"))
        waits = []
        for _ in range(2):
            task = await bench.run(ids["a"], Outcome.FAILED)
            assert task.state is TaskState.DELAYED
            waits.append((await bench.claim()).wake_at)
            bench.clock.advance(9.9 if len(waits) == 1 else 19.9)
            assert not (await bench.claim()).attempts
            bench.clock.advance(0.2)
        task = await bench.run(ids["a"], Outcome.TIMED_OUT)

        assert task.state is TaskState.DEAD
        assert task.reason == "attempt 3 timed_out: so it was; tried 3 times"
        assert [one.outcome for one in task.attempts] == [
            Outcome.FAILED,
            Outcome.FAILED,
            Outcome.TIMED_OUT,
        ]
        assert (await bench.states(ids))["b"] == "skipped"
        explained = await bench.desk.explain(ids["a"])
        assert [one.outcome for one in explained.failures] == [
            Outcome.FAILED,
            Outcome.FAILED,
            Outcome.TIMED_OUT,
        ]


async def test_a_dead_letter_is_tried_anew_and_what_hung_on_it_waits_again(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(
            spec("a", retry=ONCE), spec("other", retry=ONCE), spec("b", "a"), spec("c", "b"),
            spec("d", "a", "other"),
        )  # fmt: skip
        await bench.run(ids["a"], Outcome.FAILED)
        await bench.run(ids["other"], Outcome.FAILED)
        assert set((await bench.states(ids)).values()) == {"dead", "skipped"}

        await bench.desk.retry(ids["a"], "ann")
        assert await bench.states(ids) == {
            "a": "queued",
            "other": "dead",
            "b": "waiting",
            "c": "waiting",
            "d": "skipped",  # for the other one's sake, still
        }
        task = await bench.run(ids["a"])
        assert [one.number for one in task.attempts] == [1, 2]
        assert (await bench.states(ids))["b"] == "queued"
        with pytest.raises(ConflictError, match="is succeeded"):
            await bench.desk.retry(ids["a"], "ann")


async def test_what_needs_a_dead_task_is_not_tried_before_it(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a", retry=ONCE), spec("b", "a"))
        await bench.desk.cancel(ids["b"], "ann", "")
        await bench.run(ids["a"], Outcome.FAILED)

        with pytest.raises(ConflictError, match="which is dead"):
            await bench.desk.retry(ids["b"], "ann")


async def test_a_cancelled_task_that_still_waits_for_another_waits_again(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"), spec("b", "a"))
        await bench.desk.cancel(ids["b"], "ann", "")

        assert (await bench.desk.retry(ids["b"], "ann")).state is TaskState.WAITING
        await bench.run(ids["a"])
        assert (await bench.states(ids))["b"] == "queued"


async def test_conditions_decide_which_branch_runs(folder: Path) -> None:
    async with open_bench(folder) as bench:
        many = Condition("count", "output", Operator.MORE, 3)
        few = Condition("count", "output", Operator.LESS, 4)
        ids = await bench.submit(
            spec("count"), spec("many", "count", when=(many,)), spec("few", "count", when=(few,))
        )
        await bench.run(ids["count"], output=5)

        assert await bench.states(ids) == {"count": "succeeded", "many": "queued", "few": "skipped"}
        reason = (await bench.desk.get(ids["few"])).reason
        assert reason == "its condition does not hold: count.output less 4"


async def test_a_result_that_lacks_what_the_next_one_asks_for_is_its_end(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"), spec("b", "a", prompt="echo ${tasks.a.output.x}"))
        await bench.run(ids["a"], output={"y": 1})

        task = await bench.desk.get(ids["b"])
        assert task.state is TaskState.DEAD
        assert "tasks.a.output.x" in task.reason


async def test_a_list_in_a_result_becomes_a_task_each_and_is_gathered(folder: Path) -> None:
    async with open_bench(folder) as bench:
        each = spec("each", "find", prompt="echo ${item}", fan_out=FanOut("find", "output"))
        ids = await bench.submit(spec("find"), each, spec("sum", "each"))
        await bench.run(ids["find"], output=["x", "y"])

        graph = await bench.desk.graph((await bench.desk.get(ids["find"])).graph)
        assert set(graph.tasks) == {"find", "each", "sum", "each-1", "each-2"}
        first, second = graph.tasks["each-1"], graph.tasks["each-2"]
        assert (await bench.desk.get(first)).spec.prompt == "echo x"
        assert (await bench.desk.get(graph.tasks["each"])).spec.kind == GATHER
        await bench.run(first, output=1)
        assert (await bench.states(ids))["sum"] == "waiting"
        await bench.run(second, output=2)
        gathered = await bench.desk.get(graph.tasks["each"])

        assert gathered.state is TaskState.SUCCEEDED
        assert gathered.result
        assert gathered.result.output == [1, 2]
        assert (await bench.states(ids))["sum"] == "queued"


async def test_what_is_no_list_or_would_make_a_name_twice_starts_nothing(folder: Path) -> None:
    async with open_bench(folder) as bench:
        each = spec("each", "find", fan_out=FanOut("find", "output"))
        ids = await bench.submit(spec("find"), each, spec("after", "each"))
        await bench.run(ids["find"], output="none")
        assert await bench.states(ids) == {"find": "succeeded", "each": "dead", "after": "skipped"}

        ids = await bench.submit(spec("find"), each, spec("each-1"))
        await bench.run(ids["find"], output=[1])
        assert (await bench.states(ids))["each"] == "dead"
        assert "each-1" in (await bench.desk.get(ids["each"])).reason
        assert len((await bench.desk.graph((await bench.desk.get(ids["each"])).graph)).tasks) == 3


async def test_an_empty_list_is_gathered_at_once_and_may_be_tried_again(folder: Path) -> None:
    async with open_bench(folder) as bench:
        each = spec("each", "find", fan_out=FanOut("find", "output"))
        ids = await bench.submit(spec("find"), each)
        await bench.desk.cancel(ids["each"], "ann", "")
        await bench.run(ids["find"], output=[])

        assert (await bench.desk.retry(ids["each"], "ann")).state is TaskState.SUCCEEDED


async def test_a_graph_that_stops_cancels_what_has_not_begun(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(
            spec("bad", retry=ONCE), spec("runs"), spec("waits", "runs"),
            policy=FailurePolicy.STOP,
        )  # fmt: skip
        await bench.claim()
        await bench.run(ids["bad"], Outcome.FAILED)
        assert await bench.states(ids) == {"bad": "dead", "runs": "starting", "waits": "cancelled"}

        await bench.run(ids["runs"])
        assert (await bench.states(ids))["runs"] == "succeeded"


async def test_a_graph_that_fails_makes_undone_what_succeeded_the_newest_first(
    folder: Path,
) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(
            spec("one"),
            spec("two", "one"),
            spec("bad", "two", retry=ONCE),
            spec("undo-one", compensates="one"),
            spec("undo-two", "two", compensates="two", prompt="rm ${tasks.two.output}"),
            spec("undo-bad", compensates="bad"),
            policy=FailurePolicy.COMPENSATE,
        )
        await bench.run(ids["one"])
        bench.clock.advance(1)
        await bench.run(ids["two"], output="file")
        assert (await bench.states(ids))["undo-two"] == "waiting"
        await bench.run(ids["bad"], Outcome.FAILED)
        states = await bench.states(ids)
        assert states["undo-two"] == "queued"
        assert states["undo-one"] == "waiting"
        assert states["undo-bad"] == "skipped"

        await bench.run(ids["undo-two"])
        assert (await bench.states(ids))["undo-one"] == "queued"
        await bench.run(ids["undo-one"])
        assert (await bench.states(ids))["undo-one"] == "succeeded"


async def test_a_graph_that_succeeds_makes_nothing_undone(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(
            spec("one"), spec("undo", compensates="one"), policy=FailurePolicy.COMPENSATE
        )
        obstacles = (await bench.desk.explain(ids["undo"])).obstacles
        assert "should the graph fail" in obstacles[-1].sentence
        await bench.run(ids["one"])

        assert await bench.states(ids) == {"one": "succeeded", "undo": "skipped"}


async def test_what_makes_undone_and_lacks_a_value_is_dead(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(
            spec("one"),
            spec("bad", "one", retry=ONCE),
            spec("undo", "one", compensates="one", prompt="rm ${tasks.one.output.file}"),
            policy=FailurePolicy.COMPENSATE,
        )
        await bench.run(ids["one"], output={})
        await bench.run(ids["bad"], Outcome.FAILED)

        assert (await bench.states(ids))["undo"] == "dead"


async def test_the_same_key_is_the_same_graph_and_the_same_task(folder: Path) -> None:
    async with open_bench(folder) as bench:
        first = await bench.submit(spec("a", key="task"), key="graph")
        assert await bench.submit(spec("a", key="task"), key="graph") == first
        both = await bench.submit(spec("again", key="task"), spec("b", "again"))

        assert both["again"] == first["a"]
        await bench.run(first["a"])
        assert (await bench.desk.get(both["b"])).state is TaskState.QUEUED


async def test_tasks_of_other_graphs_can_be_needed(folder: Path) -> None:
    async with open_bench(folder) as bench:
        first = await bench.submit(spec("a"))
        second = await bench.submit(spec("b", first["a"]))
        await bench.run(first["a"])
        third = await bench.submit(spec("c", first["a"]))
        assert (await bench.states({**second, **third})) == {"b": "queued", "c": "queued"}

        with pytest.raises(NotFoundError, match="t-nowhere"):
            await bench.submit(spec("d", "t-nowhere"))
        assert len((await bench.desk.find(TaskQuery())).tasks) == 3


async def test_tasks_wait_for_their_time(folder: Path) -> None:
    async with open_bench(folder) as bench:
        later = bench.clock.now() + timedelta(seconds=60)
        ids = await bench.submit(
            spec("a", not_before=later), spec("b"), spec("c", "b", not_before=later)
        )
        await bench.run(ids["b"])
        assert await bench.states(ids) == {"a": "delayed", "b": "succeeded", "c": "delayed"}
        (obstacle,) = (await bench.desk.explain(ids["a"])).obstacles
        assert obstacle.sentence == "it starts in 60 s at the earliest"
        assert not (await bench.claim()).attempts

        bench.clock.advance(60)
        assert len((await bench.claim()).attempts) == 2


async def test_cancelling_ends_what_waits_at_once_and_what_runs_when_it_is_closed(
    folder: Path,
) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("runs"), spec("needs", "runs"), spec("done"))
        await bench.run(ids["done"])
        running = await bench.desk.cancel(ids["runs"], "ann", "no need")
        again = await bench.desk.cancel(ids["runs"], "bob", "")
        assert running.cancelling
        assert again.state is TaskState.STARTING

        task = await bench.run(ids["runs"], Outcome.FAILED)
        assert task.state is TaskState.CANCELLED
        assert task.reason == "cancelled by ann: no need"
        assert not task.cancelling
        assert (await bench.states(ids))["needs"] == "skipped"
        assert (await bench.desk.cancel(ids["runs"], "ann", "")).state is TaskState.CANCELLED
        with pytest.raises(ConflictError, match="succeeded already"):
            await bench.desk.cancel(ids["done"], "ann", "")


async def test_what_succeeds_before_its_cancelling_is_heard_has_succeeded(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        await bench.claim()
        await bench.desk.cancel(ids["a"], "ann", "")

        assert (await bench.run(ids["a"])).state is TaskState.SUCCEEDED


async def test_a_whole_graph_is_cancelled(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"), spec("b", "a"), spec("c", "b"))
        await bench.desk.cancel_graph((await bench.desk.get(ids["a"])).graph, "ann", "")

        assert set((await bench.states(ids)).values()) == {"cancelled"}
        with pytest.raises(NotFoundError):
            await bench.desk.cancel_graph("g-none", "ann", "")
        with pytest.raises(NotFoundError):
            await bench.desk.graph("g-none")


async def test_losses_cost_no_retry_but_too_many_are_the_end(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a", retry=ONCE))
        for _ in range(MOST_LOSSES - 1):
            assert (await bench.run(ids["a"], Outcome.LOST)).state is TaskState.QUEUED
        task = await bench.run(ids["a"], Outcome.LOST)

        assert task.state is TaskState.DEAD
        assert task.reason.startswith("4 attempts were lost")


async def test_the_work_of_a_machine_that_is_gone_is_given_back(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        await bench.claim()
        await bench.desk.write(lambda at: enrol(at, "other", 1, {}, (at.now, at.now + 60)))
        assert await bench.desk.write(lambda at: reap(at, "other", at.now)) == []

        assert await bench.desk.write(lambda at: reap(at, "other", at.now + 61)) == ["here"]
        task = await bench.desk.get(ids["a"])
        assert task.state is TaskState.QUEUED
        assert task.attempts[0].outcome is Outcome.LOST
        assert task.reason == "attempt 1 was lost: machine here was not heard of for 61 s"
        assert not (await bench.claim()).attempts  # its epoch is over


async def test_pauses_hold_back_what_they_name(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a", team="red"), spec("b"))
        await bench.desk.pause("team:red", "ann")
        await bench.desk.pause("team:red", "bob")
        assert [(one.scope, one.who) for one in await bench.desk.pauses()] == [("team:red", "ann")]
        await bench.claim()
        assert await bench.states(ids) == {"a": "queued", "b": "starting"}
        (obstacle,) = (await bench.desk.explain(ids["a"])).obstacles
        assert obstacle.what is Hindrance.PAUSE

        await bench.desk.resume("team:red")
        await bench.desk.pause(EVERYTHING, "ann")
        assert not (await bench.claim()).attempts
        await bench.desk.resume(EVERYTHING)
        assert len((await bench.claim()).attempts) == 1
        with pytest.raises(NotFoundError):
            await bench.desk.resume(EVERYTHING)
        with pytest.raises(InvalidRequestError, match="nothing that can be paused"):
            await bench.desk.pause("colour:red", "ann")


async def test_a_drained_machine_claims_nothing(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        await bench.desk.drain("here", draining=True)
        assert not (await bench.claim()).attempts
        (obstacle,) = (await bench.desk.explain(ids["a"])).obstacles
        assert obstacle.sentence == "machine here is being drained"
        (machine,) = await bench.desk.machines()
        assert machine.draining
        assert machine.alive

        await bench.desk.drain("here", draining=False)
        assert len((await bench.claim()).attempts) == 1
        with pytest.raises(NotFoundError):
            await bench.desk.drain("nowhere", draining=True)


async def test_tasks_are_found_page_by_page(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(
            *(spec(f"a{number}", team="red", repository="/r") for number in range(3)),
            spec("other", prompt="Fix 100%_of it"),
        )
        first = await bench.desk.find(TaskQuery(team="red", limit=2))
        rest = await bench.desk.find(TaskQuery(team="red", limit=2, cursor=first.cursor))
        assert [one.spec.name for one in first.tasks] == ["a2", "a1"]
        assert [one.spec.name for one in rest.tasks] == ["a0"]
        assert not rest.cursor

        found = await bench.desk.find(TaskQuery(text="FIX 100%_", kind="command"))
        assert [one.spec.name for one in found.tasks] == ["other"]
        assert not (await bench.desk.find(TaskQuery(text="100x"))).tasks
        queued = frozenset({TaskState.QUEUED})
        graph = (await bench.desk.get(ids["a0"])).graph
        page = await bench.desk.find(TaskQuery(queued, graph=graph, repository="/r"))
        assert len(page.tasks) == 3
        assert (await bench.desk.counts())[TaskState.QUEUED] == 4
        with pytest.raises(InvalidRequestError, match="no cursor"):
            await bench.desk.find(TaskQuery(cursor="x"))
        with pytest.raises(InvalidRequestError, match="page of 0"):
            await bench.desk.find(TaskQuery(limit=0))
        with pytest.raises(NotFoundError):
            await bench.desk.get("t-none")


async def test_settled_tasks_are_forgotten_unless_they_are_needed(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"), spec("b", "a"))
        await bench.run(ids["a"])
        with pytest.raises(ConflictError, match="still needs"):
            await bench.desk.purge([ids["a"]])
        with pytest.raises(ConflictError, match="is queued"):
            await bench.desk.purge([ids["b"]])
        await bench.run(ids["b"])
        graph = (await bench.desk.get(ids["a"])).graph
        await bench.desk.purge(list(ids.values()))

        with pytest.raises(NotFoundError):
            await bench.desk.graph(graph)


async def test_a_schedule_is_kept_replaced_and_forgotten(folder: Path) -> None:
    async with open_bench(folder) as bench:
        graph = GraphSpec("nightly", (spec("a"),))
        at = bench.clock.now()
        await bench.desk.schedule(Schedule("night", graph, "0 6 * * *", "UTC", "ann", at))
        await bench.desk.schedule(Schedule("night", graph, "", "UTC", "bob", at))
        (kept,) = await bench.desk.schedules()
        assert (kept.who, kept.graph, kept.next_at) == ("bob", graph, at)

        await bench.desk.unschedule("night")
        assert not await bench.desk.schedules()
        with pytest.raises(NotFoundError):
            await bench.desk.unschedule("night")


async def test_a_move_that_no_task_may_make_is_a_bug(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        with pytest.raises(IllegalMoveError, match="from queued to succeeded"):
            await bench.desk.write(lambda at: at.move(at.task(ids["a"]), TaskState.SUCCEEDED))

        def late(at: object) -> None:
            row = at.task(ids["a"])  # type: ignore[attr-defined]
            at.move(row, TaskState.CANCELLED)  # type: ignore[attr-defined]
            at.move(row, TaskState.CANCELLED)  # type: ignore[attr-defined]

        with pytest.raises(IllegalMoveError, match="is not queued any more"):
            await bench.desk.write(late)
        assert (await bench.states(ids)) == {"a": "queued"}


async def test_changes_are_watched_and_waited_for(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        changes = bench.desk.watch(0)
        assert (await anext(changes)).state is TaskState.QUEUED
        await bench.run(ids["a"])
        seen = [(await anext(changes)).state for _ in range(4)]
        await changes.aclose()  # type: ignore[attr-defined]

        assert seen[-1] is TaskState.SUCCEEDED
        page = await bench.desk.wait([ids["a"]], 5)
        assert page.tasks[0].state is TaskState.SUCCEEDED
        assert not (await bench.desk.wait(["t-none"], 0)).tasks


async def test_forks_need_what_they_would_keep(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a", retry=ONCE))
        await bench.run(ids["a"], Outcome.FAILED)
        with pytest.raises(InvalidRequestError, match="no step"):
            await bench.desk.fork(ids["a"], "sleep", "ann")
        with pytest.raises(InvalidRequestError, match="did not come as far as collect"):
            await bench.desk.fork(ids["a"], "collect", "ann")

        assert (await bench.desk.fork(ids["a"], "prepare", "ann")).state is TaskState.QUEUED


async def test_the_queue_is_explained_with_its_numbers(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("first"), spec("second"), spec("third"))

        obstacles = (await bench.desk.explain(ids["third"])).obstacles
        assert [one.sentence for one in obstacles] == [
            "2 queued tasks go before it where there is room for them"
        ]
        for name in ("first", "second"):
            await bench.run(ids[name])
        await bench.claim()
        assert not (await bench.desk.explain(ids["third"])).obstacles
        with pytest.raises(ConflictError, match="asks nothing"):
            await bench.desk.answer(ids["third"], "yes", "ann")


def test_reasons_are_cut_and_hold_nothing_that_no_database_takes() -> None:
    assert clean("a\0b\ud800") == "ab?"
    assert len(clean("x" * 5000)) == 2000
