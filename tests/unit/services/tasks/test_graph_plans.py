"""What a graph would do: its order, its waves, how long, at what cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.task_queries import TaskPage, TaskQuery
from iterm_mcp.models.tasks import (
    COMMAND,
    GATHER,
    Attempt,
    Condition,
    FanOut,
    MachineName,
    Operator,
    Task,
    TaskId,
    TaskResult,
    TaskSpec,
    TaskState,
)
from iterm_mcp.services.tasks.graphs.dry_run import dry_run
from iterm_mcp.services.tasks.graphs.estimates import (
    FREE,
    UNKNOWN,
    Estimate,
    estimate,
    estimate_graph,
)
from iterm_mcp.services.tasks.graphs.telling import tell
from iterm_mcp.services.tasks.graphs.ties import circles, dependants, in_order
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = FakeClock().now()


def spec(name: str, *needs: str, kind: str = "claude", priority: int = 0) -> TaskSpec:
    return TaskSpec(name, kind, "x", "/", needs=needs, priority=priority)


def graph(*tasks: TaskSpec) -> GraphSpec:
    return GraphSpec("one", tasks)


def known(**seconds: float) -> dict[str, Estimate]:
    return {name: Estimate(one, one / 100, 3, "name") for name, one in seconds.items()}


def done(
    name: str, *seconds: float, cost: float | None = None, kind: str = "claude", template: str = ""
) -> Task:
    attempts = tuple(
        Attempt(
            number,
            MachineName("m"),
            1,
            NOW,
            ended_at=NOW + timedelta(seconds=one),
            result=TaskResult(cost_usd=cost),
        )
        for number, one in enumerate(seconds, 1)
    )
    asked = TaskSpec(name, kind, "x", "/", template=template)
    return Task(TaskId("t-1"), 1, asked, TaskState.SUCCEEDED, NOW, attempts=attempts)


# Ties.


@st.composite
def dags(draw: st.DrawFn) -> dict[str, list[str]]:
    count = draw(st.integers(1, 14))
    ties = {
        f"n{at}": [f"n{one}" for one in range(at) if draw(st.integers(0, 3)) == 0]
        for at in range(count)
    }
    return {name: ties[name] for name in draw(st.permutations([*ties]))}


@given(dags())
def test_everything_stands_after_all_that_it_needs(needs: dict[str, list[str]]) -> None:
    order = in_order(needs)

    assert sorted(order) == sorted(needs)
    places = {name: at for at, name in enumerate(order)}
    assert all(places[need] < places[name] for name, those in needs.items() for need in those)
    assert circles(needs) == []


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefz"), max_size=3)))
def test_circles_are_real_and_are_found_when_there_is_no_order(needs: dict[str, list[str]]) -> None:
    found = circles(needs)

    assert bool(found) is (len(in_order(needs)) < len(needs))
    for path in found:
        assert path[0] == path[-1]
        assert all(two in needs[one] for one, two in pairwise(path))


def test_who_waits_for_each_is_known() -> None:
    assert dependants({"a": [], "b": ["a", "z"]}) == {"a": ["b"], "b": []}


# Estimates.


def test_tasks_of_the_same_name_count_first() -> None:
    others = [done("other", 500.0, cost=5.0) for _ in range(5)]
    same = [done(f"build-{at}", float(at), cost=0.5) for at in (1, 2, 30)]

    found = estimate(spec("build-7"), [*others, *same])

    assert found == Estimate(2.0, 0.5, 3, "name")


def test_failed_attempts_take_time_and_money_too() -> None:
    tries = [done("a", 10.0, 20.0, cost=1.0) for _ in range(3)]

    assert estimate(spec("a"), tries) == Estimate(30.0, 2.0, 3, "name")


def test_agents_have_their_template_or_their_kind_in_common() -> None:
    careful = [done("x", 10.0, template="careful") for _ in range(3)]
    plain = [done("y", 90.0) for _ in range(5)]

    by_template = estimate(replace(spec("a"), template="careful"), [*careful, *plain])
    by_kind = estimate(replace(spec("a"), template="new"), [*careful, *plain])

    assert (by_template.by, by_template.seconds, by_template.cost_usd) == ("template", 10.0, None)
    assert (by_kind.by, by_kind.seconds, by_kind.samples) == ("kind", 90.0, 8)


def test_too_little_is_not_known() -> None:
    assert estimate(spec("a"), [done("a", 1.0)] * 2) == UNKNOWN
    assert estimate(replace(spec("a"), fan_out=FanOut("b")), [done("a", 1.0)] * 5) == UNKNOWN
    assert estimate(spec("a"), [done("a") for _ in range(3)]) == Estimate(None, None, 3, "name")


def test_commands_of_another_name_have_nothing_in_common() -> None:
    others = [done("b", 5.0, kind=COMMAND)] * 5

    assert estimate(spec("a", kind=COMMAND), others) == FREE
    assert estimate(spec("b", kind=COMMAND), others) == Estimate(5.0, 0.0, 5, "name")


async def test_what_was_done_is_asked_for_once_for_each_kind() -> None:
    asked: list[TaskQuery] = []

    class Done:
        async def find(self, query: TaskQuery) -> TaskPage:
            asked.append(query)
            return TaskPage((done("a", 4.0, cost=1.0, kind=query.kind),) * 3)

    tasks = [spec("a-1"), spec("a-2"), spec("c", kind=COMMAND), spec("a", "a-1", kind=GATHER)]
    found = await estimate_graph(graph(*tasks), Done())

    assert [(one.kind, one.states) for one in asked] == [
        ("claude", frozenset({TaskState.SUCCEEDED})),
        (COMMAND, frozenset({TaskState.SUCCEEDED})),
    ]
    assert {name: one.seconds for name, one in found.items()} == {
        "a-1": 4.0, "a-2": 4.0, "c": None, "a": 0.0,
    }  # fmt: skip


# Dry runs.


def test_tasks_start_when_there_is_room_the_urgent_first() -> None:
    tasks = graph(spec("a"), spec("b"), spec("c", priority=5), spec("d", "a", "c"))

    plan = dry_run(tasks, known(a=10.0, b=30.0, c=20.0, d=5.0), room=2)

    assert [(one.name, one.wave, one.at_seconds) for one in plan.tasks] == [
        ("a", 1, 0.0), ("c", 1, 0.0), ("b", 1, 10.0), ("d", 2, 20.0),
    ]  # fmt: skip
    assert (plan.seconds, plan.at_once, plan.at_once_unlimited) == (40.0, 2, 3)
    assert plan.cost_usd == pytest.approx(0.65)


def test_what_is_not_known_is_said_and_what_is_known_is_the_least() -> None:
    tasks = graph(spec("a"), spec("b", "a"), spec("c", "b"), spec("e", "a"))

    plan = dry_run(tasks, known(a=10.0, c=20.0, e=1.0), room=5)

    assert (plan.seconds, plan.known_seconds) == (None, 30.0)
    assert plan.cost_usd is None
    assert plan.known_cost_usd == pytest.approx(0.31)
    assert {one.name: one.at_seconds for one in plan.tasks} == {
        "a": 0.0, "b": 10.0, "c": None, "e": 10.0,
    }  # fmt: skip


def test_what_only_gathers_takes_no_room_and_no_time() -> None:
    children = [spec(f"a-{at}") for at in (1, 2)]
    tasks = graph(*children, spec("a", "a-1", "a-2", kind=GATHER), spec("b", "a"))

    plan = dry_run(tasks, known(**{"a-1": 1.0, "a-2": 2.0, "b": 4.0}), room=1)

    assert [[one.name for one in wave] for wave in plan.waves] == [["a-1", "a-2"], ["b"]]
    assert (plan.seconds, plan.at_once, plan.at_once_unlimited) == (7.0, 1, 2)


def test_one_that_ends_makes_room_for_one_that_starts_then() -> None:
    tasks = graph(spec("a"), spec("b"), spec("c", "a"), spec("d", "b"))

    plan = dry_run(tasks, known(a=5.0, b=5.0, c=5.0, d=5.0), room=9)

    assert plan.at_once == 2


def test_nothing_that_makes_others_undone_is_part_of_the_run() -> None:
    undo = replace(spec("a.undo", "a"), compensates="a")

    plan = dry_run(graph(spec("a"), undo), known(a=1.0), room=1)

    assert ([one.name for one in plan.tasks], plan.undoing) == (["a"], ("a.undo",))


@given(dags(), st.lists(st.integers(0, 9), min_size=14, max_size=14), st.integers(1, 6))
def test_a_plan_keeps_to_room_and_needs(
    needs: dict[str, list[str]], lengths: list[int], room: int
) -> None:
    tasks = graph(*(spec(name, *those) for name, those in needs.items()))
    seconds = {name: float(one) for name, one in zip(needs, lengths, strict=False)}

    plan = dry_run(tasks, known(**seconds), room)

    starts = {one.name: one.at_seconds or 0.0 for one in plan.tasks}
    assert starts.keys() == needs.keys()
    for name, those in needs.items():
        assert all(starts[name] >= starts[one] + seconds[one] for one in those)
    waves = {one.name: one.wave for one in plan.tasks}
    for name, those in needs.items():
        assert waves[name] == 1 + max((waves[need] for need in those), default=0)
    assert plan.at_once <= room
    assert plan.at_once <= plan.at_once_unlimited
    for moment in starts.values():
        running = [one for one in starts if starts[one] <= moment < starts[one] + seconds[one]]
        assert len(running) <= room
    assert plan.seconds is not None
    assert plan.known_seconds <= plan.seconds <= sum(seconds.values())


# In words.


def words(estimates: Mapping[str, Estimate], *tasks: TaskSpec, room: int = 5) -> list[str]:
    return tell(dry_run(graph(*tasks), estimates, room))


def test_a_dry_run_is_told() -> None:
    condition = Condition("scan", "output", Operator.EXISTS)
    tasks = [
        spec("scan"),
        *(spec(f"build-{at}", "scan") for at in range(1, 9)),
        replace(spec("publish", "build-1"), when=(condition,)),
        replace(spec("each", "scan"), fan_out=FanOut("scan")),
        replace(spec("publish.undo", "publish"), compensates="publish"),
    ]
    seconds = {one.name: 60.0 for one in tasks if one.name != "each"}

    assert words(known(**seconds), *tasks) == [
        "one: 11 tasks in 3 waves, 5 at once with room for 5, 9 with room for all",
        "takes at least 3 min 00 s: nothing is known of each",
        "costs at least $6.00: nothing is known of each",
        "  1. at 0.0 s: scan",
        "  2. at 1 min 00 s to 2 min 00 s: build \u00d78, each (one for each that is found)",
        "  3. at 2 min 00 s: publish (on a condition)",
        "only after a failure: publish.undo",
    ]


def test_what_is_known_is_told_as_known() -> None:
    assert words(known(a=90.0), spec("a"))[:3] == [
        "one: 1 task in 1 wave, 1 at once with room for 5, 1 with room for all",
        "takes about 1 min 30 s",
        "costs about $0.9000",
    ]


def test_what_is_unknown_is_told_as_unknown() -> None:
    found = " ".join(words({}, *(spec(f"t{at}") for at in range(9))))

    assert "takes an unknown time: nothing is known of t0, t1, t2, t3, t4, t5 and 3 more" in found
    assert "costs an unknown amount" in found


def test_commands_are_told_to_cost_nothing() -> None:
    assert words({"a": FREE}, spec("a", kind=COMMAND))[2] == "costs nothing: it asks no model"


def test_a_wave_after_the_unknown_has_no_time() -> None:
    assert words({}, spec("a"), spec("b", "a"))[-1] == "  2. b"
