"""How long a task may take, and what it may cost, by how others went."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.task_queries import TaskQuery
from iterm_mcp.models.tasks import COMMAND, GATHER, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.task_queries import TaskPage
    from iterm_mcp.models.tasks import Task, TaskSpec

LEAST_SAMPLES = 3
"""With fewer of them, more distant ones are looked at, or nothing is said."""

MOST_SAMPLES = 200

_NUMBER = re.compile(r"-[0-9]+$")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is to be expected of a task that succeeds.

    Attributes:
        seconds: Of its work, failed attempts included; None is not known.
        cost_usd: None is not known.
        samples: How many tasks this is the median of.
        by: What these have in common with it: ``name``, ``template`` or ``kind``; empty for none.
    """

    seconds: float | None = None
    cost_usd: float | None = None
    samples: int = 0
    by: str = ""


UNKNOWN = Estimate()
FREE = Estimate(cost_usd=0.0)
"""Of a command of which nothing is known: it asks no model."""
AT_ONCE = Estimate(0.0, 0.0)
"""Of a task that runs nothing."""


class History(Protocol):
    """Where tasks are found that have been done."""

    async def find(self, query: TaskQuery) -> TaskPage:
        """Return tasks, the newest first."""


async def estimate_graph(graph: GraphSpec, history: History) -> dict[str, Estimate]:
    """Return what is to be expected of each task, by its name.

    Raises:
        StoreError: What was done cannot be read.
    """
    done: dict[str, Sequence[Task]] = {}
    for kind in sorted({one.kind for one in graph.tasks} - {GATHER}):
        wish = TaskQuery(frozenset({TaskState.SUCCEEDED}), kind=kind, limit=MOST_SAMPLES)
        done[kind] = (await history.find(wish)).tasks
    return {one.name: estimate(one, done.get(one.kind, ())) for one in graph.tasks}


def estimate(spec: TaskSpec, done: Iterable[Task]) -> Estimate:
    """Return what is to be expected of a task, by others of its kind that succeeded.

    Those of the same name count first, whatever their number in a list; for agents then those with
    the same template, and then all. Commands of another name have nothing in common.
    """
    if spec.kind == GATHER:
        return AT_ONCE
    if spec.fan_out is not None:  # nobody knows how many there will be
        return UNKNOWN
    alike: list[tuple[str, Callable[[TaskSpec], bool]]] = [
        ("name", lambda one: _stem(one.name) == _stem(spec.name)),
    ]
    if spec.kind != COMMAND:
        alike += [("template", lambda one: one.template == spec.template), ("kind", lambda _: True)]
    known = [*done]
    for by, is_alike in alike:
        samples = [one for one in known if is_alike(one.spec)]
        if len(samples) >= LEAST_SAMPLES:
            return _of(samples, by, spec.kind)
    return FREE if spec.kind == COMMAND else UNKNOWN


def _stem(name: str) -> str:
    return _NUMBER.sub("", name)


def _of(samples: list[Task], by: str, kind: str) -> Estimate:
    seconds = [one for one in map(_seconds, samples) if one is not None]
    costs = [one for one in map(_cost, samples) if one is not None]
    free = 0.0 if kind == COMMAND else None
    return Estimate(
        median(seconds) if len(seconds) >= LEAST_SAMPLES else None,
        median(costs) if len(costs) >= LEAST_SAMPLES else free,
        len(samples),
        by,
    )


def _seconds(task: Task) -> float | None:
    spans = [
        (one.ended_at - one.started_at).total_seconds()
        for one in task.attempts
        if one.ended_at is not None
    ]
    return sum(spans) if spans else None


def _cost(task: Task) -> float | None:
    """Return what all attempts of a task cost; None when that is not known of one of them."""
    known = [None if one.result is None else one.result.cost_usd for one in task.attempts]
    found = [one for one in known if one is not None]
    return sum(found) if found and len(found) == len(known) else None
