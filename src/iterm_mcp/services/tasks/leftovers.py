"""Processes that attempts have left running: known by a mark in their environment, and no other."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
from anyio import to_thread

from iterm_mcp.agents.keeper import start_of
from iterm_mcp.processes import lock_holder
from iterm_mcp.services.agents.environment import ORIGIN
from iterm_mcp.services.agents.processes import ProcessId, all_gone
from iterm_mcp.services.tasks.prompts import ATTEMPT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.services.agents.processes import AgentProcesses

TERMINATE_SECONDS = 4.0
KILL_SECONDS = 2.0


class Leftovers:
    """Ends what attempts have left running.

    Args:
        origin: The state folder of this installation.
        spared: Lock files of our own programs, whose holders are never touched.
    """

    def __init__(self, processes: AgentProcesses, origin: str, spared: Iterable[str] = ()) -> None:
        self._processes = processes
        self._origin = origin
        self._spared = tuple(spared)

    async def find(self, attempt_id: str) -> tuple[ProcessId, ...]:
        """Return the processes that an attempt has started, and that still run."""
        return await to_thread.run_sync(_marked, self._origin, attempt_id, self._spared)

    async def end(self, attempt_id: str) -> int:
        """End them, kindly at first; return how many there were."""
        found = await self.find(attempt_id)
        for one in found:
            await self._processes.signal(one, signal.SIGTERM, signal.SIGCONT)
        if await all_gone(self._processes, found, TERMINATE_SECONDS):
            return len(found)
        for one in await self.find(attempt_id):  # also what was started meanwhile
            await self._processes.signal(one, signal.SIGKILL)
        await all_gone(self._processes, found, KILL_SECONDS)
        return len(found)


def _marked(origin: str, attempt_id: str, spared: tuple[str, ...]) -> tuple[ProcessId, ...]:
    me = psutil.Process()
    not_theirs = {me.pid, *(one.pid for one in me.parents()), *map(lock_holder, spared)}
    found = []
    for one in psutil.process_iter():
        if one.pid in not_theirs:
            continue
        with suppress(psutil.Error, OSError):
            environ = one.environ()
            if environ.get(ATTEMPT) == attempt_id and environ.get(ORIGIN) == origin:
                found.append(ProcessId(one.pid, start_of(one.pid)))
    return tuple(found)
