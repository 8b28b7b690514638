"""How far a repository's backlog has come, as data and as text. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.backlog import FAILED, MarkProgress, Progress
from iterm_mcp.models.tasks import ACTIVE, TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.backlog import KnownMark, Scan
    from iterm_mcp.models.tasks import Task, TaskId


def cost_of(task: Task) -> float | None:
    """Return what all attempts at a task cost; None when nothing is known of any."""
    costs = [
        one.result.cost_usd
        for one in task.attempts
        if one.result is not None and one.result.cost_usd is not None
    ]
    return sum(costs) if costs else None


def progress_of(scan: Scan, known: Sequence[KnownMark], tasks: Mapping[TaskId, Task]) -> Progress:
    """Return how far the tasks of a repository have come.

    Args:
        scan: Of the repository as it is now, in which `known` marks have their ids.
        tasks: Those that can still be looked at.
    """
    here = {one.mark_id for one in scan.marks}
    sizes = Counter(one.task_id for one in known)
    rows = []
    for one in known:
        task = tasks.get(one.task_id)
        cost = cost_of(task) if task else None
        rows.append(
            MarkProgress(
                one,
                task.state if task else None,
                task.reason if task else "",
                None if cost is None else cost / sizes[one.task_id],
                one.mark_id not in here,
            )
        )
    ended = [one for one in tasks.values() if one.attempts]
    costs = [cost_of(one) for one in ended]
    states = Counter(one.state for one in rows)
    active = sum(states[one] for one in ACTIVE)
    done, failed = states[TaskState.SUCCEEDED], sum(states[one] for one in FAILED)
    asked = {one.mark_id for one in known}
    return Progress(
        scan.repository,
        scan.commit,
        tuple(rows),
        done,
        failed,
        active,
        len(rows) - done - failed - active - states[None],
        sum(one.gone for one in rows),
        len(here - asked),
        sum(one for one in costs if one is not None),
        sum(one is None for one in costs),
    )


def told(answer: Mapping[str, Any]) -> list[str]:
    """Return progress in lines for people, from what programs are told of it."""
    all_ = len(answer["marks"])
    cost = f"${answer['cost_usd']:,.2f}"
    if answer["unpriced"]:
        cost += f" and {answer['unpriced']} tasks of unknown cost"
    lines = [
        (
            f"{answer['done']} of {all_} done, {answer['failed']} failed, "
            f"{answer['running']} at work, {answer['waiting']} waiting; "
            f"{answer['left']} have no task; {cost}"
        ),
        f"{answer['gone']} of {all_} are gone from {answer['commit'][:9]}",
    ]
    for one in answer["marks"]:
        unknown = "not known" if one.get("task_id") else "accepted by nobody"
        parts = [
            one["id"],
            one.get("state", unknown),
            "gone" if one["gone"] else "",
            f"${one['cost_usd']:,.2f}" if "cost_usd" in one else "",
            one.get("path", ""),
            f"{one['tag']} {one.get('text', '')}".rstrip(),
            one.get("reason", ""),
        ]
        lines.append("  ".join(part for part in parts if part))
    return lines
