"""Graphs drawn: as lines for a terminal, as data, as Mermaid's text."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.tasks import GATHER, Task, TaskId, TaskSpec, TaskState
from iterm_mcp.services.tasks.graphs.drawing import ASCII, UNICODE, columns, draw
from iterm_mcp.services.tasks.graphs.known import NOTHING_KNOWN
from iterm_mcp.services.tasks.graphs.picture import (
    Node,
    as_data,
    as_mermaid,
    groups_of,
    nodes_of_spec,
    nodes_of_tasks,
    state_of,
)
from iterm_mcp.services.tasks.graphs.reading import read_graph
from iterm_mcp.testing import FakeClock

RELEASE = """
graph: release
on_failure: compensate
defaults: {directory: /, kind: claude}
tasks:
  scan: {run: ls}
  lint: {run: x, needs: scan}
  build: {needs: scan, fan_out: [], prompt: "b ${item}"}
  docs: {needs: scan, prompt: d, then: [{proof: {run: x}}, {print: {run: x}}]}
  check: {needs: build, run: x}
  publish:
    needs: [build, lint, print]
    run: p
    when: tasks.lint.exit_code == 0
    undo: {run: u}
  tell: {needs: publish, run: t, fan_out: [a, b, c]}
  each: {needs: publish, fan_out: tasks.publish.output, prompt: x}
  alone: {run: y, needs: t-abc}
""".replace("[]", str([*range(40)]))


def release() -> list[Node]:
    return nodes_of_spec(read_graph(RELEASE, known=NOTHING_KNOWN))


def sixty() -> list[Node]:
    """Return the tasks of a release as they stand on the way."""
    states = [TaskState.SUCCEEDED] * 15 + [TaskState.RUNNING] * 5 + [TaskState.DEAD]
    nodes = release()
    return [
        replace(one, state=states[at] if at < len(states) else TaskState.WAITING, task_id=f"t-{at}")
        for at, one in enumerate(nodes)
    ]


def test_a_large_graph_fits_on_a_screen() -> None:
    assert draw("release", release()) == [
        "release: 53 tasks",
        "○ scan  command",
        "├─ ○ lint  command",
        "├─ ○ build \u00d740",
        "│  ↓ ○ check  command",
        "└─ ○ docs  claude",
        "   ↓ ○ proof  command",
        "   ↓ ○ print  command",
        "   ↓ ○ publish  command  (on a condition)  (also needs build, lint)",
        "   ├─ ○ publish.undo  command  (makes publish undone)",
        "   ├─ ○ tell \u00d73",
        "   └─ ○ each  claude  (one for each that is found)",
        "○ alone  command  (also needs t-abc)",
    ]


def test_how_it_stands_is_seen_at_a_glance() -> None:
    lines = draw("release", sixty())

    assert lines[:7] == [
        "release: 53 tasks, 1 dead, 5 running, 32 waiting, 15 succeeded",
        "✔ scan  succeeded",
        "├─ ✔ lint  succeeded",
        "├─ ✘ build \u00d740  1 dead, 5 running, 21 waiting, 13 succeeded",
        "│     ✔✔✔✔✔✔✔✔✔✔✔✔✔▶▶▶▶▶✘·····················",
        "│  ↓ · check  waiting",
        "└─ · docs  waiting",
    ]
    assert max(map(columns, lines)) <= 80


def test_a_plain_terminal_is_drawn_for_too() -> None:
    lines = draw("release", sixty(), signs=ASCII)

    assert "\n".join(lines).isascii()
    assert lines[3:5] == [
        "|- X build x40  1 dead, 5 running, 21 waiting, 13 succeeded",
        "|     +++++++++++++>>>>>X.....................",
    ]


def test_every_state_has_a_sign_of_its_own() -> None:
    for signs in (UNICODE, ASCII):
        assert {*signs.states} == {None, *TaskState}
        assert len({*signs.states.values()}) == len(signs.states)
        assert all(columns(one) == 1 for one in signs.states.values())


def test_what_is_said_of_a_task_is_harmless_and_short() -> None:
    node = Node("a", "claude", state=TaskState.NEEDS_INPUT, note="\x1b[31mwhich\n" + "字" * 400)

    head, line = draw("one", [node])

    assert head == "one: 1 task, 1 needs input"
    assert line.startswith("? a  needs input  [31mwhich 字字")
    assert columns(line) <= 80


def test_a_chain_of_thousands_stays_at_the_margin() -> None:
    nodes = [Node(f"n{at}", "command", (f"n{at - 1}",) if at else ()) for at in range(3000)]

    assert draw("long", nodes)[-1] == "↓ ○ n2999  command"


def test_what_is_too_deep_is_not_drawn_off_the_edge() -> None:
    nodes = [Node("n0", "command")]
    for at in range(1, 40):
        nodes += [Node(f"n{at}", "command", (f"n{at - 1}",)), Node(f"m{at}", "x", (f"n{at - 1}",))]

    lines = draw("deep", nodes, 60)

    assert all(any(f"○ {one.name} " in line for line in lines) for one in nodes)


def test_an_endless_list_is_told_in_a_few_lines() -> None:
    children = [Node(f"a-{at}", "x", state=TaskState.QUEUED) for at in range(1, 1001)]
    gather = Node("a", GATHER, tuple(one.name for one in children), state=TaskState.WAITING)

    lines = draw("many", [*children, gather])

    assert len(lines) == 9
    assert lines[-1].endswith("…")


def test_a_list_that_was_found_empty_is_drawn() -> None:
    nodes = [Node("a", GATHER, state=TaskState.SUCCEEDED)]

    assert draw("none", nodes) == ["none: 0 tasks", "✔ a \u00d70"]


def test_a_circle_that_nobody_refused_is_drawn_all_the_same() -> None:
    lines = draw("odd", [Node("a", "x", ("b",)), Node("b", "x", ("a",))])

    assert len(lines) == 3


@st.composite
def graphs(draw_one: st.DrawFn) -> list[Node]:
    count = draw_one(st.integers(1, 15))
    states = st.sampled_from([None, *TaskState])
    return [
        Node(
            f"name{at}",
            draw_one(st.sampled_from(["command", "claude"])),
            tuple(f"name{one}" for one in range(at) if draw_one(st.integers(0, 3)) == 0),
            state=draw_one(states),
            note=draw_one(st.text(max_size=30)),
            conditional=draw_one(st.booleans()),
        )
        for at in range(count)
    ]


@given(graphs(), st.integers(10, 120), st.sampled_from([UNICODE, ASCII]))
def test_no_drawing_is_wider_than_its_terminal_and_each_task_stands_once(
    nodes: list[Node], width: int, signs: object
) -> None:
    lines = draw("any", nodes, width, signs)  # type: ignore[arg-type]  # one of two

    assert all(columns(line) <= max(width, 40) for line in lines)
    titles = [re.search(r"name\d+", line) for line in lines]
    shown = [one[0] for one in titles if one is not None]
    assert sorted(shown) == sorted(one.name for one in nodes)


# As data.


def test_nodes_and_edges_are_told() -> None:
    data = as_data("release", sixty())

    assert data["counts"] == {"waiting": 32, "running": 5, "succeeded": 15, "dead": 1}
    nodes = {one["name"]: one for one in data["nodes"]}  # type: ignore[union-attr, index, call-overload]
    assert nodes["build-3"] == {
        "name": "build-3",
        "kind": "claude",
        "task_id": "t-4",
        "state": "succeeded",
        "note": "",
        "group": "build",
        "conditional": False,
        "many": False,
    }
    edges = data["edges"]
    assert isinstance(edges, list)
    assert {"from": "scan", "to": "build-1", "kind": "need"} in edges
    assert {"from": "t-abc", "to": "alone", "kind": "other_graph"} in edges
    assert {"from": "publish", "to": "publish.undo", "kind": "undo"} in edges


def test_a_graph_that_is_not_submitted_has_no_states() -> None:
    data = as_data("release", release())

    assert data["counts"] == {}
    assert {one["state"] for one in data["nodes"]} == {None}  # type: ignore[union-attr, index, call-overload]


def test_tasks_are_drawn_as_they_stand() -> None:
    now = FakeClock().now()
    first = Task(TaskId("t-1"), 1, TaskSpec("a", "x", "", "/"), TaskState.RUNNING, now, reason="r")
    second = Task(TaskId("t-2"), 2, TaskSpec("b", "x", "", "/"), TaskState.NEEDS_INPUT, now)

    found = nodes_of_tasks([replace(second, question="which?", reason="no"), first])

    assert [(one.name, one.task_id, one.note) for one in found] == [
        ("a", "t-1", "r"),
        ("b", "t-2", "which?"),
    ]


def test_what_concerns_most_is_how_a_list_is_shown() -> None:
    (group,) = [one for one in groups_of(sixty()) if one.name == "build"]

    assert len(group.nodes) == 40
    assert state_of(group) is TaskState.DEAD


# Mermaid.


def test_mermaid_gets_a_box_for_each_list() -> None:
    text = as_mermaid(sixty())

    assert text.startswith("flowchart TD\n")
    assert re.search(r'n\d+\["build \u00d7 40"\]:::dead', text)
    assert re.search(r'n\d+\{\{"publish"\}\}', text)
    assert "-. undo .->" in text
    assert text.count("-->") == 11
    assert {*re.findall(r"classDef (\w+)", text)} == {"done", "dead"}


def test_no_name_breaks_out_of_its_box() -> None:
    text = as_mermaid([Node('a"]; click', "x")])

    assert 'n0["a#34;#93;#59; click"]' in text
