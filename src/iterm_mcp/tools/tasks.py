"""Tools for durable work."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
from mcp.server.mcpserver import Context
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.task_queries import MOST_TASKS, TaskQuery
from iterm_mcp.models.tasks import SETTLED, TaskState
from iterm_mcp.services.tasks import views
from iterm_mcp.services.tasks.graphs.drawing import draw
from iterm_mcp.services.tasks.graphs.picture import nodes_of_tasks
from iterm_mcp.services.tasks.graphs.telling import tell
from iterm_mcp.services.tasks.service import is_graph
from iterm_mcp.services.tasks.shared_backlog import is_shared
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.callers import caller_of
from iterm_mcp.tools.progress import progress
from iterm_mcp.tools.tool import READS, TYPES, ToolRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.callers import Caller
    from iterm_mcp.models.tasks import Task
    from iterm_mcp.services.tasks.service import TaskService

DRAWN_COLUMNS = 100

Action = Literal[
    "cancel",
    "retry",
    "answer",
    "fork",
    "purge",
    "pause",
    "resume",
    "drain",
    "undrain",
    "unschedule",
]
What = Literal["tasks", "graph", "schedules", "pauses", "machines"]

_Document = Annotated[str, Field(description="YAML or JSON.")]
_Variables = Annotated[dict[str, Any], Field(description="Their values.")]


class TaskTools:
    """The tools over `TaskService`."""

    def __init__(self, tasks: TaskService) -> None:
        self._tasks = tasks

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.submit_tasks, "Submit tasks", TYPES, "durable work queue graph pipeline"),
            ToolRow(self.list_tasks, "List tasks", READS, "queue graph schedules dead letters"),
            ToolRow(self.show_task, "Show task", READS, "explain why waiting failed result"),
            ToolRow(self.wait_tasks, "Wait for tasks", READS, "until done graph result"),
            ToolRow(
                self.change_tasks,
                "Change tasks",
                TYPES,
                "cancel retry answer pause resume",
                ends=frozenset({"purge"}),
            ),
        ]

    async def submit_tasks(
        self,
        document: _Document,
        variables: _Variables = {},
        key: Annotated[str, Field(description="Same key, same graph.", max_length=200)] = "",
        schedule: Annotated[
            str, Field(description="A name: submit it by cron or at, not now.", max_length=200)
        ] = "",
        cron: Annotated[str, Field(description="Five fields.", max_length=200)] = "",
        zone: Annotated[str, Field(description="Of cron.", max_length=100)] = "UTC",
        at: Annotated[str, Field(description="2026-01-31T12:00:00Z.", max_length=100)] = "",
        dry_run: Annotated[bool, Field(description="Only tell what it would do.")] = False,
        shared: Annotated[bool, Field(description="On whichever machine has room.")] = False,
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Queue work that outlives every restart: one task, or a graph of many.

        graph (a name), on_failure (continue, stop, compensate), variables, defaults, tasks by
        name: run (a command line), or kind (an agent's; auto: chosen for work, as bugfix) and
        prompt; directory; worktree; needs; when; fan_out; then; undo; files; accept (exit_codes,
        commands, commit, pull_request, output: JSON schema): only what is shown counts as done;
        retry, deadline, priority, template, team, limits. ${name}, ${item},
        ${tasks.NAME.output.path}. Five run at once. What takes seconds: run_command.
        """
        tasks, caller = self._tasks, caller_of(context)
        if dry_run:
            plan = await tasks.plan(document, variables)
            return {"plan": tell(plan, DRAWN_COLUMNS), **views.dry(plan)}
        if shared and (schedule or cron or at):
            raise InvalidRequestError(
                "what is shared is not scheduled", hint="Leave out shared, or the schedule."
            )
        if shared:
            return views.shared(await tasks.shared.submit(caller, document, variables, key))
        if schedule:
            made = await tasks.schedule(
                caller, schedule, document, cron=cron, zone=zone, at=_time(at), variables=variables
            )
            return views.schedule(made)
        if cron or at:
            raise InvalidRequestError(
                "cron and at are of a schedule", hint="Give its name as schedule, too."
            )
        view = await tasks.submit(caller, document, variables, key)
        return {
            "graph_id": view.graph.graph_id,
            "tasks": dict(view.graph.tasks),
        }

    async def list_tasks(
        self,
        what: Annotated[What, Field(description="Graph: one, drawn.")] = "tasks",
        graph: Annotated[str, Field(description="Its id.", max_length=200)] = "",
        states: Annotated[list[TaskState], Field(description="dead: dead letters.")] = [],
        team: Annotated[str, Field(description="Only its.", max_length=200)] = "",
        text: Annotated[str, Field(description="In name or prompt.", max_length=500)] = "",
        cursor: Annotated[str, Field(description="Of the last page.", max_length=200)] = "",
        limit: Annotated[int, Field(description="At most.", ge=1, le=MOST_TASKS)] = 20,
    ) -> Json:
        """List tasks, newest first, with counts by state; or draw a graph; or list what else."""
        engine = self._tasks.engine
        match what:
            case "graph":
                view = await self._tasks.graph(graph)
                drawn = draw(view.graph.name, nodes_of_tasks(view.tasks), DRAWN_COLUMNS)
                return {"drawing": "\n".join(drawn), **views.graph(view)}
            case "schedules":
                return {"schedules": [views.schedule(one) for one in await engine.schedules()]}
            case "pauses":
                return {"pauses": [views.pause(one) for one in await engine.pauses()]}
            case "machines":
                status = views.shared_status(await self._tasks.shared.status())
                listed = {"machines": [views.machine(one) for one in await engine.machines()]}
                return {**listed, "shared_backlog": status} if status else listed
            case _:
                page, counts = await self._tasks.find(
                    TaskQuery(
                        states=frozenset(states), graph=graph, team=team, text=text,
                        cursor=cursor, limit=limit,
                    )
                )  # fmt: skip
                return {
                    "tasks": [views.row(one) for one in page.tasks],
                    "cursor": page.cursor,
                    "counts": {state.value: many for state, many in counts.items() if many},
                }

    async def show_task(
        self, task_id: Annotated[str, Field(description="t-…, or s-….", max_length=200)]
    ) -> Json:
        """Show a task: why it waits or failed, its attempts, evidence, result and cost."""
        if is_shared(task_id):
            return views.shared(await self._tasks.shared.show(task_id))
        told = await self._tasks.explain(task_id)
        return views.whole(told, await self._tasks.worktrees_of(told.task))

    async def wait_tasks(
        self,
        ids: Annotated[list[str], Field(description="Of tasks or graphs.", max_length=1000)],
        seconds: Annotated[
            float, Field(description="At most.", ge=0, le=3600, allow_inf_nan=False)
        ] = 60,
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Wait until tasks have settled or ask something; they go on when the time is over."""
        shared = [one for one in ids if is_shared(one)]
        own = [one for one in ids if not is_shared(one)]
        ends_at = anyio.current_time() + seconds
        async with progress(context, self._now):
            found = await self._tasks.wait(own, seconds) if own or not shared else ()
            left_seconds = max(0.0, ends_at - anyio.current_time())
            graphs = await self._tasks.shared.wait(shared, left_seconds) if shared else ()
        left = [one for one in found if one.state not in SETTLED]
        why = await self._tasks.why_waiting(left)
        told: Json = {
            "settled": not left and all(one.standing.result is not None for one in graphs),
            "tasks": [views.done(one, why.get(one.task_id, ())) for one in found],
        }
        return {**told, "shared": [views.shared(one) for one in graphs]} if shared else told

    def _now(self) -> str:
        return "waiting for tasks"

    async def change_tasks(
        self,
        action: Annotated[Action, Field(description="What to do.")],
        target: Annotated[
            str,
            Field(
                description="Task or graph (cancel), task; pause, resume: everything, team:…, "
                "repository:…, kind:…, account:…; a machine; a schedule.",
                max_length=300,
            ),
        ],
        text: Annotated[
            str,
            Field(description="Answer, reason, or fork's step: begin, collect ….", max_length=4000),
        ] = "",
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Cancel, retry (dead ones), answer, fork from a step, purge; pause or resume starts."""
        caller, engine = caller_of(context), self._tasks.engine
        if action == "cancel" and is_shared(target):
            return views.shared(await self._tasks.shared.cancel(caller, target, text))
        match action:
            case "pause":
                await engine.pause(target, caller.name)
            case "resume":
                await engine.resume(target, caller.name)
            case "drain" | "undrain":
                await engine.drain(target, draining=action == "drain")
            case "unschedule":
                await engine.unschedule(target)
            case "purge":
                await engine.purge([target])
            case _:
                changed = await self._change(action, target, text, caller)
                return {"tasks": [views.row(one) for one in changed]}
        return {"done": action, "target": target}

    async def _change(
        self, action: Action, target: str, text: str, caller: Caller
    ) -> Sequence[Task]:
        if action == "cancel":
            return await self._tasks.cancel(caller, target, text)
        if is_graph(target):
            raise InvalidRequestError(
                f"only one task can be asked to {action}", hint="Give its id; list_tasks tells it."
            )
        engine = self._tasks.engine
        if action == "retry":
            return (await engine.retry(target, caller.name),)
        if action == "answer":
            return (await engine.answer(target, text, caller.name),)
        return (await engine.fork(target, text or "collect", caller.name),)


def _time(text: str) -> datetime | None:
    """Return a time that must say its zone; None where none is given.

    Raises:
        InvalidRequestError: It is none.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidRequestError(
            f"{shown(text)} is no time with a zone", hint="Write it as 2026-01-31T12:00:00Z."
        )
    return found
