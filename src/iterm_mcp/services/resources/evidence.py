"""What a tree looked like when it took too much, kept as a file for people and programs."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from anyio import to_thread

from iterm_mcp.paths import write_private
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.resources import Excess, ProcessUsage, TreeUsage, WatchedTree

KEPT = 200
"""Files, over all trees: the oldest go first."""

MOST_PROCESSES = 500
COMMAND_CHARACTERS = 300


class EvidenceFolder:
    """Keeps evidence in a folder of its owner alone.

    Args:
        folder: It is made with the first file.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    async def keep(self, tree: WatchedTree, excess: Excess, output: str = "") -> str:
        """Write down what a tree looks like now; return the file's path.

        Args:
            output: Where what it printed can be read; empty for unknown.

        Raises:
            OSError: It cannot be kept.
        """
        return await to_thread.run_sync(self._keep, tree, excess, output)

    def _keep(self, tree: WatchedTree, excess: Excess, output: str) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = tree.usage.at if tree.usage is not None else None
        stamp = "unknown" if at is None else at.strftime("%Y%m%dT%H%M%S.%f")
        path = self._folder / f"{stamp}-{re.sub(r'[^A-Za-z0-9_.~-]', '_', tree.key)[:80]}.json"
        write_private(path, json.dumps(evidence_of(tree, excess, output), indent=1))
        for old in sorted(self._folder.glob("*.json"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return str(path)


def evidence_of(tree: WatchedTree, excess: Excess, output: str) -> dict[str, Any]:
    """Return what is kept: the tree, its limits, and its processes with the largest first."""
    limits, usage = tree.limits, tree.usage
    return {
        "key": tree.key,
        "kind": tree.kind,
        "resource": excess.resource.value,
        "used": excess.used,
        "limit": excess.limit,
        "reason": excess.reason,
        "done": excess.done.value,
        "held_by": tree.held_by,
        "output": output,
        "limits": {
            "memory_bytes": limits.memory_bytes,
            "cpu_cores": limits.cpu_cores,
            "disk_bytes": limits.disk_bytes,
            "processes": limits.processes,
            "over": limits.over.value,
        },
        "usage": None if usage is None else _usage(usage),
    }


def _usage(usage: TreeUsage) -> dict[str, Any]:
    largest = sorted(usage.processes, key=lambda one: one.memory_bytes, reverse=True)
    return {
        "at": usage.at.isoformat(),
        "memory_bytes": usage.memory_bytes,
        "memory_is_exact": usage.is_exact,
        "cpu_seconds": round(usage.cpu_seconds, 3),
        "cpu_cores": None if usage.cpu_cores is None else round(usage.cpu_cores, 3),
        "read_bytes": usage.read_bytes,
        "written_bytes": usage.written_bytes,
        "disk_bytes": usage.disk_bytes,
        "count": len(usage.processes),
        "processes": [_process(one) for one in largest[:MOST_PROCESSES]],
    }


def _process(one: ProcessUsage) -> dict[str, Any]:
    return {
        "pid": one.pid,
        "parent": one.parent,
        "name": sanitise(one.name),
        "command": _command(one.pid),
        "state": one.state,
        "memory_bytes": one.memory_bytes,
        "cpu_seconds": round(one.cpu_seconds, 3),
    }


def _command(pid: int) -> str:
    with suppress(psutil.Error, OSError):
        return sanitise(" ".join(psutil.Process(pid).cmdline()))[:COMMAND_CHARACTERS]
    return ""
