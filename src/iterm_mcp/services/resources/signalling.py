"""Has a whole tree of processes stand still, go on, or end, while it goes on making more."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.services.resources.signals import any_stands, send_all

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.watched_trees import Tree

    Members = Callable[[str], Awaitable[tuple[ProcessId, ...]]]

GRACE_SECONDS = 5.0
"""How long a tree may take to end by itself, when it was asked to."""

PAUSE_ROUNDS = 10
KILL_ROUNDS = 50
"""In each, all that are there are held, and then ended: what forks on has at most one look's time
for it."""

_POLL_SECONDS = 0.05


class TreeSignals:
    """Sends signals to trees that are looked at anew before each round.

    Args:
        members: Returns who is in a tree now, by its key.
        end_group: Ends all that the system holds in a group for a tree at once.
        send: Sends signals to processes; `stand` tells whether any of them is still there.
    """

    def __init__(
        self,
        members: Members,
        end_group: Callable[[str], None] = lambda _key: None,
        send: Callable[..., int] = send_all,
        stand: Callable[[Collection[ProcessId]], bool] = any_stands,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._members = members
        self._end_group = end_group
        self._send = send
        self._stand = stand
        self._grace_seconds = grace_seconds

    async def pause(self, tree: Tree, reason: str) -> None:
        """Have all of a tree stand still; what was made meanwhile as well."""
        del reason
        await self._hold(tree)

    async def resume(self, tree: Tree) -> None:
        """Let all of a tree go on, the youngest first."""
        members = await self._members(tree.key)
        await self._tell(tuple(reversed(members)), signal.SIGCONT)

    async def stop(self, tree: Tree, reason: str) -> None:
        """Ask all of a tree to end, and after a while end what is left of it."""
        del reason
        members = await self._members(tree.key)
        await self._tell(members, signal.SIGTERM, signal.SIGCONT)
        with anyio.move_on_after(self._grace_seconds):
            while members:
                await self._wait_gone(members)
                members = await self._members(tree.key)
            return
        for _ in range(KILL_ROUNDS):
            await to_thread.run_sync(self._end_group, tree.key)
            left = await self._hold(tree)
            if not left:
                return
            await self._tell(left, signal.SIGKILL)

    async def _hold(self, tree: Tree) -> Collection[ProcessId]:
        """Stop processes until there are none that were not; return all that there are."""
        held: set[ProcessId] = set()
        for _ in range(PAUSE_ROUNDS):
            members = await self._members(tree.key)
            fresh = [one for one in members if one not in held]
            held.intersection_update(members)
            if not fresh:
                break
            held.update(fresh)
            await self._tell(fresh, signal.SIGSTOP)
        return held

    async def _wait_gone(self, processes: Collection[ProcessId]) -> None:
        while await to_thread.run_sync(self._stand, processes):  # noqa: ASYNC110 - no bell rings
            await anyio.sleep(_POLL_SECONDS)

    async def _tell(self, processes: Collection[ProcessId], *numbers: signal.Signals) -> None:
        if processes:
            await to_thread.run_sync(lambda: self._send(processes, *numbers))
