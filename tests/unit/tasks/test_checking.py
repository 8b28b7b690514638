from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.tasks import Condition, FanOut, Operator, RetryPolicy, TaskSpec
from iterm_mcp.tasks import checking
from iterm_mcp.tasks.checking import check_graph

GOOD = TaskSpec("a", "command", "true", "/tmp")


def graph(*tasks: TaskSpec) -> GraphSpec:
    return GraphSpec("g", tasks)


BAD = {
    "nothing": (graph(), "no task"),
    "no name": (graph(replace(GOOD, name=" ")), "name"),
    "a name of signs": (graph(replace(GOOD, name="a\nb")), "name"),
    "a graph without a name": (GraphSpec("", (GOOD,)), "graph's name"),
    "one name twice": (graph(GOOD, GOOD), "two tasks are called 'a'"),
    "no prompt": (graph(replace(GOOD, prompt="\n")), "nothing to do"),
    "a relative directory": (graph(replace(GOOD, directory="src")), "works in 'src'"),
    "a long prompt": (graph(replace(GOOD, prompt="x" * 400_001)), "more than"),
    "no deadline": (graph(replace(GOOD, deadline_seconds=0)), "deadline_seconds 0"),
    "a deadline that is no number": (graph(replace(GOOD, deadline_seconds=float("nan"))), "nan"),
    "a stall of nothing": (graph(replace(GOOD, stall_seconds=0)), "stall_seconds"),
    "a wild priority": (graph(replace(GOOD, priority=10**9)), "priority"),
    "a time without a zone": (
        graph(replace(GOOD, not_before=datetime(2026, 1, 1))),  # noqa: DTZ001 - that is the point
        "without a zone",
    ),
    "no attempt": (graph(replace(GOOD, retry=RetryPolicy(0))), "tried 0 times"),
    "a backoff that shrinks": (graph(replace(GOOD, retry=RetryPolicy(factor=0.5))), "factor"),
    "a need twice": (graph(GOOD, replace(GOOD, name="b", needs=("a", "a"))), "twice"),
    "a condition on what is not needed": (
        graph(GOOD, replace(GOOD, name="b", when=(Condition("a", "", Operator.EXISTS),))),
        "asks for the result of 'a'",
    ),
    "a fan-out over what is not needed": (
        graph(GOOD, replace(GOOD, name="b", fan_out=FanOut("a"))),
        "asks for the result of 'a'",
    ),
    "what makes nothing undone": (graph(replace(GOOD, compensates="b")), "undone"),
    "what makes itself undone": (graph(replace(GOOD, compensates="a")), "undone"),
    "a circle": (
        graph(replace(GOOD, needs=("b",)), replace(GOOD, name="b", needs=("a",))),
        "a needs b needs a",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_never_be_done_is_refused_with_its_reason(name: str) -> None:
    bad, words = BAD[name]

    with pytest.raises(InvalidRequestError) as caught:
        check_graph(bad)

    assert words in str(caught.value)
    assert caught.value.hint


def test_too_many_tasks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_TASKS", 1)

    with pytest.raises(InvalidRequestError, match="more than the 1"):
        check_graph(graph(GOOD, replace(GOOD, name="b")))


@given(st.integers(2, 30), st.data())
def test_any_graph_without_a_circle_is_taken_and_none_with_one(
    count: int, data: st.DataObject
) -> None:
    names = [f"t{number}" for number in range(count)]
    needs = {
        name: tuple(data.draw(st.sets(st.sampled_from(names[:at]), max_size=3))) if at else ()
        for at, name in enumerate(names)
    }
    check_graph(graph(*(replace(GOOD, name=one, needs=needs[one]) for one in names)))

    last, first = names[-1], names[0]
    needs[last] = (*needs[last], names[-2]) if names[-2] not in needs[last] else needs[last]
    needs[first] = (last,)
    for at in range(1, count):  # a path from the last to the first, and back
        if names[at - 1] not in needs[names[at]]:
            needs[names[at]] = (*needs[names[at]], names[at - 1])
    with pytest.raises(InvalidRequestError, match="wait for themselves"):
        check_graph(graph(*(replace(GOOD, name=one, needs=needs[one]) for one in names)))


def test_ids_of_tasks_elsewhere_may_be_needed() -> None:
    check_graph(graph(replace(GOOD, needs=("t-0123",))))
