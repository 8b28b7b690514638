"""What programs are told of backlogs, as JSON. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.backlog import Mark, MarkProgress, Plan, Progress, Scan
    from iterm_mcp.models.tasks import TaskId


def mark_answer(one: Mark) -> dict[str, Any]:
    """Return a mark; what is empty is left out."""
    value = asdict(one)
    value["id"] = value.pop("mark_id")
    value["owner"] = one.owner
    value["written_at"] = one.written_at.isoformat() if one.written_at else ""
    return {key: part for key, part in value.items() if part not in ("", ())}


def scan_answer(found: Scan) -> dict[str, Any]:
    """Return what was found in a commit."""
    return {
        "repository": found.repository,
        "commit": found.commit,
        "marks": [mark_answer(one) for one in found.marks],
        "files": found.files,
        "skipped": dict(found.skipped),
        "left_out": found.left_out,
        "unblamed": found.unblamed,
    }


def plan_answer(found: Plan) -> dict[str, Any]:
    """Return what would be asked for."""
    return {
        "commit": found.scan.commit,
        "tasks": [
            {
                "name": one.spec.name,
                "key": one.spec.key,
                "kind": one.spec.kind,
                "marks": [mark.mark_id for mark in one.marks],
                "cost_usd": one.cost_usd,
                "acceptance": list(one.spec.acceptance.commands),
                "prompt": one.spec.prompt,
            }
            for one in found.tasks
        ],
        "tests": list(found.tests),
        "submitted": found.submitted,
        "beyond": dict(found.beyond),
        "cost_usd": found.cost_usd,
    }


def submitted_answer(plan: Plan, tasks: Mapping[str, TaskId]) -> dict[str, Any]:
    """Return the tasks that were handed in.

    Args:
        tasks: By their key.
    """
    return {
        "commit": plan.scan.commit,
        "tasks": [
            {
                "task_id": tasks[one.spec.key],
                "name": one.spec.name,
                "marks": [mark.mark_id for mark in one.marks],
            }
            for one in plan.tasks
            if one.spec.key in tasks
        ],
        "tests": list(plan.tests),
        "submitted": plan.submitted,
        "beyond": dict(plan.beyond),
        "cost_usd": plan.cost_usd,
    }


def progress_answer(found: Progress) -> dict[str, Any]:
    """Return how far a backlog has come."""
    counts = ("done", "failed", "running", "waiting", "gone", "left", "cost_usd", "unpriced")
    return {
        "repository": found.repository,
        "commit": found.commit,
        **{key: getattr(found, key) for key in counts},
        "marks": [_row(one) for one in found.marks],
    }


def _row(one: MarkProgress) -> dict[str, Any]:
    value = {
        "id": one.known.mark_id,
        "task_id": one.known.task_id,
        "state": one.state or "",
        "reason": one.reason,
        "path": one.known.path,
        "tag": one.known.tag,
        "text": one.known.text,
        "gone": one.gone,
        "cost_usd": one.cost_usd,
    }
    return {key: part for key, part in value.items() if part not in ("", None)}
