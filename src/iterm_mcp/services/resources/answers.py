"""What trees take, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iterm_mcp.models.resources import WatchedTree

MOST_PROCESSES = 50
"""Of each tree, those with the most memory."""


def tree_answer(tree: WatchedTree) -> dict[str, Any]:
    """Return a tree with its largest processes; what has no limit is left out."""
    answer: dict[str, Any] = {"name": tree.key, "kind": tree.kind, "paused": tree.is_paused}
    limits = {key: value for key, value in asdict(tree.limits).items() if value is not None}
    if len(limits) > 1:  # one says what happens above the others
        answer |= {"limits": limits, "held_by": tree.held_by}
    if tree.excess is not None:
        answer["excess"] = {
            "resource": tree.excess.resource.value,
            "reason": tree.excess.reason,
            "done": tree.excess.done.value,
        }
    usage = tree.usage
    if usage is None:
        return answer
    largest = sorted(usage.processes, key=lambda one: one.memory_bytes, reverse=True)
    return answer | {
        "at": usage.at.isoformat(),
        "memory_bytes": usage.memory_bytes,
        "memory_is_exact": usage.is_exact,
        "cpu_seconds": round(usage.cpu_seconds, 2),
        "cpu_cores": None if usage.cpu_cores is None else round(usage.cpu_cores, 3),
        "read_bytes": usage.read_bytes,
        "written_bytes": usage.written_bytes,
        "disk_bytes": usage.disk_bytes,
        "process_count": len(usage.processes),
        "processes": [
            {
                "pid": one.pid,
                "parent": one.parent,
                "name": one.name,
                "state": one.state,
                "memory_bytes": one.memory_bytes,
                "cpu_seconds": round(one.cpu_seconds, 2),
            }
            for one in largest[:MOST_PROCESSES]
        ],
    }
