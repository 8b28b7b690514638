"""Graphs as documents: what becomes of them, and what is wrong with them."""

from __future__ import annotations

import json
import shlex
import textwrap
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.task_graphs import FailurePolicy
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.models.tasks import (
    COMMAND,
    GATHER,
    Acceptance,
    Condition,
    FanOut,
    Operator,
    RetryPolicy,
    TaskSpec,
)
from iterm_mcp.services.tasks.graphs import document
from iterm_mcp.services.tasks.graphs.checks import MOST_STARS
from iterm_mcp.services.tasks.graphs.known import (
    NOTHING_KNOWN,
    Known,
    why_no_directory,
    why_no_place,
)
from iterm_mcp.services.tasks.graphs.reading import (
    MOST_BYTES,
    MOST_NEEDS,
    MOST_TASKS,
    look_at,
    read_graph,
)
from iterm_mcp.services.tasks.graphs.ties import in_order
from iterm_mcp.tasks.conditions import fill

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.task_graphs import GraphSpec

HEAD = "graph: one\ndefaults: {directory: /src, kind: claude}\n"


def written(tasks: str, head: str) -> str:
    return f"{head}tasks:\n{textwrap.indent(textwrap.dedent(tasks), '  ')}"


def read(tasks: str, given: Mapping[str, Json] | None = None, head: str = HEAD) -> GraphSpec:
    return read_graph(written(tasks, head), given, NOTHING_KNOWN)


def specs(tasks: str, given: Mapping[str, Json] | None = None, **more: str) -> dict[str, TaskSpec]:
    return {one.name: one for one in read(tasks, given, **more).tasks}


def wrong(tasks: str, head: str = HEAD, known: Known = NOTHING_KNOWN) -> list[str]:
    reading = look_at(written(tasks, head), {}, known)
    assert reading.spec is None
    return [str(one) for one in reading.problems]


# What becomes of it.


def test_the_manual_of_documents_is_sound() -> None:
    shown = textwrap.dedent(str(document.__doc__).split("::\n", 1)[1])

    graph = read_graph(shown, {"directory": "/src"}, NOTHING_KNOWN, key="once")

    assert (graph.name, graph.on_failure, graph.key) == (
        "release",
        FailurePolicy.COMPENSATE,
        "once",
    )
    assert [one.name for one in graph.tasks] == [
        "scan", "build-1", "build-2", "build", "review-1", "review-2", "review", "publish",
        "publish.undo",
    ]  # fmt: skip


def test_all_that_can_be_said_of_a_task_is_taken_over() -> None:
    found = specs("""
      a: {run: make, directory: /}
      b:
        needs: a
        kind: codex
        prompt: Mend it.
        template: careful
        environment: {LEVEL: 3}
        worktree: true
        team: crew
        account: work
        priority: 2
        deadline: 1h 30m
        stall: 90
        retry: {attempts: 5, backoff: 2s, factor: 3, most: 1m}
        limits: {memory: 2GB, cpu: 1.5, disk: 10MB, processes: 20, over: pause}
        accept: {exit_codes: [0, 3], schema: {type: object}, commands: make test, commit: true}
        labels: {os: linux}
        not_before: 2026-11-22T08:00:00Z
        files: [out.json]
        when: [tasks.a.exit_code == 0, {value: tasks.a.output, contains: [1]}]
    """)

    assert found["a"] == TaskSpec("a", COMMAND, "make", "/")
    expected = TaskSpec(
        "b",
        "codex",
        "Mend it.",
        "/src",
        template="careful",
        environment={"LEVEL": "3"},
        worktree=True,
        team="crew",
        account="work",
        priority=2,
        deadline_seconds=5400.0,
        stall_seconds=90.0,
        retry=RetryPolicy(5, 2.0, 3.0, 60.0),
        limits=ResourceLimits(2 * 10**9, 1.5, 10**7, 20, OverLimit.PAUSE),
        acceptance=Acceptance((0, 3), {"type": "object"}, ("make test",), commit=True),
        labels={"os": "linux"},
        needs=("a",),
        when=(
            Condition("a", "exit_code", Operator.EQUALS, 0),
            Condition("a", "output", Operator.CONTAINS, [1]),
        ),
        not_before=found["b"].not_before,
        files=("out.json",),
    )
    assert found["b"] == expected
    assert found["b"].not_before is not None


def test_what_all_have_in_common_is_completed_key_by_key() -> None:
    head = """
graph: one
defaults:
  directory: /src
  environment: {A: a, B: b}
  retry: {attempts: 7, backoff: 3}
  accept: {commands: [make test], commit: true}
"""
    found = specs(
        """
        one: {run: x, environment: {B: c}, retry: {backoff: 5}, accept: {commit: false}}
        two: {run: x}
        """,
        head=head,
    )

    assert found["one"].environment == {"A": "a", "B": "c"}
    assert found["one"].retry == RetryPolicy(7, 5.0)
    assert found["one"].acceptance == Acceptance(commands=("make test",))
    assert found["two"].acceptance.commit


def test_a_home_is_found() -> None:
    directory = specs("a: {run: x, directory: ~/src}")["a"].directory

    assert directory.startswith("/")
    assert directory.endswith("/src")


def test_json_is_read_as_well_with_its_own_texts() -> None:
    data = {"graph": "one", "tasks": {"a": {"run": "echo \U0001f600\t1e5", "directory": "/"}}}

    graph = read_graph(json.dumps(data, indent="\t"), known=NOTHING_KNOWN)

    assert graph.tasks[0].prompt == "echo \U0001f600\t1e5"


def test_what_is_wrong_in_json_is_told_by_its_line() -> None:
    data = {"graph": "one", "tasks": {"a": {"run": "x", "directory": "/", "needs": ["b"]}}}

    (problem,) = look_at(json.dumps(data, indent="\t"), known=NOTHING_KNOWN).problems

    assert (problem.line, problem.key) == (8, "tasks.a.needs.1")


def test_json_that_is_none_is_looked_at_as_yaml() -> None:
    graph = read_graph("{graph: one, tasks: {a: {run: x, directory: /}}}", known=NOTHING_KNOWN)

    assert graph.name == "one"


# Variables.

VARIABLES = """
graph: one
variables: {where: , list: [a, b c], text: "x y", number: 3}
defaults: {directory: "${where}", kind: claude}
"""


def test_variables_are_put_in_and_quoted_in_commands() -> None:
    found = specs(
        """
        a:
          run: echo ${text} ${text:raw} ${number} $${HOME}
          accept: {commands: "test ${text}"}
          deadline: ${number}
        b: {prompt: "Say ${text} and ${list}."}
        """,
        {"where": "/w"},
        head=VARIABLES,
    )

    assert found["a"].prompt == "echo 'x y' x y 3 ${HOME}"
    assert found["a"].acceptance.commands == ("test 'x y'",)
    assert (found["a"].deadline_seconds, found["a"].directory) == (3.0, "/w")
    assert found["b"].prompt == 'Say x y and ["a","b c"].'


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_value_reaches_its_command_as_one_word_whatever_it_holds(value: str) -> None:
    for one in (value, value + "${tasks.a.output}", "${item}" + value, "${text}" + value):
        found = specs(
            """
            a: {run: "echo ${text}"}
            b: {run: "echo ${text} ${item}", fan_out: ["${text}"]}
            """,
            {"where": "/", "text": one},
            head=VARIABLES,
        )

        assert shlex.split(fill(found["a"], {}).prompt) == ["echo", one]
        assert shlex.split(fill(found["b-1"], {}).prompt) == ["echo", one, one]


def test_a_list_that_is_given_as_text_is_read() -> None:
    found = specs(
        "a: {run: x, fan_out: '${list}'}", {"where": "/", "list": '["c"]'}, head=VARIABLES
    )

    assert [*found] == ["a-1", "a"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "variables.where: it has no value. Give one for where."),
        ({"where": "/", "lists": []}, "no variable 'lists'. Did you mean list?"),
        ({"where": "/", "list": "a, b"}, "the value given for list is no JSON"),
    ],
    ids=["missing", "unknown", "no list"],
)
def test_a_value_that_does_not_fit_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read("a: {run: x}", given, head=VARIABLES)

    assert caught.value.code == "bad_graph"
    assert "a mistake" in str(caught.value)
    assert told in str(caught.value)


def test_a_document_can_be_looked_at_before_its_values_are_known() -> None:
    found = wrong("a: {run: 'x ${where}', fan_out: '${what}'}", "graph: o\nvariables: {what: }\n")

    assert [one.split(": ")[0] for one in found] == [
        "line 2, variables.what",
        "line 4, tasks.a.run",
        "line 4, tasks.a.directory",
    ]


def test_names_that_have_a_meaning_are_no_variables() -> None:
    (problem,) = wrong("a: {run: x, directory: /}", "graph: o\nvariables: {item: 1}\n")

    assert "has a meaning of its own" in problem


def test_yaml_times_and_numbers_that_are_none_are_texts() -> None:
    found = specs(
        "a: {run: 'echo ${item}', fan_out: [2026-11-22, .inf, 2026-11-22T08:00:00Z, !!binary aGk=]}"
    )

    assert found["a-1"].prompt == "echo 2026-11-22"
    assert found["a-2"].prompt == "echo inf"
    assert found["a-3"].prompt.startswith("echo 2026-11-22T08:00:00")
    assert "hi" in found["a-4"].prompt


# Fanning out and in.


def test_a_list_becomes_a_task_for_each_element_and_one_that_gathers_them() -> None:
    found = specs("""
      a:
        fan_out: [{name: x, dir: /x}, {name: y, dir: /y}]
        prompt: Mend ${item.name}, number ${index}, for $${item}.
        directory: ${item.dir}
      b: {needs: a, run: "echo ${tasks.a.output}"}
      c: {needs: "a-*", run: "echo ${tasks.a-*.output}"}
      d: {needs: a-2, run: "echo ${tasks.a-2.output}"}
    """)

    assert found["a-2"].prompt == "Mend y, number 2, for ${item}."
    assert found["a-2"].directory == "/y"
    assert (found["a"].kind, found["a"].needs) == (GATHER, ("a-1", "a-2"))
    assert found["b"].needs == ("a",)
    assert found["c"].needs == ("a-1", "a-2")
    assert found["d"].needs == ("a-2",)


def test_a_list_that_a_task_will_find_stays_to_be_fanned_out() -> None:
    found = specs("""
      a: {run: ls}
      b: {needs: a, prompt: "Do ${item}", fan_out: tasks.a.output.rows}
      c: {needs: a, prompt: "Do ${item}", fan_out: {over: "${tasks.a.output}", most: 7}}
      d: {needs: ["b-*", "c*"], run: "echo ${tasks.b.output} ${tasks.c.output}"}
    """)

    assert found["b"].fan_out == FanOut("a", "output.rows", 100)
    assert found["c"].fan_out == FanOut("a", "output", 7)
    assert found["d"].needs == ("b", "c")


def test_a_chain_follows_each_element_by_itself() -> None:
    found = specs("""
      scan: {run: ls}
      build:
        needs: scan
        fan_out: [x, y]
        prompt: Build ${item}.
        then:
          - review:
              prompt: Review ${tasks.build.branch} of ${item}; not $${tasks.build.branch}.
              when: tasks.build.output exists
          - fix: {needs: scan, run: "echo ${tasks.review.output} ${tasks.scan.output}"}
      done: {needs: [fix], run: x}
    """)

    assert found["review-2"].needs == ("build-2",)
    assert found["review-2"].when == (Condition("build-2", "output", Operator.EXISTS, value=True),)
    assert found["review-2"].prompt == (
        "Review ${tasks.build-2.branch} of y; not $${tasks.build.branch}."
    )
    assert found["fix-1"].needs == ("review-1", "scan")
    assert found["fix-1"].prompt == "echo ${tasks.review-1.output} ${tasks.scan.output}"
    assert found["done"].needs == ("fix",)


def test_a_chain_after_a_list_that_is_found_fans_out_along_with_it() -> None:
    found = specs("""
      scan: {run: ls}
      build:
        needs: scan
        fan_out: tasks.scan.output
        run: build ${item}
        then:
          - review: {run: "review ${item} ${tasks.build.output}"}
          - fix: {needs: scan, run: "echo ${tasks.review.output}"}
      done: {needs: ["fix-*"], run: x}
    """)

    along = FanOut("build", along=True)
    assert {name: (one.needs, one.fan_out) for name, one in found.items()} == {
        "scan": ((), None),
        "build": (("scan",), FanOut("scan", "output", 100)),
        "review": (("build",), along),
        "fix": (("review", "scan"), along),
        "done": (("fix",), None),
    }
    assert found["review"].prompt == "review ${item} ${tasks.build.output}"


def test_a_chain_of_single_tasks_follows_one_by_one() -> None:
    found = specs("""
      a:
        run: x
        then:
          - b: {run: y, then: [{b2: {run: z}}]}
          - c: {run: "echo ${item}", fan_out: [p, q]}
          - d: {run: v}
    """)

    assert {name: one.needs for name, one in found.items()} == {
        "a": (), "b": ("a",), "b2": ("b",), "c-1": ("b",), "c-2": ("b",), "c": ("c-1", "c-2"),
        "d": ("c",),
    }  # fmt: skip


def test_what_makes_a_task_undone_needs_its_result() -> None:
    found = specs(
        """
        a: {run: x, undo: {run: "y ${tasks.a.output}"}}
        b: {run: "x ${item}", fan_out: [p], undo: {run: "y ${tasks.b.output}"}}
        c: {needs: "*", run: z}
        """,
        head="graph: one\non_failure: compensate\ndefaults: {directory: /}\n",
    )

    assert (found["a.undo"].compensates, found["a.undo"].needs) == ("a", ("a",))
    assert found["b.undo-1"].compensates == "b-1"
    assert found["b.undo-1"].prompt == "y ${tasks.b-1.output}"
    assert found["c"].needs == ("a", "b-1", "b")


@pytest.mark.parametrize(
    ("line", "condition"),
    [
        ("tasks.a.output.n > 3", (Operator.MORE, 3)),
        ("tasks.a.output.n < 3.5", (Operator.LESS, 3.5)),
        ("tasks.a.output.n == done and dusted", (Operator.EQUALS, "done and dusted")),
        ('tasks.a.output.n != "3"', (Operator.DIFFERS, "3")),
        ("tasks.a.output.n contains [1, 2]", (Operator.CONTAINS, [1, 2])),
        ("tasks.a.output.n matches ^3+$", (Operator.MATCHES, "^3+$")),
        ('tasks.a.output.n matches "^ 3"', (Operator.MATCHES, "^ 3")),
        ("tasks.a.output.n exists", (Operator.EXISTS, True)),
        ("tasks.a.output.n missing", (Operator.EXISTS, False)),
    ],
)
def test_a_condition_fits_on_a_line(line: str, condition: tuple[Operator, object]) -> None:
    found = specs(f"a: {{run: x}}\nb: {{run: y, needs: a, when: {json.dumps(line)}}}")

    assert found["b"].when == (Condition("a", "output.n", *condition),)  # type: ignore[arg-type]


def test_a_template_may_say_of_what_kind_it_is() -> None:
    known = Known(frozenset({"claude"}), {"careful": "claude"}, lambda _: "")
    text = "graph: o\ntasks: {a: {template: careful, prompt: x, directory: /}}"

    assert read_graph(text, known=known).tasks[0].kind == "claude"


def test_what_a_command_has_in_common_with_agents_does_not_make_it_one() -> None:
    found = specs("a: {run: x}", head="graph: o\ndefaults: {directory: /, kind: c, template: t}\n")

    assert (found["a"].kind, found["a"].template) == (COMMAND, "")


# What is wrong.


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ("a: {run: x, dealine: 3}", ["line 4, tasks.a.dealine: there is no such key. Write dead"]),
        ("a: {run: x, deadline: soon}", ["tasks.a.deadline: 'soon' is no time"]),
        ("a: {run: x, limits: {memory: much}}", ["tasks.a.limits.memory: 'much' is no size"]),
        ("a: {run: x, worktree: perhaps}", ["tasks.a.worktree: input should be a valid boolean"]),
        ("a: {run: x, not_before: 2026-11-22T08:00:00}", ["should have timezone info"]),
        ("a: {run: x, prompt: y}", ["tasks.a: it has both run and prompt"]),
        ("a: {kind: claude}", ["tasks.a: it does not say what to do"]),
        ("a: {run: x, kind: claude}", ["tasks.a.kind: a claude runs no command line"]),
        ("a: {prompt: x, kind: gather}", ["tasks.a.kind: gather is no kind of agent"]),
        ("a: {run: x, needs: b}", ["tasks.a.needs.1: there is no task 'b'. There are a."]),
        ("build: {run: x, needs: biuld}", ["'biuld'. Write build."]),
        ("a: {run: x, needs: a}", ["tasks.a.needs.1: it needs itself"]),
        ("a: {run: x, needs: 'b-*'}", ["no task is called like 'b-*'"]),
        ("a: {run: x, when: tasks.b.output == 1}", ["asks for the result of 'b', which it"]),
        ("a: {run: x}\nb: {run: x, when: tasks.a.output == 1}", ["Add a to its needs."]),
        ("a: {run: x, when: b}", ["tasks.a.when.1: 'b' is no condition"]),
        ("a: {run: x, when: tasks.b.output exists 3}", ["is no condition"]),
        ("a: {run: x, when: b.output == 1}", ["'b.output' is no value of a task"]),
        ("a: {run: x}\nb: {run: x, needs: a, when: tasks.a.output matches (}", ["is no regular"]),
        ("a: {run: x, when: {value: tasks.b.output}}", ["and this has no operator"]),
        ("a: {run: x, when: {value: tasks.b.output, less: 1, more: 2}}", ["has less and more"]),
        ("a: {run: 'x ${tasks.b.output}'}", ["tasks.a.run: it asks for the result of 'b'"]),
        ("a: {run: 'x ${tasks.b.outptu}'}", ["tasks.a.run: ${tasks.b.outptu} names no value"]),
        ("a: {run: x, team: '${tasks.b.output}'}", ["tasks.a.team: no result is put in here"]),
        ("a: {run: x}\nb: {run: '${tasks.a.files.f}', needs: a}", ["a keeps no file 'f'"]),
        ("a: {run: 'x ${item}'}", ["tasks.a.run: only what fans out has an item"]),
        ("a: {run: 'x ${itme}'}", ["tasks.a.run: no variable 'itme'"]),
        ("a: {run: 'x ${a b}'}", ["tasks.a.run: ${a b} is no variable"]),
        ("a: {run: x, fan_out: []}", ["tasks.a.fan_out: its list is empty"]),
        ("a: {run: x, fan_out: {over: [1, 2], most: 1}}", ["its list has 2 elements, more than 1"]),
        ("a: {run: 'x ${item.b}', fan_out: [{c: 1}]}", ["element 1 that task 'a' fans out"]),
        ("a: {run: x, fan_out: rows}", ["tasks.a.fan_out: 'rows' is no value of a task"]),
        ("a: {run: x, fan_out: tasks.b.output}", ["tasks.a.fan_out: it asks for the result"]),
        ("a: {run: x, fan_out: [1]}\na-1: {run: y}", ["'a-1' may be one of them"]),
        ("a: {run: x, then: [{b: {run: y}}]}\nb: {run: z}", ["'b' is there 2 times"] * 2),
        (
            """s: {run: x}
a: {run: x, needs: s, fan_out: tasks.s.output, then: [{b: {run: y, fan_out: [2]}}]}""",
            ["tasks.a.then.1.b.fan_out: it is about one element of a's list already"],
        ),
        (
            """s: {run: x}
b-3: {run: z}
a: {run: x, needs: s, fan_out: tasks.s.output, then: [{b: {run: y}}]}""",
            ["'b-3' may be one of them"],
        ),
        (
            "a: {run: x, fan_out: [1], then: [{b: {run: y, fan_out: [2]}}]}",
            ["tasks.a.then.1.b.fan_out: it is about one element of a's list already"],
        ),
        ("a: {run: x, undo: {run: y}}", ["nothing is ever made undone in this graph"]),
        ("a: {run: x, accept: {schema: {type: strin}}}", ["tasks.a.accept.schema: that is no"]),
        ("a: {run: x, needs: b}\nb: {run: x, needs: a}", ["itself: a needs b needs a"]),
        ("a: {run: x, directory: src}", ["tasks.a.directory: 'src' is no absolute path"]),
        ("a: {run: x, directory: ''}", ["tasks.a.directory: it does not say where it works"]),
        ("a b: {run: x}", ["tasks.a b"]),
        ("a: {run: x, then: [{b: 3}]}\nc: {run: y, needs: [b, a-1]}", ["tasks.a.then.1.b: it is"]),
    ],
    ids=lambda one: one[:60] if isinstance(one, str) else "",
)  # fmt: skip
def test_a_mistake_is_told_with_what_to_do(tasks: str, told: list[str]) -> None:
    found = wrong(tasks)

    assert len(found) == len(told), found
    assert all(part in one for part, one in zip(told, found, strict=True)), found


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    found = wrong("""
        a: {run: x, deadline: never}
        b: {run: x, needs: [a, c]}
        d:
          prompt: Say ${who}.
          needs: b
          when: tasks.a.output == 1
    """)

    assert [one.split(":")[0] for one in found] == [
        "line 5, tasks.a.deadline",
        "line 6, tasks.b.needs.2",
        "line 8, tasks.d.prompt",
        "line 10, tasks.d.when.1",
    ]


def test_mistakes_in_what_all_have_in_common_hide_no_others() -> None:
    found = wrong(
        "a: {run: x, needs: b}",
        "graph: a graph\nretries: 3\ndefaults: {deadline: x, priority: 1}\n",
    )

    assert len(found) == 5


def test_kinds_templates_and_directories_are_looked_up() -> None:
    known = Known(
        frozenset({"claude"}),
        {"careful": "claude"},
        lambda path: "" if path == "/src" else "there is no such directory",
    )

    found = wrong(
        """
        a: {prompt: x, kind: claud}
        b: {prompt: x, template: carefull}
        c: {run: x, directory: "/${item}", fan_out: [src, gone, gone, lost]}
        d: {prompt: x, kind: zzz}
        """,
        known=known,
    )

    fix = "Write directory: and an absolute path, here or in defaults."
    assert [one.split(", ", 1)[1] for one in found] == [
        "tasks.a.kind: there is no kind 'claud'. Write claude.",
        "tasks.b.template: there is no template 'carefull'. Write careful.",
        f"tasks.c.directory: /gone: there is no such directory. {fix}",
        f"tasks.c.directory: /lost: there is no such directory. {fix}",
        "tasks.d.kind: there is no kind 'zzz'. There are claude.",
    ]


def test_what_is_made_undone_has_no_ties_of_its_own() -> None:
    found = wrong(
        """
        a: {run: x, undo: {run: y, needs: b}}
        b: {run: x, needs: a.undo}
        c: {run: x, needs: a, fan_out: tasks.a.output, undo: {run: y}}
        """,
        "graph: o\non_failure: compensate\ndefaults: {directory: /}\n",
    )

    assert len(found) == 3
    assert "needs has no meaning here" in found[0]
    assert "'a.undo' makes another task undone" in found[1]
    assert "cannot be about what another one finds" in found[2]


def test_an_agent_needs_a_kind() -> None:
    (problem,) = wrong("a: {prompt: x, directory: /}", "graph: o\n")

    assert "it does not say what kind of agent" in problem


def test_tasks_of_other_graphs_may_be_needed() -> None:
    found = specs("a: {run: 'x ${tasks.t-abc.output}', needs: t-abc}")

    assert found["a"].needs == ("t-abc",)


def test_every_circle_is_named() -> None:
    tasks = {name: {"run": "x", "needs": [need]} for name, need in ("ab", "ba", "cd", "de", "ec")}

    found = wrong(yaml.safe_dump(tasks))

    assert ["waits for itself: a needs b needs a" in one for one in found] == [True, False]
    assert "c needs d needs e needs c" in found[1]


def test_a_long_circle_is_told_in_short() -> None:
    tasks = {f"t{at}": {"run": "x", "needs": [f"t{(at + 1) % 50}"]} for at in range(50)}

    (problem,) = wrong(yaml.safe_dump(tasks, sort_keys=False))

    assert "t6 needs … needs t0" in problem


@pytest.mark.parametrize(
    "text",
    ["", "[]", "tasks: 3", "graph: one", "graph: one\ntasks: {}", "graph: one\nvariables: 3"],
)
def test_what_is_no_graph_at_all_is_told(text: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"line [12]"):
        read_graph(text)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda one: one.decode("latin-1")))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    for document_ in (text, f"{HEAD}tasks:\n  a: {text}", f"{HEAD}tasks: {{a: {{run: '{text}'}}}}"):
        with suppress(InvalidRequestError):
            look_at(document_, {}, NOTHING_KNOWN)


KEYS = st.sampled_from([*document.TaskPart.model_fields, "schema", "over", "a", "b"])
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(
        ["a", "b", "tasks.a.output", "${tasks.a.output}", "${item}", "x", "a-*", "1m", "${a"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), st.dictionaries(KEYS, DATA, max_size=5)))
def test_no_data_does_worse_than_be_refused(tasks: dict[str, object]) -> None:
    text = yaml.safe_dump({"graph": "g", "defaults": {"directory": "/"}, "tasks": tasks})

    reading = look_at(text, {}, NOTHING_KNOWN)

    assert (reading.spec is None) is bool(reading.problems)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#" * (MOST_BYTES + 1), "longer than"),
        (
            "graph: o\ndefaults: {directory: /, fan_out: 1}\ntasks:\n"
            + "".join(
                f"  t{at}: {{run: x, directory: /, fan_out: {[*range(900)]}}}\n" for at in range(7)
            ),
            f"more than {MOST_TASKS} tasks",
        ),
        (
            "graph: o\ntasks:\n"
            + "".join(f"  t{at}: {{run: x, directory: /}}\n" for at in range(300))
            + "".join(f"  u{at}: {{run: x, directory: /, needs: 't*'}}\n" for at in range(200)),
            f"more than {MOST_NEEDS} needs",
        ),
        (
            "graph: o\ntasks:\n"
            + "".join(
                f"  t{at}: {{run: x, directory: /, needs: '*{at - 1}'}}\n" for at in range(1, 300)
            )
            + "  t0: {run: x, directory: /}\n",
            f"different stars, more than {MOST_STARS}",
        ),
        (
            "graph: o\nvariables: {x: "
            + "x" * 60_000
            + "}\ntasks: {a: {directory: /, run: '"
            + "${x} " * 1000
            + "'}}",
            "with its variables put in, the document is longer than",
        ),
        (
            "graph: o\ntasks: {a: {directory: /, run: '"
            + "${item} " * 1000
            + f"', fan_out: {[*range(900)]}}}}}",
            "for 900 elements are longer than",
        ),
    ],
    ids=["bytes", "tasks", "needs", "stars", "values", "elements"],
)
def test_a_graph_is_not_too_large(text: str, told: str) -> None:
    with pytest.raises(InvalidRequestError, match=told):
        read_graph(text, known=NOTHING_KNOWN)


def test_what_can_be_a_place_is_asked_for_absolute_paths_alone() -> None:
    known = Known(why_no_directory=lambda _: "never asked")

    assert "no absolute path" in why_no_place("a", known)
    assert "no absolute path" in why_no_place("/a\0", known)
    assert why_no_place("/a", known) == "/a: never asked"


def test_a_directory_that_cannot_be_entered_is_told(tmp_path: Path) -> None:
    assert why_no_directory(str(tmp_path)) == ""
    assert why_no_directory(str(tmp_path / "gone")) == "there is no such directory"


# Laws.


@st.composite
def dags(draw: st.DrawFn) -> dict[str, list[str]]:
    """Return who needs whom, in an order of their own."""
    count = draw(st.integers(1, 12))
    ties = {
        f"n{at}": [f"n{one}" for one in range(at) if draw(st.booleans())] for at in range(count)
    }
    return {name: ties[name] for name in draw(st.permutations([*ties]))}


def as_document(needs: Mapping[str, list[str]]) -> str:
    tasks = {name: {"run": "x", "needs": those} for name, those in needs.items()}
    return yaml.safe_dump(
        {"graph": "g", "defaults": {"directory": "/"}, "tasks": tasks}, sort_keys=False
    )


@given(dags())
def test_any_graph_without_a_circle_is_accepted(needs: dict[str, list[str]]) -> None:
    graph = read_graph(as_document(needs), known=NOTHING_KNOWN)

    assert {one.name: [*one.needs] for one in graph.tasks} == needs


@given(dags(), st.data())
def test_an_edge_back_is_always_refused_with_its_circle(
    needs: dict[str, list[str]], data: st.DataObject
) -> None:
    order = in_order(needs)
    last = data.draw(st.sampled_from(order))
    above = {last}
    for name in reversed(order):
        if any(name in needs[one] for one in above):
            above.add(name)
    first = data.draw(st.sampled_from(sorted(above)))
    needs[first] = [*needs[first], last]

    problems = look_at(as_document(needs), known=NOTHING_KNOWN).problems

    assert problems
    if first != last:
        circle = problems[0].text.removeprefix("it waits for itself: ").split(" needs ")
        assert circle[0] == circle[-1]
        if "…" not in circle:
            assert all(two in needs[one] for one, two in pairwise(circle))
