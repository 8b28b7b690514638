"""A graph as text for a terminal: who waits for whom, and how it stands. Pure.

Each task stands once, below the last of those that it needs; what else it needs is told beside it.
A list stands in one line, whatever its length, with a sign for each of its tasks below.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from iterm_mcp.models.tasks import GATHER, TaskState
from iterm_mcp.services.tasks.graphs.picture import BY_CONCERN, groups_of, state_of
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iterm_mcp.services.tasks.graphs.picture import Group, Node

LEAST_WIDTH = 40
MOST_STRIP_LINES = 6
MOST_NOTE = 300


@dataclass(frozen=True, slots=True)
class Signs:
    """What a drawing is made of.

    Attributes:
        fork, last: Before a branch, and before the last one.
        line: Beside what stands below a branch.
        next: Before the only task that waits for the one above.
        states: One sign for each state, one column wide.
    """

    fork: str
    last: str
    line: str
    next: str
    more: str
    times: str
    states: Mapping[TaskState | None, str]


_WORDS = (
    None, TaskState.WAITING, TaskState.DELAYED, TaskState.QUEUED, TaskState.STARTING,
    TaskState.RUNNING, TaskState.NEEDS_INPUT, TaskState.VERIFYING, TaskState.SUCCEEDED,
    TaskState.DEAD, TaskState.CANCELLED, TaskState.SKIPPED,
)  # fmt: skip
UNICODE = Signs(
    "├─ ", "└─ ", "│  ", "↓ ", "…", "\u00d7", dict(zip(_WORDS, "○·~◦◌▶?◍✔✘⊘-", strict=True))
)
ASCII = Signs("|- ", "`- ", "|  ", "v ", "..", "x", dict(zip(_WORDS, "o.~q*>?=+X/-", strict=True)))


def draw(name: str, nodes: Sequence[Node], width: int = 80, signs: Signs = UNICODE) -> list[str]:
    """Return lines that are no longer than a terminal is wide, but never narrower than 40."""
    width = max(width, LEAST_WIDTH)
    groups = groups_of(nodes)
    drawing = _Drawing(groups, width, signs)
    count = sum(one.kind != GATHER for one in nodes)
    states = Counter(one.state for one in nodes if one.kind != GATHER)
    told = _told(states)
    head = f"{name}: {count} task{'s' if count != 1 else ''}{f', {told}' if told else ''}"
    return [*wrap(head, width, subsequent_indent="  "), *drawing.lines()]


def _told(states: Counter[TaskState | None]) -> str:
    return ", ".join(
        f"{states[one]} {one.value.replace('_', ' ')}" for one in BY_CONCERN if states[one]
    )


class _Drawing:
    """Places groups below one another."""

    def __init__(self, groups: Sequence[Group], width: int, signs: Signs) -> None:
        self._groups = {one.name: one for one in groups}
        self._width = width
        self._signs = signs
        place = {node.name: one.name for one in groups for node in one.everything}
        self._needs = {one.name: _needs(one, place) for one in groups}
        self._outside = {
            one.name: sorted({need for node in one.nodes for need in node.needs} - {*place})
            for one in groups
        }
        depth: dict[str, int] = {}
        self._below: dict[str, list[str]] = {"": []}
        for one in groups:  # each after all that it needs
            self._below[one.name] = []
            needs = [need for need in self._needs[one.name] if need in depth]
            depth[one.name] = 1 + max((depth[need] for need in needs), default=0)
            last = max(needs, key=lambda need: depth[need], default="")
            self._below[last].append(one.name)
        self._parent = {name: above for above, names in self._below.items() for name in names}

    def lines(self) -> Iterator[str]:
        # A stack, not recursion: a chain may be thousands of tasks long.
        waiting = [(name, "", "") for name in reversed(self._below[""])]
        while waiting:
            name, lead, indent = waiting.pop()
            group = self._groups[name]
            yield self._line(group, lead)
            below = self._below[name]
            yield from self._strip(group, indent + (self._signs.line if len(below) > 1 else "   "))
            branches = [
                (one, *self._branch(indent, last=one == below[-1], alone=len(below) == 1))
                for one in below
            ]
            waiting += reversed(branches)

    def _branch(self, indent: str, *, last: bool, alone: bool) -> tuple[str, str]:
        """Return what stands before a task, and before what is below it."""
        signs = self._signs
        if alone:
            return indent + signs.next, indent
        if len(indent) > self._width // 2:  # it has become too deep to be told by columns
            return indent + signs.more, indent
        return indent + (signs.last if last else signs.fork), indent + (
            "   " if last else signs.line
        )

    def _line(self, group: Group, lead: str) -> str:
        state = state_of(group)
        sign = self._signs.states[state]
        many = f" {self._signs.times}{len(group.nodes)}" if group.gather is not None else ""
        title = f"{lead}{sign} {group.name}{many}"
        notes = [*self._notes(group)]
        return self.cut("  ".join([title, *notes]))

    def _notes(self, group: Group) -> Iterator[str]:
        if group.gather is not None:
            told = _told(Counter(one.state for one in group.nodes))
        else:
            (node,) = group.nodes
            told = node.state.value.replace("_", " ") if node.state is not None else node.kind
        if told:
            yield told
        if any(one.conditional for one in group.nodes):
            yield "(on a condition)"
        if any(one.many for one in group.nodes):
            yield "(one for each that is found)"
        undone = group.nodes[0].compensates if group.nodes else ""
        if undone:
            yield f"(makes {undone} undone)"
        also = [one for one in self._needs[group.name] if one != self._parent[group.name]]
        also += self._outside[group.name]
        if also and not undone:
            yield f"(also needs {', '.join(also)})"
        if len(group.nodes) == 1 and group.nodes[0].note:
            yield " ".join(sanitise(group.nodes[0].note[:MOST_NOTE]).split())

    def _strip(self, group: Group, indent: str) -> Iterator[str]:
        """Yield a sign for each task of a list, once they have states."""
        if group.gather is None or all(one.state is None for one in group.nodes):
            return
        signs = "".join(self._signs.states[one.state] for one in group.nodes)
        room = max(self._width - len(indent), 10)
        lines = [signs[at : at + room] for at in range(0, len(signs), room)]
        for line in lines[:MOST_STRIP_LINES]:
            yield self.cut(indent + line)
        if len(lines) > MOST_STRIP_LINES:
            yield self.cut(f"{indent}{self._signs.more}")

    def cut(self, line: str) -> str:
        """Return a line that is not too long."""
        if columns(line) <= self._width:
            return line.rstrip()
        room = self._width - len(self._signs.more)
        while columns(line) > room:
            line = line[:-1]
        return line + self._signs.more


def columns(text: str) -> int:
    """Return how many columns a line takes."""
    return len(text) + sum(east_asian_width(one) in "WF" for one in text)


def _needs(group: Group, place: Mapping[str, str]) -> list[str]:
    found = {place[need]: None for node in group.nodes for need in node.needs if need in place}
    return [one for one in found if one != group.name]
