"""Playbooks as text: what they may say, what is wrong with them, and what they would do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import iterm_mcp
from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.services.playbooks.checks import read_playbook
from iterm_mcp.services.playbooks.document import StepPart
from iterm_mcp.services.playbooks.plan import as_calls, filled, plan, settle_variables
from iterm_mcp.services.playbooks.text import fill, names_in
from iterm_mcp.services.yaml_source import read_yaml

SHIPPED = sorted((Path(iterm_mcp.__file__).parent / "playbooks").glob("*.yaml"))

HEAD = "playbook: one\nvariables: {where: /tmp, what: }\nsteps:\n"
PANE = "  - layout: {name: build}\n"

WHOLE = """
playbook: build-and-test
variables: {directory: , target: all, port: 8080}
steps:
  - layout:
      split: columns
      children:
        - {name: build, directory: "${directory}", command: "bash -l"}
        - {name: ann, agent: {name: ann, kind: shell, teams: [crew]}}
  - start:
      beside: build
      agents:
        bob: {kind: "template:x", directory: "${directory}", teams: [crew], prompt: "Look."}
  - run: {in: build, command: "make ${target} PORT=${port}", timeout: 600, save: made}
  - tell: {agents: {ann: "make said:\\n${made}"}, teams: {crew: hello}, everybody: hi, until: ended}
  - wait: {team: crew, timeout: 300}
  - wait: {in: build, pattern: "listening on (.*)", for: idle, save: address}
  - read: {in: "agent:ann", lines: 40, save: answer}
  - run: {in: build, command: "curl ${address}", expect: any}
  - note: {key: review, value: "${answer}"}
"""


def mistakes(document: str) -> list[str]:
    with pytest.raises(InvalidRequestError) as wrong:
        read_playbook(document)
    return str(wrong.value).splitlines()[1:]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda one: one.stem)
def test_what_is_shipped_is_sound_and_can_be_planned(path: Path) -> None:
    playbook = read_playbook(path.read_text("utf-8"))
    assert playbook.playbook == path.stem
    given_values = {name: "x" for name, value in playbook.variables.items() if value is None}
    assert len(plan(playbook, settle_variables(playbook, given_values))) >= len(playbook.steps)


def test_what_the_manual_shows_is_sound() -> None:
    manual = Path(__file__).parents[3] / "docs/teams.md"
    (shown,) = re.findall(r"```yaml\n(.*?)```", manual.read_text("utf-8"), re.DOTALL)
    assert len(read_playbook(shown).steps) == 8


def test_the_plan_says_what_each_step_would_do() -> None:
    playbook = read_playbook(WHOLE)
    assert plan(playbook, settle_variables(playbook, {"directory": "/src"})) == [
        "  1. layout: 2 panes",
        "     build runs bash -l in /src",
        "     ann runs a shell as shell agent ann of crew",
        "  2. start 1 agent beside build",
        "     bob of template:x in /src in team crew told Look.",
        "  3. run in build: make all PORT=8080 (600 s, must end with 0, saved as made)",
        "  4. tell until it has ended (60 s), each agent the most specific:",
        "     everybody: hi",
        "     team crew: hello",
        "     agent ann: make said: ${made}",
        "  5. wait until all agents of team crew are ready (300 s)",
        "  6. wait until build prints listening on (.*) or build has idle (60 s, saved as address)",
        "  7. read the last 40 lines of agent:ann, saved as answer",
        "  8. run in build: curl '${address}' (60 s, however it ends)",
        "  9. note shared/review: ${answer}",
    ]


def test_the_plan_says_of_an_agent_of_a_kind_that_it_is_started() -> None:
    panes = "children: [{agent: {name: ann, kind: codex}}, {command: x, agent: {name: bob}}]"
    playbook = read_playbook(f"playbook: p\nsteps:\n  - layout: {{split: rows, {panes}}}\n")

    assert plan(playbook, {})[1:] == [
        "     without a name starts a codex as codex agent ann",
        "     without a name runs x as shell agent bob",
    ]


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("  - run: {in: build, command: x, timeot: 5}\n",
         "line 5, steps.2.run.timeot: there is no such key. Write timeout."),
        ("  - run: {in: build}\n",
         'line 5, steps.2.run.command: it is missing. Write command: "make all".'),
        ("  - run: {in: build, command: x, timeout: long}\n", "line 5, steps.2.run.timeout: "),
        ("  - run: {in: build, command: x, timeout: 0}\n", "Write timeout: 60, in seconds."),
        ("  - run:\n      in: build\n      command: x\n      expect: 300\n",
         "line 8, steps.2.run.expect: "),
        ("  - run: {in: build, command: yes}\n", "it is no text. Put it in quotes"),
        ("  - run: make\n", "it is no mapping. Write a mapping with in, command, timeout"),
        ("  - run: {in: biuld, command: x}\n", "no pane is called 'biuld'. Write build."),
        ("  - run: {in: zzz, command: x}\n", "The panes are: build; or name:, agent:"),
        ("  - run: {in: build, command: 'x ${waht}'}\n", "no variable 'waht'. Did you mean what?"),
        ("  - run: {in: build, command: 'x ${zz}'}\n", "There are: what, where."),
        ("  - run: {in: build, command: 'x ${a b}'}\n", "is no variable. Write ${name}"),
        ("  - run: {in: build, command: x, save: where}\n", "it is a variable already"),
        ("  - run: {in: build, command: x, save: 'a b'}\n", "a word of letters"),
        ("  - wait: {in: build, pattern: '(x'}\n", "is no regular expression"),
        ("  - wait: {in: build}\n", "there is nothing to wait for"),
        ("  - wait: {}\n", "it waits for a session or for a team"),
        ("  - wait: {in: build, team: crew}\n", "it waits for a session or for a team"),
        ("  - wait: {team: crew, pattern: x}\n", "pattern, for and save belong to sessions"),
        ("  - wait: {team: crew, until: redy}\n", "Write until: ready or done"),
        ("  - tell: {}\n", "there is nobody to tell"),
        ("  - start: {agents: {}}\n", "line 5, steps.2.start.agents: "),
        ("  - start: {agents: {a b: {kind: shell}}}\n",
         "line 5, steps.2.start.agents.a b.name: 'a b' cannot be the name of an agent"),
        ("  - start: {agents: {ann: {kind: robot}}}\n",
         "line 5, steps.2.start.agents.ann.kind: "),
        ("  - start: {agents: {ann: {}}}\n",
         "line 5, steps.2.start.agents.ann.kind: it is missing"),
        ("  - start: {beside: bild, agents: {ann: {kind: shell}}}\n",
         "line 5, steps.2.start.beside: no pane is called 'bild'"),
        ("  - {}\n",
         "it says nothing. A step is one of layout, start, run, tell, wait, read, note."),
        ("  - {read: {in: build}, note: {key: k, value: v}}\n", "it has read and note"),
        ("  - layout: {name: build}\n", "'build' is there already"),
        ("  - layout: {split: rows, children: [{name: x}]}\n", "a split has two children or more"),
        ("  - layout: {children: [{name: x}, {}]}\n", "children need a split"),
        ("  - layout: {split: rows, name: x, children: [{}, {}]}\n", "a split is no pane"),
        ("  - layout: {agent: {name: ann, kind: shel}}\n", "no kind 'shel'"),
        ("  - layout: {agent: {name: a b}}\n", "cannot be the name of an agent"),
        ("  - layout: {agent: {name: ann, teams: [a b]}}\n", "cannot be the name of a team"),
        ("  - layout: {split: rows, children: [{}, {size: 0}]}\n",
         "steps.2.layout.children.2.size"),
        ("  - note: {key: k, value: v, extra: 1}\n", "The keys are key, value, namespace."),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_line_key_and_what_to_write(step: str, problem: str) -> None:
    (told,) = mistakes(HEAD + PANE + step)
    assert problem in told
    assert told.startswith("line ")


def test_all_mistakes_are_told_at_once_by_line() -> None:
    steps = "".join(f"  - run: {{in: build, command: 'x ${{n{at}}}'}}\n" for at in range(30))
    found = mistakes(HEAD + PANE + steps)
    assert [one.split(",")[0] for one in found[:20]] == [f"line {at}" for at in range(5, 25)]
    assert found[20:] == ["and 10 more"]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "playbook: it is no mapping"),
        ("- a", "playbook: it is no mapping"),
        ("playbook: x", "steps: it is missing"),
        ("playbook: x\nsteps: []", "steps: "),
        ("playbook: x y\nsteps: []", "playbook: "),
        ("playbook: x\nvariables: {a-b: c}\nsteps: []", "variables"),
    ],
)
def test_what_is_no_playbook_at_all_is_told_so(document: str, problem: str) -> None:
    assert any(problem in one for one in mistakes(document))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("a: [", "line 1: "),
        ("a: 1\na: 2", "line 2: the key 'a' is there twice"),
        ("a: &x [1]\nb: *x", "line 1: anchors"),
        ("a: 1\n---\nb: 2", "line 2: there is a second document"),
        ("a: !!python/object:os.system x", "line 1: "),
        ("? [a]\n: b", "line 1: a key is a word"),
        ("\n".join(f"{' ' * at}a:" for at in range(60)), "nested deeper than 40"),
        ("a: " + "x" * 70_000, "longer than 65536 bytes"),
        ("a: \x00", "line 1: "),
    ],
)
def test_yaml_that_is_more_than_plain_data_is_refused_by_line(document: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=r".") as wrong:
        read_yaml(document)
    assert says in str(wrong.value)
    assert wrong.value.hint


def test_values_know_their_lines() -> None:
    source = read_yaml("a: 1\nb:\n  - x\n  - c:\n      d: 2\n")
    assert source.value == {"a": 1, "b": ["x", {"c": {"d": 2}}]}
    assert [source.line(path) for path in (("a",), ("b",), ("b", 1, "c", "d"), ("b", 1, "zz"))] == [
        1, 2, 5, 4
    ]  # fmt: skip


def test_variables_are_put_in_once_and_quoted_in_commands() -> None:
    values = {"a": "$(rm -rf ~); ${b}", "b": "it's"}
    assert fill("x ${a} ${ b } $${a}", values) == "x $(rm -rf ~); ${b} it's ${a}"
    assert fill("x ${a} ${b:raw}", values, command=True) == "x '$(rm -rf ~); ${b}' it's"
    assert names_in("x ${a} $${b} ${c:raw}") == ["a", "c"]
    with pytest.raises(NotFoundError):
        fill("${c}", values)


@given(st.text(), st.text())
def test_whatever_a_value_holds_it_is_one_word_of_a_command(value: str, other: str) -> None:
    import shlex  # noqa: PLC0415 - what it is held against

    filled_text = fill("run ${a} ${b}", {"a": value, "b": other}, command=True)
    assert shlex.split(filled_text) == ["run", value, other]


def test_variables_have_the_values_given_or_their_own() -> None:
    playbook = read_playbook(WHOLE)
    assert settle_variables(playbook, {"directory": "/a", "target": "x"}) == {
        "directory": "/a", "target": "x", "port": "8080"
    }  # fmt: skip
    with pytest.raises(InvalidRequestError, match="directory") as missing:
        settle_variables(playbook, {})
    assert missing.value.code == "variables_missing"
    with pytest.raises(NotFoundError, match="diretory") as unknown:
        settle_variables(playbook, {"diretory": "/a"})
    assert unknown.value.hint == "Did you mean directory?"


def test_what_makes_no_sense_once_its_variables_are_put_in_is_told() -> None:
    step = StepPart.model_validate({"note": {"key": "${k}", "value": "v"}})
    with pytest.raises(InvalidRequestError, match="note step makes no sense"):
        filled(step, {"k": ""})


@pytest.mark.parametrize(
    ("step", "session_id", "call"),
    [
        ({"run": {"in": "a", "command": "x"}}, "S",
         ("run_command", {"session_id": "S", "command": "x"})),
        ({"tell": {"everybody": "x", "agents": {"ann": "y"}}}, None,
         ("cascade_message", {"broadcast": "x", "teams": {}, "agents": {"ann": "y"}})),
        ({"wait": {"in": "a", "for": "prompt"}}, "S", ("wait_for", {"session_id": "S"})),
        ({"wait": {"team": "crew"}}, None, ("wait_agents", {"team": "crew"})),
        ({"read": {"in": "a"}}, "S", ("read_output", {"session_id": "S"})),
        ({"note": {"key": "k", "value": "v"}}, None,
         ("manage_notes", {"action": "set", "key": "k"})),
    ],
)  # fmt: skip
def test_a_step_is_permitted_as_the_tool_is_that_does_the_same(
    step: dict[str, object], session_id: str | None, call: tuple[str, dict[str, object]]
) -> None:
    assert as_calls(StepPart.model_validate(step), session_id) == [call]


def test_each_agent_that_is_started_is_permitted_by_itself() -> None:
    agents = {"ann": {"kind": "claude", "role": "worker"}, "bob": {"kind": "codex"}}
    step = StepPart.model_validate({"start": {"beside": "build", "agents": agents}})
    assert as_calls(step, "S") == [
        ("start_agent", {"name": "ann", "kind": "claude", "role": "worker", "beside": "S"}),
        ("start_agent", {"name": "bob", "kind": "codex", "beside": "S"}),
    ]
    alone = StepPart.model_validate({"start": {"agents": {"bob": {"kind": "codex"}}}})
    assert as_calls(alone, None) == [("start_agent", {"name": "bob", "kind": "codex"})]


def test_a_layout_is_permitted_with_all_its_agents_and_folders() -> None:
    layout = {"split": "rows", "children": [
        {"directory": "/a"}, {"agent": {"name": "ann", "role": "worker", "teams": ["crew"]}}
    ]}  # fmt: skip
    ((tool, arguments),) = as_calls(StepPart.model_validate({"layout": layout}), None)
    assert tool == "apply_layout"
    first, second = arguments["root"]["children"]
    assert first["directory"] == "/a"
    assert second["agent"] | {"kind": ""} == {
        "name": "ann", "kind": "", "role": "worker", "teams": ["crew"], "prompt": ""
    }  # fmt: skip
