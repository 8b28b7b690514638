"""What attempts take of the machine, held against what they may; see `services.resources`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import psutil
from anyio import to_thread

from iterm_mcp.services.agents.environment import ORIGIN
from iterm_mcp.services.resources.watched_trees import Tree
from iterm_mcp.services.tasks.prompts import ATTEMPT

if TYPE_CHECKING:
    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.watching import ResourceWatch
    from iterm_mcp.tasks.work import Order, Running


class Roots(Protocol):
    """Knows the processes of attempts that are commands."""

    async def root(self, attempt_id: str) -> ProcessId | None:
        """Return the process above all of an attempt's command; None when there is none."""


class WatchLimiter:
    """Has a watch hold the limits of attempts.

    Agents are watched by what they were ordered with, so only commands are made known here.

    Args:
        origin: The state folder of this installation, by which processes are known for ours.
    """

    def __init__(self, watch: ResourceWatch, commands: Roots, origin: str) -> None:
        self._watch = watch
        self._commands = commands
        self._origin = origin

    async def why_over(self, order: Order, running: Running) -> str:
        """Return over which limit a run is or was ended, with numbers; empty when over none."""
        if running.agent:
            return self._watch.over(running.agent)
        attempt = order.attempt_id
        if self._watch.find(attempt) is None and not self._watch.over(attempt):
            root = await self._commands.root(attempt)
            if root is not None:
                self._watch.watch(await self._tree(order, root))
        return self._watch.over(attempt)

    async def _tree(self, order: Order, root: ProcessId) -> Tree:
        return Tree(
            key=order.attempt_id,
            kind=order.spec.kind,
            root=root,
            limits=order.spec.limits,
            directory=await to_thread.run_sync(_directory, root.pid),
            marks=(frozenset({(ORIGIN, self._origin), (ATTEMPT, order.attempt_id)}),),
        )


def _directory(pid: int) -> str:
    """Return where a process works; empty when that cannot be told."""
    try:
        return psutil.Process(pid).cwd()
    except (psutil.Error, OSError):
        return ""
