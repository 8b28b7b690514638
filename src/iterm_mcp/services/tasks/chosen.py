"""Who does the tasks of a graph for which that was left open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.choosing import AUTO, BECAUSE, TASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.choosing import Choice
    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.tasks import TaskSpec


class Chooses(Protocol):
    """Chooses how tasks are done: the chooser."""

    async def choose_all(self, specs: Sequence[TaskSpec]) -> list[tuple[TaskSpec, Choice]]:
        """Return tasks with how each is done, and why.

        Raises:
            InvalidRequestError: Its file means nothing.
        """


async def with_chosen(graph: GraphSpec, chooser: Chooses | None) -> GraphSpec:
    """Return a graph in which every task has the kind of an agent, and why it is that one.

    A list has one choice for each element where it is known by now, else one for all.

    Raises:
        InvalidRequestError: No arm can be had for one of them, or the chooser's file is wrong.
    """
    left_open = [one for one in graph.tasks if one.kind == AUTO]
    if not left_open:
        return graph
    if chooser is None:
        raise _nobody(left_open[0], "nothing is chosen here")
    found = {}
    for spec, choice in await chooser.choose_all(left_open):
        if not choice.arm:
            raise _nobody(spec, choice.reason)
        found[spec.name] = replace(spec, strategy={**spec.strategy, BECAUSE: choice.reason})
    return replace(graph, tasks=tuple(found.get(one.name, one) for one in graph.tasks))


def _nobody(spec: TaskSpec, why: str) -> InvalidRequestError:
    work = spec.strategy.get(TASK, "")
    of_work = f" for work {work!r}" if work else ""
    return InvalidRequestError(
        f"nobody can be chosen for {spec.name!r}{of_work}: {why}",
        hint="Declare arms in choosing.toml in the state folder and see "
        "iterm-mcp choosing explain, or write kind: claude, or another.",
        code="no_arm",
    )
