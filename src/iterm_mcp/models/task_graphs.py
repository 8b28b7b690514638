"""Many tasks that hang together."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.tasks import GraphId, TaskId, TaskSpec


class FailurePolicy(StrEnum):
    """What becomes of a graph when one of its tasks is dead."""

    STOP = "stop"
    """What has not begun is cancelled; what runs may end."""
    CONTINUE = "continue"
    """Only what needs the dead one is skipped."""
    COMPENSATE = "compensate"
    """As ``stop``; then tasks that make undone what has succeeded run, the newest first."""


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """A graph that is asked for, with lists already fanned out.

    Attributes:
        tasks: Every name once; what they need is among them, or an id of a task that is there.
        key: Asked again with the same key, it is the same graph; empty for none.
    """

    name: str
    tasks: tuple[TaskSpec, ...]
    on_failure: FailurePolicy = FailurePolicy.CONTINUE
    key: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph as it was accepted.

    Attributes:
        tasks: The task of each name.
    """

    graph_id: GraphId
    name: str
    on_failure: FailurePolicy
    created_at: datetime
    submitter: str = ""
    tasks: Mapping[str, TaskId] = field(default_factory=dict)
