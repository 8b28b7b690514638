"""What came of a message, as its submitter is told."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.tasks import TaskState
from iterm_mcp.tasks.codec import read_result, result_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.tasks import Task, TaskResult


PREFIX = "s-"
"""Begins the ids of messages: unlike those of a machine's own tasks and graphs."""


class Level(StrEnum):
    """How urgent a message is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How one task of a message ended."""

    state: TaskState
    reason: str = ""
    attempts: int = 0
    result: TaskResult | None = None


@dataclass(frozen=True, slots=True)
class FrontResult:
    """How all tasks of a message ended.

    Attributes:
        machine: Where they ran; paths in results are paths there. Empty where none did.
        graph_id: Of that machine's own tasks.
        tasks: By their names.
        reason: Why there are none; empty otherwise.
    """

    machine: str
    graph_id: str
    tasks: Mapping[str, TaskEnd] = field(default_factory=dict)
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """Tell whether all was done, apart from what was not to be."""
        good = (TaskState.SUCCEEDED, TaskState.SKIPPED)
        return bool(self.tasks) and all(one.state in good for one in self.tasks.values())


@dataclass(frozen=True, slots=True)
class Standing:
    """How a message stands.

    Attributes:
        machine: Which one has it, or had it; empty while none has.
        result: What came of it; None while it is not over.
    """

    machine: str = ""
    result: FrontResult | None = None

    @property
    def state(self) -> str:
        """In a word: ``queued``, ``running`` or ``settled``."""
        if self.result is not None:
            return "settled"
        return "running" if self.machine else "queued"


def message_id(key: str) -> str:
    """Return the id of the message with a key: the same for the same, a new one for none."""
    unlike = hashlib.sha256(key.encode()).hexdigest()[:24] if key else secrets.token_hex(12)
    return f"{PREFIX}{unlike}"


def level_of(graph: GraphSpec) -> Level:
    """Return how urgent a graph is: as its most urgent task."""
    priority = max((one.priority for one in graph.tasks), default=0)
    return Level.HIGH if priority > 0 else Level.LOW if priority < 0 else Level.NORMAL


def result_of(machine: str, graph_id: str, tasks: Iterable[Task]) -> FrontResult:
    """Return what came of tasks that have all settled."""
    ends = {
        one.spec.name: TaskEnd(one.state, one.reason, len(one.attempts), one.result)
        for one in tasks
    }
    return FrontResult(machine, graph_id, ends)


def front_json(result: FrontResult) -> dict[str, Any]:
    """Return a result as JSON."""
    value = asdict(result)
    value["tasks"] = {
        name: {**asdict(one), "result": result_json(one.result) if one.result else None}
        for name, one in result.tasks.items()
    }
    return value


def read_front(value: Mapping[str, Any]) -> FrontResult:
    """Return the result that `front_json` wrote."""
    tasks = {
        name: TaskEnd(
            TaskState(one["state"]),
            one["reason"],
            one["attempts"],
            read_result(one["result"]) if one["result"] else None,
        )
        for name, one in value["tasks"].items()
    }
    return FrontResult(value["machine"], value["graph_id"], tasks, value["reason"])
