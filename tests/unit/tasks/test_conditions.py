import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.tasks import Acceptance, Condition, Operator, TaskResult, TaskSpec
from iterm_mcp.tasks.conditions import (
    MOST_CHARACTERS,
    MOST_PROMPT_CHARACTERS,
    MOST_SHELL_BYTES,
    Reference,
    check_condition,
    escape,
    fill,
    holds,
    references,
    same,
    texts_of,
    value_at,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FOUND = TaskResult(
    output={"count": 3, "rows": [{"name": "a"}, {"name": "b"}], "a.b": {"c": 1}, "none": None},
    exit_code=0,
    files={"out/report.json": "/kept/report.json", "a.txt": "/kept/a.txt"},
    branch="work",
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("output.count", 3),
        ("output.rows.1.name", "b"),
        ("output.rows.-1", {"name": "b"}),
        ("output.a.b.c", 1),
        ("output.none", None),
        ("files.out/report.json", "/kept/report.json"),
        ("exit_code", 0),
        ("problems", []),
    ],
)
def test_a_value_is_found_by_its_path(path: str, value: object) -> None:
    assert value_at(FOUND, path) == value


def test_an_empty_path_is_all_of_it() -> None:
    everything = value_at(FOUND, "")

    assert isinstance(everything, dict)
    assert everything["branch"] == "work"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("output.total", "There is 'count', 'rows'"),
        ("output.count.more", "a single value"),
        ("output.rows.2", "a list of 2"),
        ("output.rows.first", "a list of 2"),
        ("nothing", "'exit_code'"),
    ],
)
def test_a_value_that_is_not_there_is_told_with_what_there_is(path: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        value_at(FOUND, path)

    assert hint in caught.value.hint


def test_only_some_of_many_keys_are_told() -> None:
    many = TaskResult(output={str(one): one for one in range(40)})

    with pytest.raises(NotFoundError, match="no value") as caught:
        value_at(many, "output.x")

    assert "28 more" in caught.value.hint


@given(JSON)
def test_what_stands_at_the_path_is_what_was_put_out(value: object) -> None:
    result = TaskResult(output=value)  # type: ignore[arg-type]  # it is JSON

    assert same(value_at(result, "output"), value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "operator", "wanted", "held"),
    [
        ("output.count", "equals", 3.0, True),
        ("output.count", "equals", True, False),
        ("output.rows", "equals", [{"name": "a"}, {"name": "b"}], True),
        ("output.rows", "equals", [{"name": "a"}], False),
        ("output.count", "differs", 4, True),
        ("output.count", "differs", 3, False),
        ("output.total", "differs", 4, False),
        ("output.count", "less", 4, True),
        ("output.count", "less", 3, False),
        ("output.count", "less", "4", False),
        ("output.count", "more", 2, True),
        ("branch", "more", "a", True),
        ("output.none", "more", 2, False),
        ("output.rows", "contains", {"name": "b"}, True),
        ("branch", "contains", "or", True),
        ("output", "contains", "count", True),
        ("output.count", "contains", 3, False),
        ("branch", "contains", 3, False),
        ("branch", "matches", "^w.*k$", True),
        ("branch", "matches", "^x", False),
        ("branch", "matches", "(", False),
        ("output.count", "matches", "3", False),
        ("output.none", "exists", None, True),
        ("output.none", "exists", True, True),
        ("output.none", "exists", False, False),
        ("output.total", "exists", None, False),
        ("output.total", "exists", False, True),
    ],
    ids=lambda one: str(one).replace(" ", ""),
)
def test_a_condition_holds(path: str, operator: str, wanted: object, held: bool) -> None:  # noqa: FBT001
    condition = Condition("a", path, Operator(operator), wanted)  # type: ignore[arg-type]

    assert holds(condition, FOUND) is held


def test_true_is_compared_with_no_number() -> None:
    assert not holds(Condition("a", "output", Operator.LESS, 2), TaskResult(output=True))


@given(JSON, st.sampled_from(Operator), JSON, st.text(max_size=20))
def test_no_result_makes_a_condition_raise(
    output: object, operator: Operator, wanted: object, path: str
) -> None:
    result = TaskResult(output=output)  # type: ignore[arg-type]  # it is JSON

    for where in ("output", f"output.{path}", path):
        condition = Condition("a", where, operator, wanted)  # type: ignore[arg-type]
        assert holds(condition, result) in {True, False}


@given(JSON, JSON)
def test_equal_and_different_are_never_both(one: object, other: object) -> None:
    result = TaskResult(output=one)  # type: ignore[arg-type]  # it is JSON
    equal = Condition("a", "output", Operator.EQUALS, other)  # type: ignore[arg-type]

    assert holds(equal, result) is not holds(replace(equal, operator=Operator.DIFFERS), result)


def test_half_a_surrogate_pair_is_searched_like_any_text() -> None:
    assert holds(Condition("a", "output", Operator.MATCHES, "b$"), TaskResult(output="\ud800b"))


@pytest.mark.parametrize(
    ("operator", "value"),
    [("less", None), ("more", True), ("matches", 3), ("matches", "("), ("exists", 1)],
    ids=str,
)
def test_a_condition_that_can_never_hold_is_refused(operator: str, value: object) -> None:
    with pytest.raises(InvalidRequestError):
        check_condition(Condition("a", "output", Operator(operator), value))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operator", "value"),
    [("less", 3), ("more", "b"), ("matches", "^a"), ("exists", None), ("equals", [1])],
    ids=str,
)
def test_a_condition_that_may_hold_is_let_pass(operator: str, value: object) -> None:
    check_condition(Condition("a", "output", Operator(operator), value))  # type: ignore[arg-type]


# Values put in.


def asked(prompt: str, kind: str = "claude", **others: object) -> TaskSpec:
    return TaskSpec("b", kind, prompt, "/", **others)  # type: ignore[arg-type]


def test_values_are_put_into_the_prompt() -> None:
    spec = asked("Mend ${tasks.a.output.count} in ${tasks.a.files.a.txt}: ${tasks.a.output.rows}")

    filled = fill(spec, {"a": FOUND})

    assert filled.prompt == 'Mend 3 in /kept/a.txt: [{"name":"a"},{"name":"b"}]'


def test_values_are_put_into_variables_as_they_are() -> None:
    spec = asked("do", environment={"BRANCH": "x ${tasks.a.branch}", "HOME": "${HOME}"})

    assert fill(spec, {"a": FOUND}).environment == {"BRANCH": "x work", "HOME": "${HOME}"}


def test_other_dollar_signs_and_escaped_places_stay() -> None:
    spec = asked("${HOME} $x $${y} $${tasks.a.branch}")

    assert fill(spec, {}).prompt == "${HOME} $x $${y} ${tasks.a.branch}"


def test_values_in_commands_are_words_of_a_shell() -> None:
    evil = TaskResult(output="'; rm -rf ~ #")
    accept = Acceptance(commands=("test -f ${tasks.a.output}",))

    filled = fill(asked("echo ${tasks.a.output}", "command", acceptance=accept), {"a": evil})

    assert shlex.split(filled.prompt) == ["echo", "'; rm -rf ~ #"]
    assert shlex.split(filled.acceptance.commands[0]) == ["test", "-f", "'; rm -rf ~ #"]


def test_a_raw_value_is_put_into_a_command_as_it_is() -> None:
    filled = fill(asked("${tasks.a.output:raw}", "command"), {"a": TaskResult(output="make all")})

    assert filled.prompt == "make all"


def test_a_star_in_the_name_stands_for_all_that_fit() -> None:
    inputs = {"build-1": TaskResult("x"), "build-2": TaskResult("y"), "lint": TaskResult("z")}

    filled = fill(asked("${tasks.build-*.output}"), inputs)

    assert filled.prompt == '{"build-1":"x","build-2":"y"}'


def test_names_with_dots_are_found() -> None:
    filled = fill(asked("${tasks.v1.2.output.count}"), {"v1.2": FOUND})

    assert filled.prompt == "3"


@given(st.text(), st.text())
def test_what_is_put_in_is_never_looked_at_again(first: str, second: str) -> None:
    inputs = {"a": TaskResult(f"{first}${{tasks.b.output}}"), "b": TaskResult(second)}

    filled = fill(asked("${tasks.a.output}"), inputs)

    assert filled.prompt == f"{first}${{tasks.b.output}}"


@given(st.text(), st.sampled_from(["${tasks.a.output}", "$${tasks.a.output}", "${tasks."]))
def test_an_escaped_text_comes_out_as_it_was(text: str, place: str) -> None:
    whole = text + place

    assert fill(asked(escape(whole)), {}).prompt == whole


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (
            "${tasks.a.output.x} ${tasks.a.files.y}",
            ["tasks.a.output.x", "tasks.a.files.y", "'a.txt'"],
        ),
        ("${tasks.c.output}", ["tasks.c.output", "It needs 'a'"]),
        ("${tasks.c-*.output}", ["tasks.c-*.output", "It needs 'a'"]),
    ],
)
def test_every_value_that_is_missing_is_named(prompt: str, told: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        fill(asked(prompt), {"a": FOUND})

    assert caught.value.code == "value_missing"
    assert all(one in str(caught.value) for one in told)


@pytest.mark.parametrize("text", ["${tasks.a}", "${tasks.}", "${tasks.a.outputs}"])
def test_a_place_that_names_no_value_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="names no value"):
        references(text)


def test_references_tell_what_a_text_asks_for() -> None:
    found = references("${tasks.a.output.x:raw} $${tasks.b.output} ${tasks.c.files.d}")

    assert found == [Reference("a", "output.x", raw=True), Reference("c", "files.d")]


def test_all_texts_that_take_values_are_looked_at() -> None:
    spec = asked("p", environment={"E": "e"}, acceptance=Acceptance(commands=("c",)))

    assert [*texts_of(spec)] == ["p", "e", "c"]


@pytest.mark.parametrize(
    ("spec", "value", "told"),
    [
        (asked("${tasks.a.output}"), "x" * (MOST_PROMPT_CHARACTERS + 1), "the prompt"),
        (asked("${tasks.a.output}", "command"), "ü" * MOST_SHELL_BYTES, "the command line"),
        (asked("", environment={"E": "${tasks.a.output}"}), "x" * 200_000, "the variable E"),
        (asked("${tasks.a.output}", "command"), "a\0b", "a NUL"),
    ],
    ids=["prompt", "command", "variable", "NUL"],
)
def test_what_no_program_could_be_given_is_refused(spec: TaskSpec, value: str, told: str) -> None:
    with pytest.raises(InvalidRequestError, match=told):
        fill(spec, {"a": TaskResult(value)})


def test_values_are_not_put_in_without_end() -> None:
    with pytest.raises(InvalidRequestError, match=f"longer than {MOST_CHARACTERS}"):
        fill(asked("${tasks.a.output}" * 1000), {"a": TaskResult("x" * 100_000)})
