import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.tasks import (
    GATHER,
    Acceptance,
    Condition,
    FanOut,
    Operator,
    TaskResult,
    TaskSpec,
)
from iterm_mcp.tasks.conditions import fill
from iterm_mcp.tasks.fan_out import gather, spread, spread_over

FOUND = TaskResult(output={"modules": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]})


def mending(prompt: str = "Mend ${item.name}.", kind: str = "claude", **others: object) -> TaskSpec:
    fan_out = FanOut("scan", "output.modules", most=5)
    return TaskSpec("mend", kind, prompt, "/", needs=("scan",), fan_out=fan_out, **others)  # type: ignore[arg-type]


def test_each_element_gets_a_task_of_its_own() -> None:
    (became,) = spread(mending(key="k"), {"scan": FOUND})

    assert [(one.name, one.prompt, one.key) for one in became.children] == [
        ("mend-1", "Mend a.", "k-1"),
        ("mend-2", "Mend b.", "k-2"),
    ]
    assert {one.needs for one in became.children} == {("scan",)}
    assert {one.fan_out for one in became.children} == {None}


def test_the_task_itself_gathers_them() -> None:
    (became,) = spread(mending(key="k"), {"scan": FOUND})

    assert (became.gather.name, became.gather.kind, became.gather.key) == ("mend", GATHER, "k")
    assert became.gather.needs == ("mend-1", "mend-2")
    assert became.gather.fan_out is None


def test_conditions_that_held_are_not_asked_again() -> None:
    condition = Condition("scan", "output.modules", Operator.EXISTS)

    (became,) = spread(mending(when=(condition,)), {"scan": FOUND})

    assert not any(one.when for one in (*became.children, became.gather))


def test_an_empty_list_leaves_nothing_to_gather() -> None:
    (became,) = spread(mending(), {"scan": TaskResult({"modules": []})})

    assert not became.children
    assert not became.gather.needs
    assert gather(became.gather, {}).output == []


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "which it does not need"),
        ({"scan": TaskResult({})}, "which is not there"),
        ({"scan": TaskResult({"modules": "a"})}, "which is no list"),
        ({"scan": TaskResult({"modules": [*range(6)]})}, "6 elements are more than the 5"),
        ({"scan": TaskResult({"modules": [{}]})}, "element 1 .* has no 'name'"),
    ],
    ids=["not needed", "missing", "no list", "too long", "incomplete"],
)
def test_what_cannot_be_fanned_out_is_told(inputs: dict[str, TaskResult], told: str) -> None:
    with pytest.raises(InvalidRequestError, match=told):
        spread(mending(), inputs)


def test_a_task_that_does_not_fan_out_cannot_be_spread() -> None:
    with pytest.raises(InvalidRequestError, match="over nothing"):
        spread(TaskSpec("a", "claude", "", "/"), {})


def test_elements_are_put_into_all_texts() -> None:
    (child,) = spread_over(
        TaskSpec(
            "a",
            "command",
            "do ${item} ${index} $${item} ${item:raw}",
            "/w/${item}",
            environment={"ITEM": "${item}"},
            files=("${item}.json",),
            acceptance=Acceptance(commands=("test -f ${item}",)),
            labels={"os": "${item}"},
        ),
        ["x y"],
        everywhere=True,
    )

    assert child.prompt == "do 'x y' 1 ${item} x y"
    assert child.environment == {"ITEM": "x y"}
    assert child.files == ("x y.json",)
    assert child.acceptance.commands == ("test -f 'x y'",)
    assert (child.directory, child.labels) == ("/w/x y", {"os": "x y"})


def test_what_a_task_found_decides_on_no_directory_or_machine() -> None:
    (child,) = spread_over(TaskSpec("a", "claude", "", "/${item}", team="${item}"), ["../etc"])

    assert (child.directory, child.team) == ("/${item}", "${item}")


@given(st.text(alphabet=st.characters(exclude_characters="\0")))
def test_an_element_reaches_a_command_as_one_word_whatever_it_holds(item: str) -> None:
    for value in (item, "${tasks.a.output}" + item, item + "${item}"):
        (child,) = spread_over(TaskSpec("a", "command", "echo ${item}", "/"), [value])

        assert shlex.split(fill(child, {}).prompt) == ["echo", value]


@given(st.lists(st.integers() | st.text(), max_size=30))
def test_gathered_outputs_stand_in_the_order_of_the_list(items: list[int | str]) -> None:
    spec = TaskSpec("m", "claude", "${item}", "/", needs=("s",), fan_out=FanOut("s"))
    (became,) = spread(spec, {"s": TaskResult(items)})  # type: ignore[arg-type]  # it is JSON
    results = {
        child.name: TaskResult(output=item)
        for child, item in zip(became.children, items, strict=True)
    }

    assert gather(became.gather, dict(sorted(results.items()))).output == items


def test_elements_are_not_put_in_without_end() -> None:
    with pytest.raises(InvalidRequestError, match="for 2 elements are longer than"):
        spread_over(TaskSpec("a", "claude", "${item}" * 1000, "/"), ["x" * 10_000, "y"])


def test_gathering_adds_up_what_is_known() -> None:
    spec = TaskSpec("m", GATHER, "", "/", needs=("m-1", "m-2"))
    first = TaskResult("a", files={"x": "/kept/1"}, cost_usd=0.5, tokens=3)

    both = gather(spec, {"m-1": first, "m-2": TaskResult("b", files={"x": "/kept/2"})})

    assert both.output == ["a", "b"]
    assert both.files == {"m-1/x": "/kept/1", "m-2/x": "/kept/2"}
    assert (both.cost_usd, both.tokens) == (0.5, 3)
    assert gather(spec, {}).cost_usd is None
