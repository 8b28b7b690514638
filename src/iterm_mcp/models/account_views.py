"""A conversation to look at: as bars, as a graph, beside others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.accounts import Account, ChangedFile, Outcome


class BarKind(StrEnum):
    """What a bar of a timeline stands for."""

    CONVERSATION = "conversation"
    TURN = "turn"
    SUBAGENT = "subagent"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of a timeline.

    Attributes:
        lane: Bars of one lane are drawn on one row: the conversation, or a subagent of it.
        parent: The `name` of the bar that it belongs to; empty at the top.
        ended_at: None while it goes on, or if its end was lost.
        waited_seconds: How much of it was waiting for a person.
    """

    kind: BarKind
    name: str
    lane: str
    parent: str
    label: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome
    waited_seconds: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars in the order of their beginnings.

    Attributes:
        left_out: How many short calls are missing, because there were too many.
    """

    bars: tuple[Bar, ...]
    left_out: int


class NodeKind(StrEnum):
    """What a node of a graph stands for."""

    PROMPT = "prompt"
    TOOL = "tool"
    SUBAGENT = "subagent"
    FILE = "file"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a dependency graph.

    Attributes:
        node: Its id within the graph.
        times: How many events it stands for.
    """

    node: str
    kind: NodeKind
    label: str
    times: int
    seconds: float
    dollars: float
    failed: int


@dataclass(frozen=True, slots=True)
class Edge:
    """What led to what, and how often."""

    source: str
    target: str
    times: int


@dataclass(frozen=True, slots=True)
class Graph:
    """What led to what in a conversation.

    Attributes:
        left_out: How many nodes are missing, because there were too many.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a conversation, to be compared: a prompt or a call."""

    what: str
    subject: str
    seconds: float | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ComparedStep:
    """What stands beside each other; None where a conversation has nothing there.

    Attributes:
        same: Whether all did the same, on the same thing.
    """

    steps: tuple[Step | None, ...]
    same: bool


@dataclass(frozen=True, slots=True)
class ComparedFile:
    """What became of a path in each conversation; None where it was not touched."""

    path: str
    files: tuple[ChangedFile | None, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Conversations side by side, in the order in which they were named.

    Attributes:
        steps: Aligned to the first conversation.
        similarity: How much of its steps each shares with the first, 0 to 1; 1 for the first.
        left_out: How many steps of the longest are not compared, because there were too many.
    """

    accounts: tuple[Account, ...]
    steps: tuple[ComparedStep, ...]
    similarity: tuple[float, ...]
    files: tuple[ComparedFile, ...]
    left_out: int
