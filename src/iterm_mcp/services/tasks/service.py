"""What people and programs ask of durable work, whichever way they come."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, NotFoundError, shown
from iterm_mcp.models.task_queries import MOST_TASKS, TaskQuery
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.services.tasks.chosen import with_chosen
from iterm_mcp.services.tasks.graphs.dry_run import dry_run
from iterm_mcp.services.tasks.graphs.estimates import estimate_graph
from iterm_mcp.services.tasks.graphs.reading import read_graph
from iterm_mcp.services.tasks.shared_backlog import SharedBacklog
from iterm_mcp.telemetry.trace_context import current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.models.callers import Caller
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.task_graphs import Graph, GraphSpec
    from iterm_mcp.models.task_queries import Explanation, Schedule, TaskPage
    from iterm_mcp.models.tasks import Task
    from iterm_mcp.models.worktrees import WorktreeFacts
    from iterm_mcp.services.tasks.chosen import Chooses
    from iterm_mcp.services.tasks.graphs.dry_run import DryRun
    from iterm_mcp.services.tasks.graphs.known import Known
    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tasks.front.redis_front import RedisFront

MOST_WAITED_FOR = 1000
MOST_EXPLAINED = 5
"""Of tasks that were waited for in vain."""
MOST_WORKTREES = 5
"""Of one task that are looked at: each takes some runs of git."""


@dataclass(frozen=True, slots=True)
class GraphView:
    """A graph with its tasks, in the order in which they were accepted."""

    graph: Graph
    tasks: tuple[Task, ...]


class TaskService:
    """What can be asked, over the engine.

    Args:
        known: Tells which kinds and templates there are, now.
        room: Tells how many attempts may run at once.
        front: This machine's part in a shared backlog; None where it has none.
        look: Looks at a worktree of this machine; None where there are none.
        chooser: Says who does what is asked of nobody in particular.

    Attributes:
        shared: What can be asked of the shared backlog.
    """

    def __init__(
        self,
        engine: TaskEngine,
        known: Callable[[], Awaitable[Known]],
        room: Callable[[], int],
        front: RedisFront | None = None,
        look: Callable[[str], Awaitable[WorktreeFacts]] | None = None,
        chooser: Chooses | None = None,
    ) -> None:
        self.engine = engine
        self.shared = SharedBacklog(self, front)
        self._known = known
        self._room = room
        self._look = look
        self._chooser = chooser

    async def read(
        self, document: str, variables: Mapping[str, Json] | None = None, key: str = ""
    ) -> GraphSpec:
        """Return what a document asks for, with who does what it leaves open.

        Raises:
            InvalidRequestError: Something is wrong; the text holds all that was found, by line. Or
                nobody can be chosen for one of its tasks.
        """
        known = await self._known()
        graph = await to_thread.run_sync(
            partial(read_graph, document, dict(variables or {}), known, key=key)
        )
        return await with_chosen(graph, self._chooser)

    async def plan(self, document: str, variables: Mapping[str, Json] | None = None) -> DryRun:
        """Return what a document would do; nothing is submitted.

        Raises:
            InvalidRequestError: As `read`.
        """
        spec = await self.read(document, variables)
        estimates = await estimate_graph(spec, self.engine)
        return dry_run(spec, estimates, self._room())

    async def submit(
        self,
        caller: Caller,
        document: str,
        variables: Mapping[str, Json] | None = None,
        key: str = "",
    ) -> GraphView:
        """Accept a graph; the same key again gives the same graph.

        Raises:
            InvalidRequestError: It cannot be done as it is asked for.
        """
        spec = _traced(await self.read(document, variables, key))
        return await self._view(await self.engine.submit(spec, caller.name))

    async def submit_one(
        self, caller: Caller, name: str, part: Mapping[str, Json], key: str = ""
    ) -> Task:
        """Accept a single task, said as a task of a document is.

        Raises:
            InvalidRequestError: It cannot be done as it is asked for.
        """
        document = json.dumps({"graph": name, "tasks": {name: dict(part)}})
        return (await self.submit(caller, document, key=key)).tasks[-1]

    async def graph(self, graph_id: str) -> GraphView:
        """Return a graph with its tasks.

        Raises:
            NotFoundError: There is none.
        """
        return await self._view(await self.engine.graph(graph_id))

    async def _view(self, graph: Graph) -> GraphView:
        found: list[Task] = []
        cursor = ""
        while True:
            page = await self.engine.find(
                TaskQuery(graph=graph.graph_id, cursor=cursor, limit=MOST_TASKS)
            )
            found += page.tasks
            cursor = page.cursor
            if not cursor:
                return GraphView(graph, tuple(reversed(found)))

    async def find(self, query: TaskQuery) -> tuple[TaskPage, dict[TaskState, int]]:
        """Return a page of tasks, and how many there are in each state."""
        return await self.engine.find(query), await self.engine.counts()

    async def explain(self, task_id: str) -> Explanation:
        """Return a task with why it waits, and why its attempts failed.

        Raises:
            NotFoundError: There is none.
        """
        return await self.engine.explain(task_id)

    async def worktrees_of(self, task: Task) -> tuple[WorktreeFacts, ...]:
        """Return the worktrees of a task's last attempts that are still there, the newest first.

        Those of attempts that go on, or that ran on another machine, are not among them.
        """
        look = self._look
        if look is None:
            return ()
        found = []
        ended = [one.worktree for one in task.attempts if one.worktree and one.ended_at is not None]
        for name in ended[: -MOST_WORKTREES - 1 : -1]:
            try:
                facts = await look(name)
            except ItermMcpError:  # it is another machine's, or git fails: the task is shown
                continue
            if facts.head:
                found.append(facts)
        return tuple(found)

    async def why_waiting(self, tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
        """Return what the first few of those that could not start yet wait for."""
        late = [one.task_id for one in tasks if one.state is TaskState.QUEUED][:MOST_EXPLAINED]
        return {
            one: tuple(obstacle.sentence for obstacle in (await self.explain(one)).obstacles)
            for one in late
        }

    async def wait(self, ids: Sequence[str], seconds: float) -> tuple[Task, ...]:
        """Wait until all tasks, or all of graphs, have settled or ask something.

        Raises:
            InvalidRequestError: None is named, or too many are.
            NotFoundError: One is not there.
        """
        if not ids:
            raise InvalidRequestError("which tasks?", hint="Give ids of tasks or graphs.")
        tasks: list[str] = []
        for one in ids:
            graph = (await self.engine.graph(one)).tasks.values() if is_graph(one) else (one,)
            tasks += graph
        if len(tasks) > MOST_WAITED_FOR:
            raise InvalidRequestError(
                f"{len(tasks)} tasks are too many to wait for at once",
                hint=f"Wait for {MOST_WAITED_FOR} at most, or for those at the graph's end.",
            )
        wanted = list(dict.fromkeys(tasks))
        found = await self.engine.wait(wanted, seconds)
        if len(found) < len(wanted):
            gone = min(set(wanted) - {one.task_id for one in found})
            raise NotFoundError("task", gone, hint="List tasks; it may have been purged.")
        return found

    async def cancel(self, caller: Caller, one: str, reason: str = "") -> tuple[Task, ...]:
        """End a task, or all of a graph that have not settled.

        Raises:
            NotFoundError: It is not there.
            ConflictError: The task has ended otherwise.
        """
        if not is_graph(one):
            return (await self.engine.cancel(one, caller.name, reason),)
        return (await self._view(await self.engine.cancel_graph(one, caller.name, reason))).tasks

    async def schedule(
        self,
        caller: Caller,
        name: str,
        document: str,
        *,
        cron: str = "",
        zone: str = "UTC",
        at: datetime | None = None,
        variables: Mapping[str, Json] | None = None,
    ) -> Schedule:
        """Have a document submitted whenever a cron expression is due, or once.

        Raises:
            InvalidRequestError: The document, the expression or the zone cannot be.
        """
        spec = await self.read(document, variables)
        return await self.engine.schedule(name, spec, caller.name, cron=cron, zone=zone, at=at)


def is_graph(one: str) -> bool:
    """Tell a graph's id from a task's.

    Raises:
        InvalidRequestError: It is neither.
    """
    if one.startswith("g-"):
        return True
    if one.startswith("t-"):
        return False
    raise InvalidRequestError(
        f"{shown(one)} is no id of a task or a graph",
        hint="A task's begins with t-, a graph's with g-; list_tasks tells them. What stands in "
        "the shared backlog begins with s-, and is shown, waited for and cancelled alone.",
    )


def _traced(graph: GraphSpec) -> GraphSpec:
    """Return a graph whose tasks know in which span they are asked for, if in any."""
    here = current()
    if here is None:
        return graph
    return replace(graph, tasks=tuple(replace(one, trace=here.traceparent) for one in graph.tasks))
