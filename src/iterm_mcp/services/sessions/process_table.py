"""The processes of sessions, as this machine's system knows them.

Terminals run on the machine that we run on, so the process ids that they tell are this one's. A
process may be signalled only as one of its session's jobs, and only if it is ours: root may signal
everybody's, and must not by mistake.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import psutil
from anyio import to_thread

from iterm_mcp.errors import RefusedError
from iterm_mcp.models.session_details import ProcessInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.clock import Clock

T = TypeVar("T")

MOST = 50
"""Processes that a tree shows."""

COMMAND_CHARACTERS = 200
SECONDS = 5.0
"""How long the system may take to answer; it answers at once, unless a disk is away."""

_UNKNOWN = (psutil.Error, OSError)


@dataclass(frozen=True, slots=True)
class Job:
    """A process group of a POSIX session."""

    session: int
    group: int


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """A process and its descendants, parents before children; `left_out` more were not shown."""

    processes: tuple[ProcessInfo, ...]
    left_out: int = 0


class ProcessTable(Protocol):
    """What may be asked about processes, and done with them."""

    async def tree(self, root: int, *, seconds: float) -> ProcessTree:
        """Return a process and its descendants; empty when there is no such process.

        Args:
            seconds: How long to look how much of a processor each takes.
        """

    async def find_job(self, pid: int) -> Job | None:
        """Return the job that a process belongs to; None when there is no such process.

        Raises:
            RefusedError: It is another user's, or belongs to the terminal session we run in.
        """

    async def stopped_jobs(self, root: int) -> tuple[Job, ...]:
        """Return the suspended jobs among a process and its descendants."""

    async def signal(self, job: Job, *numbers: int) -> bool:
        """Send signals to a job; False when it has ended."""

    async def runs(self, job: Job) -> bool:
        """Tell whether a job's leader has not ended."""


class SystemProcessTable:
    """The `ProcessTable` of this machine. Its questions are asked in a thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def tree(self, root: int, *, seconds: float) -> ProcessTree:
        """Return a process and its descendants, and how much of a processor each takes."""
        before = await _in_thread(lambda: _times(_family(root)))
        began = self._clock.monotonic()
        await anyio.sleep(seconds)
        now = self._clock.now().timestamp()
        passed = self._clock.monotonic() - began
        found = await _in_thread(lambda: _tree(root, before or {}, passed, now))
        return found or ProcessTree(())

    async def find_job(self, pid: int) -> Job | None:
        """Return the job that a process belongs to."""
        return await _in_thread(lambda: _find_job(pid))

    async def stopped_jobs(self, root: int) -> tuple[Job, ...]:
        """Return the suspended jobs among a process and its descendants."""
        return await _in_thread(lambda: _stopped(root)) or ()

    async def signal(self, job: Job, *numbers: int) -> bool:
        """Send signals to a job that is still there."""
        if not _stands(job):
            return False
        try:
            for number in numbers:
                os.killpg(job.group, number)
        except (ProcessLookupError, PermissionError):  # a group can hold what changed its user
            return False
        return True

    async def runs(self, job: Job) -> bool:
        """Tell whether a job's leader has not ended."""
        return bool(await _in_thread(lambda: _stands(job) and _state(job.group) != "zombie"))


async def _in_thread(ask: Callable[[], T]) -> T | None:
    """Ask the system without holding up the loop; None when it does not answer in time."""
    with anyio.move_on_after(SECONDS):
        return await to_thread.run_sync(ask, abandon_on_cancel=True)
    return None


def _family(root: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except _UNKNOWN:
        return []


def _times(family: list[psutil.Process]) -> dict[int, float]:
    """Return the processor seconds that each of some processes has had."""
    found = {}
    for one in family[:MOST]:
        with suppress(*_UNKNOWN):
            times = one.cpu_times()
            found[one.pid] = times.user + times.system
    return found


def _tree(root: int, before: dict[int, float], seconds: float, now: float) -> ProcessTree:
    family = _family(root)
    after = _times(family)
    processes = []
    for one in family[:MOST]:
        cpu = None
        if one.pid in before and one.pid in after and seconds > 0:
            cpu = max(0.0, 100 * (after[one.pid] - before[one.pid]) / seconds)
        with suppress(*_UNKNOWN):
            processes.append(_describe(one, cpu, now))
    return ProcessTree(tuple(processes), max(0, len(family) - MOST))


def _describe(process: psutil.Process, cpu: float | None, now: float) -> ProcessInfo:
    known = process.as_dict(
        ["ppid", "name", "cmdline", "memory_info", "status", "create_time"], ad_value=None
    )
    memory, created = known["memory_info"], known["create_time"]
    words = " ".join(known["cmdline"] or ())
    return ProcessInfo(
        pid=process.pid,
        parent=known["ppid"] or 0,
        name=_text(known["name"] or ""),
        command=_text(words)[:COMMAND_CHARACTERS],
        cpu_percent=cpu,
        memory_bytes=None if memory is None else memory.rss,
        state=known["status"] or "",
        age_seconds=None if created is None else max(0.0, now - created),
    )


def _find_job(pid: int) -> Job | None:
    try:
        job = Job(os.getsid(pid), os.getpgid(pid))
        owner = psutil.Process(pid).uids()
    except _UNKNOWN:
        return None
    if os.getuid() not in {owner.real, owner.effective}:
        raise RefusedError(
            f"process {pid} is another user's", hint="Only what runs as you can be signalled."
        )
    if job.session == os.getsid(0):
        raise RefusedError(
            f"process {pid} is of the session that this server itself runs in",
            hint="Choose another session.",
        )
    return job


def _stopped(root: int) -> tuple[Job, ...]:
    found: dict[Job, None] = {}
    for one in _family(root):
        with suppress(RefusedError, *_UNKNOWN):
            if one.status() == psutil.STATUS_STOPPED and (job := _find_job(one.pid)):
                found[job] = None
    return tuple(found)


def _stands(job: Job) -> bool:
    """Tell whether a job's leader is there: its id may be another's since."""
    try:
        return job.group > 1 and os.getsid(job.group) == job.session
    except OSError:
        return False


def _state(pid: int) -> str:
    try:
        return str(psutil.Process(pid).status())
    except _UNKNOWN:
        return "zombie"


def _text(raw: str) -> str:
    return raw.encode(errors="replace").decode()
