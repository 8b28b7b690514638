"""Durable work over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from iterm_mcp.access import TIERS
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.task_queries import MOST_TASKS, TaskQuery
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.services.tasks import views
from iterm_mcp.services.tasks.graphs.picture import as_mermaid, nodes_of_tasks
from iterm_mcp.web.api.routing import Flag, Given, Time, make_router, needs, reply, told
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from iterm_mcp.services.tasks.service import TaskService

DESTRUCTIVE = TIERS[2]
LONGEST_WAIT_SECONDS = 60

Name = Annotated[str, Field(max_length=300)]
Id = Annotated[str, Path(max_length=200)]
Key = Annotated[str, Field(max_length=200)]


class TaskBody(Given):
    """The body of ``POST /v1/tasks``: a task as in a graph's document."""

    name: Annotated[str, Field(max_length=64)] = "task"
    task: dict[str, Any]
    key: Key = ""


class GraphBody(Given):
    """The body of ``POST /v1/graphs``: a document in YAML or JSON."""

    document: str
    variables: dict[str, Any] = Field(default_factory=dict)
    key: Key = ""
    dry_run: Flag = False


class TasksQuery(Given):
    """The parameters of ``GET /v1/tasks``."""

    states: Annotated[list[TaskState], Field(default_factory=list, max_length=len(TaskState))]
    graph: Name = ""
    team: Name = ""
    kind: Name = ""
    repository: Annotated[str, Field(max_length=4096)] = ""
    text: Annotated[str, Field(max_length=500)] = ""
    cursor: Annotated[str, Field(max_length=200)] = ""
    limit: Annotated[int, Field(ge=1, le=MOST_TASKS)] = 50


class GraphQuery(Given):
    """The parameters of ``GET /v1/graphs/{graph_id}``."""

    form: Literal["data", "mermaid"] = "data"


class WaitQuery(Given):
    """The parameters of ``GET /v1/tasks/{task_id}/wait``."""

    seconds: Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS, allow_inf_nan=False)] = 30


class ReasonBody(Given):
    """Why something is cancelled."""

    reason: Annotated[str, Field(max_length=4000)] = ""


class AnswerTaskBody(Given):
    """What a task is answered."""

    text: Annotated[str, Field(max_length=16_000)]


class ForkBody(Given):
    """From which step on a task is tried again."""

    step: Literal["prepare", "begin", "supervise", "collect"] = "collect"


class ScopeBody(Given):
    """Held back: ``everything``, or ``team:…``, ``repository:…``, ``kind:…``, ``account:…``."""

    scope: Annotated[str, Field(max_length=4096)]


class ScheduleBody(Given):
    """The body of ``PUT /v1/schedules/{name}``."""

    document: str
    variables: dict[str, Any] = Field(default_factory=dict)
    cron: Annotated[str, Field(max_length=200)] = ""
    zone: Annotated[str, Field(max_length=100)] = "UTC"
    at: Time | None = None


class DrainBody(Given):
    """Whether a machine takes nothing new."""

    draining: Flag = True


class TaskListBody(BaseModel):
    """Tasks, the newest first."""

    tasks: list[dict[str, Any]]
    cursor: str
    counts: dict[str, int]


FOUND = told(dict[str, Any])


def task_router(tasks: TaskService) -> APIRouter:
    """Return the routes of tasks and graphs."""
    router = make_router("tasks")
    _ask(router, tasks)
    _change(router, tasks)
    _graphs(router, tasks)
    return router


def _ask(router: APIRouter, tasks: TaskService) -> None:
    @router.post("/tasks", responses=FOUND)
    async def submit_task(request: Request, given: TaskBody) -> Response:
        """Queue one task; the same key again gives the same task."""
        return reply(
            views.row(await tasks.submit_one(_caller(request), given.name, given.task, given.key))
        )

    @router.get("/tasks", responses=told(TaskListBody))
    async def list_tasks(given: Annotated[TasksQuery, Query()]) -> Response:
        """List tasks, the newest first, with how many there are in each state."""
        asked = given.model_dump()
        page, counts = await tasks.find(
            TaskQuery(**{**asked, "states": frozenset(asked["states"])})
        )
        return reply(
            {
                "tasks": [views.row(one) for one in page.tasks],
                "cursor": page.cursor,
                "counts": {state.value: many for state, many in counts.items()},
            }
        )

    @router.get("/tasks/{task_id}", responses=FOUND)
    async def show_task(task_id: Id) -> Response:
        """Show a task: why it waits or failed, attempts, evidence, worktrees, result and cost."""
        told = await tasks.explain(task_id)
        return reply(views.whole(told, await tasks.worktrees_of(told.task)))

    @router.get("/tasks/{task_id}/wait", responses=FOUND)
    async def wait_task(task_id: Id, given: Annotated[WaitQuery, Query()]) -> Response:
        """Wait until a task has settled or asks something."""
        (found,) = await tasks.wait([task_id], given.seconds)
        why = await tasks.why_waiting([found])
        return reply(views.done(found, why.get(found.task_id, ())))


def _change(router: APIRouter, tasks: TaskService) -> None:
    engine = tasks.engine

    @router.post("/tasks/{task_id}/cancel", responses=FOUND)
    async def cancel_task(request: Request, task_id: Id, given: ReasonBody) -> Response:
        """End a task; one that runs ends as soon as what it opened is closed."""
        return reply(views.row(await engine.cancel(task_id, _caller(request).name, given.reason)))

    @router.post("/tasks/{task_id}/retry", responses=FOUND)
    async def retry_task(request: Request, task_id: Id) -> Response:
        """Try a dead or cancelled task anew."""
        return reply(views.row(await engine.retry(task_id, _caller(request).name)))

    @router.post("/tasks/{task_id}/answer", responses=FOUND)
    async def answer_task(request: Request, task_id: Id, given: AnswerTaskBody) -> Response:
        """Answer what a task asks."""
        return reply(views.row(await engine.answer(task_id, given.text, _caller(request).name)))

    @router.post("/tasks/{task_id}/fork", responses=FOUND)
    async def fork_task(request: Request, task_id: Id, given: ForkBody) -> Response:
        """Try a dead or cancelled task again from a step on, keeping what was done before it."""
        return reply(views.row(await engine.fork(task_id, given.step, _caller(request).name)))

    @router.delete("/tasks/{task_id}", responses=FOUND, dependencies=[Depends(needs(DESTRUCTIVE))])
    async def purge_task(task_id: Id) -> Response:
        """Forget a settled task."""
        await engine.purge([task_id])
        return reply({"purged": task_id})


def _graphs(router: APIRouter, tasks: TaskService) -> None:
    @router.post("/graphs", responses=FOUND)
    async def submit_graph(request: Request, given: GraphBody) -> Response:
        """Queue a graph of tasks, all or none, or say what it would do."""
        if given.dry_run:
            return reply(views.dry(await tasks.plan(given.document, given.variables)))
        return reply(
            views.graph(
                await tasks.submit(_caller(request), given.document, given.variables, given.key)
            )
        )

    @router.get("/graphs/{graph_id}", responses=FOUND)
    async def show_graph(graph_id: Id, given: Annotated[GraphQuery, Query()]) -> Response:
        """Show a graph: its nodes with their states, and its edges."""
        view = await tasks.graph(graph_id)
        if given.form == "mermaid":
            return reply({"mermaid": as_mermaid(nodes_of_tasks(view.tasks))})
        return reply(views.graph(view))

    @router.post("/graphs/{graph_id}/cancel", responses=FOUND)
    async def cancel_graph(request: Request, graph_id: Id, given: ReasonBody) -> Response:
        """End all tasks of a graph that have not settled."""
        await tasks.cancel(_caller(request), graph_id, given.reason)
        return reply(views.graph(await tasks.graph(graph_id)))


def queue_router(tasks: TaskService) -> APIRouter:
    """Return the routes of what holds tasks back, begins them again and again, and does them."""
    router = make_router("tasks")
    engine = tasks.engine

    @router.get("/queues/pauses", responses=FOUND)
    async def list_pauses() -> Response:
        """List what is held back."""
        return reply({"pauses": [views.pause(one) for one in await engine.pauses()]})

    @router.post("/queues/pause", responses=FOUND)
    async def pause_queue(request: Request, given: ScopeBody) -> Response:
        """Start no more tasks of a scope; what runs goes on."""
        await engine.pause(given.scope, _caller(request).name)
        return reply({"paused": given.scope})

    @router.post("/queues/resume", responses=FOUND)
    async def resume_queue(request: Request, given: ScopeBody) -> Response:
        """Let tasks of a scope start again."""
        await engine.resume(given.scope, _caller(request).name)
        return reply({"resumed": given.scope})

    @router.get("/schedules", responses=FOUND)
    async def list_schedules() -> Response:
        """List what is submitted again and again, or at a time."""
        return reply({"schedules": [views.schedule(one) for one in await engine.schedules()]})

    @router.put("/schedules/{name}", responses=FOUND)
    async def put_schedule(request: Request, name: Id, given: ScheduleBody) -> Response:
        """Have a document submitted whenever a cron expression is due, or once."""
        made = await tasks.schedule(
            _caller(request), name, given.document,
            cron=given.cron, zone=given.zone, at=given.at, variables=given.variables,
        )  # fmt: skip
        return reply(views.schedule(made))

    @router.delete("/schedules/{name}", responses=FOUND)
    async def remove_schedule(name: Id) -> Response:
        """Forget a schedule; what it has submitted stays."""
        await engine.unschedule(name)
        return reply({"removed": name})

    @router.get("/machines", responses=FOUND)
    async def list_machines() -> Response:
        """List the machines that work on these tasks."""
        return reply({"machines": [views.machine(one) for one in await engine.machines()]})

    @router.post("/machines/{machine}/drain", responses=FOUND)
    async def drain_machine(machine: Id, given: DrainBody) -> Response:
        """Have a machine take nothing new, or take on again; what it works on goes on."""
        await engine.drain(machine, draining=given.draining)
        return reply({"machine": machine, "draining": given.draining})

    return router


def _caller(request: Request) -> Caller:
    return Caller(None, grant_of(request.scope).name)
