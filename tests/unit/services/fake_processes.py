"""A process table in memory: jobs that obey signals, or do not."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from iterm_mcp.errors import RefusedError
from iterm_mcp.models.session_details import ProcessInfo
from iterm_mcp.services.sessions.process_table import Job, ProcessTree

if TYPE_CHECKING:
    from collections.abc import Callable

ENDING = {signal.SIGHUP, signal.SIGTERM}


class FakeProcesses:
    """Processes by id, each the leader of a job of its own.

    Attributes:
        sent: Every signal, with the process it was sent to.
        deaf: Those that end for nothing but SIGKILL.
        foreign: Those of another user.
        stopped: Those that are suspended.
        on_end: Called with each that ends.
    """

    def __init__(self, *pids: int) -> None:
        self.alive = set(pids)
        self.sent: list[tuple[int, signal.Signals]] = []
        self.deaf: set[int] = set()
        self.foreign: set[int] = set()
        self.stopped: set[int] = set()
        self.on_end: Callable[[int], None] = lambda _pid: None

    async def tree(self, root: int, *, seconds: float) -> ProcessTree:
        """Return all that are alive, each busier the longer it was looked at."""
        if root not in self.alive:
            return ProcessTree(())
        return ProcessTree(
            tuple(
                ProcessInfo(pid, root, f"p{pid}", cpu_percent=100 * seconds, age_seconds=60.0)
                for pid in sorted(self.alive)
            )
        )

    async def find_job(self, pid: int) -> Job | None:
        """Return a process's job, unless it is another user's."""
        if pid in self.foreign:
            raise RefusedError(f"process {pid} is another user's")
        return Job(1, pid) if pid in self.alive else None

    async def stopped_jobs(self, root: int) -> tuple[Job, ...]:
        """Return what is suspended."""
        del root
        return tuple(Job(1, pid) for pid in sorted(self.stopped))

    async def signal(self, job: Job, *numbers: int) -> bool:
        """Let a job that is alive obey."""
        if job.group not in self.alive:
            return False
        for number in map(signal.Signals, numbers):
            self.sent.append((job.group, number))
            if number == signal.SIGKILL or (number in ENDING and job.group not in self.deaf):
                self.alive.discard(job.group)
                self.on_end(job.group)
        return True

    async def runs(self, job: Job) -> bool:
        """Tell whether a job is alive."""
        return job.group in self.alive
