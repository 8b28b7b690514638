"""A graph as data: its nodes and edges, and as Mermaid's text. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.tasks import GATHER, TaskState
from iterm_mcp.services.tasks.graphs.ties import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.tasks import Task, TaskSpec


@dataclass(frozen=True, slots=True)
class Node:
    """A task in a picture.

    Attributes:
        needs: Names of tasks, of which some may be of other graphs.
        task_id: Empty before it is submitted.
        state: None before it is submitted.
        note: Why it stands so, or what it asks; empty when there is nothing to say.
        conditional: It may be skipped.
        many: It will become as many as are found in a list.
    """

    name: str
    kind: str
    needs: tuple[str, ...] = ()
    task_id: str = ""
    state: TaskState | None = None
    note: str = ""
    compensates: str = ""
    conditional: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What is drawn in one place: a task, or all tasks of a list with what gathers them.

    Attributes:
        nodes: One for each element, in their order; otherwise the task alone.
        gather: What gathers them; None for a task alone.
    """

    name: str
    nodes: tuple[Node, ...]
    gather: Node | None = None

    @property
    def everything(self) -> tuple[Node, ...]:
        """All that belongs to it."""
        return self.nodes if self.gather is None else (*self.nodes, self.gather)


def nodes_of_spec(graph: GraphSpec) -> list[Node]:
    """Return the tasks of a graph that is not submitted."""
    return [_node(one) for one in graph.tasks]


def nodes_of_tasks(tasks: Iterable[Task]) -> list[Node]:
    """Return the tasks of a graph as they stand, in the order in which they were made."""
    return [
        _node(one.spec, one.task_id, one.state, one.question or one.reason)
        for one in sorted(tasks, key=lambda one: one.number)
    ]


def _node(
    spec: TaskSpec, task_id: str = "", state: TaskState | None = None, note: str = ""
) -> Node:
    return Node(
        spec.name,
        spec.kind,
        spec.needs,
        task_id,
        state,
        note,
        spec.compensates,
        bool(spec.when),
        spec.fan_out is not None,
    )


def groups_of(nodes: Sequence[Node]) -> list[Group]:
    """Return what is drawn in one place, so that each stands after all that it needs."""
    by_name = {one.name: one for one in nodes}
    gathers = {one.name: one for one in nodes if one.kind == GATHER}
    inner: dict[str, str] = {}
    for gather in gathers.values():
        inner |= {
            one: gather.name
            for one in gather.needs
            if one in by_name and one.rpartition("-")[0] == gather.name
        }
    found: dict[str, list[Node]] = {}
    for node in nodes:
        if node.kind != GATHER:
            found.setdefault(inner.get(node.name, node.name), []).append(node)
    for name in gathers:
        found.setdefault(name, [])  # of an empty list
    ties = {
        name: {inner.get(need, need) for one in members for need in one.needs} - {name}
        for name, members in found.items()
    }
    order = in_order(ties)
    left = [name for name in found if name not in {*order}]  # never, in a graph that was checked
    return [Group(name, tuple(found[name]), gathers.get(name)) for name in [*order, *left]]


def as_data(name: str, nodes: Sequence[Node]) -> dict[str, Json]:
    """Return nodes and edges for programs that draw them."""
    known = {one.name for one in nodes}
    counts: dict[str, Json] = {}
    for state in TaskState:
        count = sum(one.state is state and one.kind != GATHER for one in nodes)
        if count:
            counts[state.value] = count
    group = {node.name: one.name for one in groups_of(nodes) for node in one.everything}
    edges: list[Json] = []
    for node in nodes:
        if node.compensates:
            edges.append({"from": node.compensates, "to": node.name, "kind": "undo"})
            continue
        for need in node.needs:
            kind = "need" if need in known else "other_graph"
            edges.append({"from": need, "to": node.name, "kind": kind})
    drawn: list[Json] = [
        {
            "name": one.name,
            "kind": one.kind,
            "task_id": one.task_id or None,
            "state": one.state.value if one.state is not None else None,
            "note": one.note,
            "group": group[one.name],
            "conditional": one.conditional,
            "many": one.many,
        }
        for one in nodes
    ]
    return {"graph": name, "counts": counts, "nodes": drawn, "edges": edges}


_COLOURS = {
    "done": "fill:#d3f9d8,stroke:#2b8a3e",
    "active": "fill:#d0ebff,stroke:#1864ab",
    "asks": "fill:#fff3bf,stroke:#e67700",
    "dead": "fill:#ffe3e3,stroke:#c92a2a",
    "off": "fill:#f1f3f5,stroke:#868e96,stroke-dasharray:4",
}
_CLASSES = {
    TaskState.SUCCEEDED: "done",
    TaskState.STARTING: "active",
    TaskState.RUNNING: "active",
    TaskState.VERIFYING: "active",
    TaskState.NEEDS_INPUT: "asks",
    TaskState.DEAD: "dead",
    TaskState.CANCELLED: "off",
    TaskState.SKIPPED: "off",
}


def as_mermaid(nodes: Sequence[Node]) -> str:
    """Return a flow chart as Mermaid's text, lists as one box each."""
    groups = groups_of(nodes)
    ids = {one.name: f"n{at}" for at, one in enumerate(groups)}
    place = {node.name: ids[one.name] for one in groups for node in one.everything}
    lines = ["flowchart TD"]
    for one in groups:
        many = f" \u00d7 {len(one.nodes)}" if one.gather is not None else ""
        label = _escaped(f"{one.name}{many}")
        shape = f'["{label}"]'
        if one.nodes and one.nodes[0].conditional:
            shape = f'{{{{"{label}"}}}}'
        state = state_of(one)
        style = f":::{_CLASSES[state]}" if state in _CLASSES else ""
        lines.append(f"    {ids[one.name]}{shape}{style}")
    edges: dict[str, None] = {}
    for node in nodes:
        mine = place[node.name]
        if node.compensates in place:
            edges[f"    {place[node.compensates]} -. undo .-> {mine}"] = None
            continue
        for need in node.needs:
            if place.get(need, mine) != mine:
                edges[f"    {place[need]} --> {mine}"] = None
    used = {line.rpartition(":::")[2] for line in lines if ":::" in line}
    styles = [f"    classDef {name} {one}" for name, one in _COLOURS.items() if name in used]
    return "\n".join([*lines, *edges, *styles]) + "\n"


BY_CONCERN = (
    TaskState.NEEDS_INPUT, TaskState.DEAD, TaskState.RUNNING, TaskState.VERIFYING,
    TaskState.STARTING, TaskState.QUEUED, TaskState.DELAYED, TaskState.WAITING,
    TaskState.CANCELLED, TaskState.SKIPPED, TaskState.SUCCEEDED,
)  # fmt: skip
"""What matters most to who looks stands first."""


def state_of(group: Group) -> TaskState | None:
    """Return the state by which a group is shown; None before it is submitted."""
    states = {one.state for one in group.everything}
    return next((one for one in BY_CONCERN if one in states), None)


def _escaped(text: str) -> str:
    return "".join(one if one.isalnum() or one in " -._\u00d7" else f"#{ord(one)};" for one in text)
