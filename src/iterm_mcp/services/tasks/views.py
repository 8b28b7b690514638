"""Tasks and graphs as data, for all that show them. What programs said is sanitised. Pure."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.tasks import SETTLED
from iterm_mcp.services.tasks.graphs.picture import as_data, nodes_of_tasks
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.task_queries import Explanation, Machine, Pause, Schedule
    from iterm_mcp.models.tasks import Attempt, Task, TaskResult
    from iterm_mcp.models.worktrees import WorktreeFacts
    from iterm_mcp.services.tasks.graphs.dry_run import DryRun
    from iterm_mcp.services.tasks.service import GraphView
    from iterm_mcp.services.tasks.shared_backlog import SharedGraph, SharedStatus

Json = dict[str, Any]

MOST_CHARACTERS = 8000
"""Of one text; its end is kept."""


def plain(value: object) -> Any:  # noqa: ANN401 - any data
    """Return a value as JSON has it, with texts sanitised and capped."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(one) for name, one in asdict(value).items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, dict):
        return {sanitise(str(name))[:200]: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return sanitise(value)[-MOST_CHARACTERS:] if isinstance(value, str) else value


def row(task: Task) -> Json:
    """Return a task in short: where it stands, and why."""
    found: Json = {
        "task_id": task.task_id,
        "name": sanitise(task.spec.name),
        "kind": task.spec.kind,
        "state": task.state.value,
        "created_at": plain(task.created_at),
    }
    if task.graph:
        found["graph"] = task.graph
    if task.reason:
        found["reason"] = sanitise(task.reason)[:500]
    if task.question:
        found["question"] = sanitise(task.question)[:2000]
    if task.cancelling:
        found["cancelling"] = True
    if len(task.attempts) > 1:
        found["attempts"] = len(task.attempts)
    if task.settled_at is not None:
        found["settled_at"] = plain(task.settled_at)
    return found


def whole(told: Explanation, worktrees: Sequence[WorktreeFacts] = ()) -> Json:
    """Return a task with all that is known of it.

    Args:
        worktrees: Of its attempts, that are still there.
    """
    task = told.task
    found = row(task) | {
        "spec": _without_empty(plain(task.spec)),
        "attempts": [_attempt(one) for one in task.attempts],
        "moves": [_without_empty(plain(one)) for one in task.moves],
        "submitter": sanitise(task.submitter),
    }
    if told.obstacles:
        found["waits_for"] = [sanitise(one.sentence) for one in told.obstacles]
    if told.failures:
        found["failed_because"] = [_without_empty(plain(one)) for one in told.failures]
    if worktrees:
        found["worktrees_kept"] = [_kept(one) for one in worktrees]
    if task.result is not None:
        found["result"] = _result(task.result)
    return found


def _kept(facts: WorktreeFacts) -> Json:
    """Return a worktree with why it stays; without a reason the next ``worktrees gc`` takes it."""
    found = {
        "worktree": facts.worktree.name, "path": facts.worktree.path,
        "branch": facts.worktree.branch, "because": facts.kept_because,
    }  # fmt: skip
    return _without_empty(dict(plain(found)))


def done(task: Task, waits_for: Sequence[str] = ()) -> Json:
    """Return a task as one that waited for it wants it: with its result, or why there is none."""
    found = row(task)
    if waits_for:
        found["waits_for"] = [sanitise(one) for one in waits_for]
    if task.state in SETTLED and task.result is not None:
        found["result"] = _result(task.result)
    return found


def graph(view: GraphView) -> Json:
    """Return a graph: its nodes with their states, and its edges."""
    found = as_data(view.graph.name, nodes_of_tasks(view.tasks))
    return {
        "graph_id": view.graph.graph_id,
        "on_failure": view.graph.on_failure.value,
        "created_at": plain(view.graph.created_at),
        **plain(found),
    }


def shared(graph: SharedGraph) -> Json:
    """Return a graph of the shared backlog: where it stands, and what came of each task."""
    standing = graph.standing
    found: Json = {"shared_id": graph.shared_id, "state": standing.state}
    if standing.machine:
        found["machine"] = sanitise(standing.machine)
    if standing.result is not None:
        found["succeeded"] = standing.result.succeeded
        if standing.result.reason:
            found["reason"] = sanitise(standing.result.reason)[:500]
        found["tasks"] = {
            sanitise(name)[:200]: _without_empty(plain(one))
            for name, one in standing.result.tasks.items()
        }
    return found


def shared_status(status: SharedStatus | None) -> Json:
    """Return how this machine's part in the shared backlog stands; nothing where it has none."""
    return {} if status is None else _without_empty(plain(status))


def dry(plan: DryRun) -> Json:
    """Return what a graph would do."""
    return {**plain(plan), "waves": [[one.name for one in wave] for wave in plan.waves]}


def schedule(one: Schedule) -> Json:
    """Return a schedule, with the names of its tasks alone."""
    found = plain(one)
    found["graph"] = sanitise(one.graph.name)
    found["tasks"] = [sanitise(task.name) for task in one.graph.tasks]
    return _without_empty(found)


def pause(one: Pause) -> Json:
    """Return what is held back."""
    return dict(plain(one))


def machine(one: Machine) -> Json:
    """Return a machine that works on tasks."""
    return dict(plain(one))


def _attempt(one: Attempt) -> Json:
    found = _without_empty(plain(one))
    found.pop("result", None)
    return found


def _result(result: TaskResult) -> Json:
    return _without_empty(plain(result))


def _without_empty(found: Json) -> Json:
    """Leave out what says nothing; zero and false say something."""
    return {name: one for name, one in found.items() if one not in ("", None, [], {})}
