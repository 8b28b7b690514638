"""The processes of agents that we started, as this machine's system knows them.

A process id alone is nobody: it is used again. So everything here takes an id with what tells the
process from later ones (`agents.keeper.start_of`), and looks before it signals.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import anyio
import psutil
from anyio import to_thread

from iterm_mcp.agents.keeper import start_of
from iterm_mcp.services.agents.environment import AGENT, EPOCH, ORIGIN

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable

    from iterm_mcp.clock import Clock

MOST = 200
"""Processes of one tree that are signalled or told of."""

COMMAND_CHARACTERS = 200

_POLL_SECONDS = 0.05

_UNKNOWN = (psutil.Error, OSError)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, and none that comes after it."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class MarkedProcess:
    """A process whose environment says that an agent of ours started it.

    Attributes:
        agent: The agent's name, and which of its lives.
        age_seconds: How long it has run.
    """

    process: ProcessId
    agent: str
    epoch: int
    command: str
    memory_bytes: int
    age_seconds: float


class AgentProcesses(Protocol):
    """What may be asked about agents' processes, and done with them."""

    async def stands(self, process: ProcessId) -> bool:
        """Tell whether it is there and no zombie."""

    async def tree(self, root: ProcessId) -> tuple[ProcessId, ...]:
        """Return a process and its descendants, parents first; empty when it is gone."""

    async def signal(self, process: ProcessId, *numbers: signal.Signals) -> bool:
        """Send signals to one process; False when it is gone."""

    async def describe(self, processes: tuple[ProcessId, ...]) -> tuple[str, ...]:
        """Return ``pid command`` of those that are there."""

    async def marked(self, origin: str) -> tuple[MarkedProcess, ...]:
        """Return the processes that agents of an installation started, and their children.

        Never among them: this process, its ancestors, and what belongs to another user.
        """


class SystemAgentProcesses:
    """The `AgentProcesses` of this machine. It is asked in a thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def stands(self, process: ProcessId) -> bool:
        """See `AgentProcesses`."""
        return await to_thread.run_sync(_stands, process)

    async def tree(self, root: ProcessId) -> tuple[ProcessId, ...]:
        """See `AgentProcesses`."""
        return await to_thread.run_sync(_tree, root)

    async def signal(self, process: ProcessId, *numbers: signal.Signals) -> bool:
        """See `AgentProcesses`."""
        return await to_thread.run_sync(_signal, process, numbers)

    async def describe(self, processes: tuple[ProcessId, ...]) -> tuple[str, ...]:
        """See `AgentProcesses`."""
        return await to_thread.run_sync(_describe, processes)

    async def marked(self, origin: str) -> tuple[MarkedProcess, ...]:
        """See `AgentProcesses`."""
        return await to_thread.run_sync(_marked, origin, self._clock.now().timestamp())


async def all_gone(processes: AgentProcesses, awaited: Iterable[ProcessId], seconds: float) -> bool:
    """Wait so long until none of them is there any more; tell whether that came."""
    with anyio.move_on_after(seconds):
        for one in awaited:
            while await processes.stands(one):  # noqa: ASYNC110 - it rings no bell
                await anyio.sleep(_POLL_SECONDS)
        return True
    return False


def _stands(process: ProcessId) -> bool:
    if process.pid <= 1 or not process.started or start_of(process.pid) != process.started:
        return False
    try:
        return str(psutil.Process(process.pid).status()) != psutil.STATUS_ZOMBIE
    except _UNKNOWN:
        return False


def _tree(root: ProcessId) -> tuple[ProcessId, ...]:
    if not _stands(root):
        return ()
    children: list[psutil.Process] = []
    with suppress(*_UNKNOWN):
        children = psutil.Process(root.pid).children(recursive=True)[: MOST - 1]
    found = [root, *(ProcessId(one.pid, start_of(one.pid)) for one in children)]
    return tuple(one for one in found if one.started)


def _signal(process: ProcessId, numbers: tuple[signal.Signals, ...]) -> bool:
    if not _stands(process) or not _ours(process.pid):
        return False
    try:
        for number in numbers:
            os.kill(process.pid, number)
    except OSError:
        return False
    return True


def _ours(pid: int) -> bool:
    """Tell whether a process is this user's: root may signal everybody's, and must not."""
    with suppress(*_UNKNOWN):
        uids = psutil.Process(pid).uids()
        return os.getuid() in {uids.real, uids.effective}
    return False


def _describe(processes: tuple[ProcessId, ...]) -> tuple[str, ...]:
    found = []
    for one in processes:
        with suppress(*_UNKNOWN):
            if _stands(one):
                words = " ".join(psutil.Process(one.pid).cmdline())
                found.append(f"{one.pid} {words[:COMMAND_CHARACTERS]}")
    return tuple(found)


def _marked(origin: str, now: float) -> tuple[MarkedProcess, ...]:
    me = psutil.Process()
    spared = {me.pid, *(one.pid for one in me.parents())}
    found = []
    for one in psutil.process_iter():
        if one.pid in spared or not _ours(one.pid):
            continue
        with suppress(*_UNKNOWN, ValueError):
            environ = one.environ()
            if environ.get(ORIGIN) != origin or AGENT not in environ:
                continue
            found.append(
                MarkedProcess(
                    ProcessId(one.pid, start_of(one.pid)),
                    environ[AGENT],
                    int(environ.get(EPOCH, "0")),
                    " ".join(one.cmdline())[:COMMAND_CHARACTERS] or one.name(),
                    one.memory_info().rss,
                    max(0.0, now - one.create_time()),
                )
            )
    return tuple(found)
