"""Whether this machine can take one more task now: room, money, and the limits of services."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.tasks import COMMAND
from iterm_mcp.services.background import beside
from iterm_mcp.services.holding import never_held
from iterm_mcp.services.resources.sizes import write_size
from iterm_mcp.services.tasks.quotas import Quotas
from iterm_mcp.services.tasks.readings import Readings, read_machine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.tasks.settings import AdmissionSettings, TaskSettings, TaskSettingsFile

FRESH_SECONDS = 1.0
"""How long readings of the machine are used."""

GROWING_SECONDS = 30.0
"""How long what was admitted is counted as if it did not take yet what it needs."""

DISK_SECONDS = 5.0
DISK_PATIENCE_SECONDS = 2.0
MOST_DIRECTORIES = 500

_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for one task.

    Attributes:
        reserved_bytes: Of memory, for others that were admitted and do not take it yet.
        disk_bytes: Free where it works; None for unknown.
    """

    readings: Readings
    reserved_bytes: int = 0
    disk_bytes: int | None = None


def no_room(need_bytes: int, room: Room, settings: AdmissionSettings) -> str:
    """Return why there is no room for a task, with numbers; empty when there is. Pure.

    What is unknown keeps nobody waiting.

    Args:
        need_bytes: The memory that it is thought to need.
    """
    now = room.readings
    if now.memory_bytes is not None:
        available = max(0, now.memory_bytes - room.reserved_bytes)
        if available < need_bytes + settings.least_memory:
            others = (
                f" ({write_size(room.reserved_bytes)} of it for others that are starting)"
                if room.reserved_bytes
                else ""
            )
            return (
                f"it needs {write_size(need_bytes)} of memory and "
                f"{write_size(settings.least_memory)} stay free; "
                f"{write_size(now.memory_bytes)} is available{others}"
            )
    if room.disk_bytes is not None and room.disk_bytes < settings.least_disk:
        return (
            f"{write_size(settings.least_disk)} of the disk stay free where it works; "
            f"{write_size(room.disk_bytes)} is"
        )
    return _waited("memory", now.memory_pressure, settings.most_memory_pressure)


def too_busy(now: Readings, settings: AdmissionSettings) -> str:
    """Return why a machine's processors are too busy for more; empty when they are not. Pure."""
    if settings.most_load and now.load is not None and now.load > settings.most_load:
        return f"{now.load:.1f} processes want each processor; {settings.most_load:g} is the most"
    return _waited("a processor", now.cpu_pressure, settings.most_cpu_pressure)


def _waited(what: str, percent: float | None, most: float) -> str:
    if not most or percent is None or percent <= most:
        return ""
    return (
        f"something waited for {what} in {percent:.0f} % of the last 10 s; {most:g} % is the most"
    )


class Admission:
    """Says what is in a task's way, at once and from many threads.

    Args:
        settings: Read again when they have changed, while `running`.
        held: Knows whom budgets hold.
        read: Reads the machine; it waits for nobody.
        free: Returns what is free where a directory is; it may take its time.
    """

    def __init__(
        self,
        settings: TaskSettingsFile,
        clock: Clock,
        *,
        held: Held = never_held,
        quotas: Quotas | None = None,
        read: Callable[[], Readings] = read_machine,
        free: Callable[[str], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._held = held
        self.quotas = quotas or Quotas()
        self._read = read
        self._free = free
        self._lock = Lock()
        self._readings = Readings()
        self._read_at: float | None = None
        self._starting: dict[tuple[str, ...], tuple[float, int]] = {}
        self._busy_since: float | None = None
        self._disks: dict[str, int | None] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read settings and disks again and again for the length of the block."""
        async with beside(self._run):
            yield

    def why_not(self, spec: TaskSpec, now: datetime) -> str:
        """Return what is in a task's way, with numbers; empty when nothing is.

        What may start is taken to be starting: the memory that it needs is nobody else's for a
        while. It never raises, and takes a fraction of a millisecond.
        """
        settings = self._settings.last
        why = self._refused(spec, now)
        if why:
            return why
        with self._lock:
            need = _need(spec, settings)
            mine = (spec.name, spec.directory, spec.prompt, spec.key)
            room = Room(self._now(), self._reserved(mine), self._disk(spec.directory))
            why = no_room(need, room, settings.admission)
            if not why and mine not in self._starting:
                why = self._too_busy(settings.admission)
            if not why:
                self._starting[mine] = self._clock.monotonic(), need
            return why

    def _refused(self, spec: TaskSpec, now: datetime) -> str:
        """Return why nobody would take orders of it."""
        if spec.kind == COMMAND:
            return ""
        teams = (TeamName(spec.team),) if spec.team else ()
        held = self._held(AgentName(""), spec.kind, teams)
        if held:
            return held
        until = self.quotas.until(spec.kind, spec.account, now)
        if until is None:
            return ""
        whose = f" at the cost of {spec.account!r}" if spec.account else ""
        left = (until - now).total_seconds()
        return (
            f"agents of kind {spec.kind!r}{whose} are refused for their rate until "
            f"{until:%Y-%m-%d %H:%M:%S} UTC, {left:.0f} s from now"
        )

    def _too_busy(self, settings: AdmissionSettings) -> str:
        """Return why the machine is too busy, as long as that keeps everybody waiting.

        Others may keep it busy for hours. So now and then one is let go on all the same.
        """
        why, at = too_busy(self._now(), settings), self._clock.monotonic()
        if not why:
            self._busy_since = None
            return ""
        if self._busy_since is None:
            self._busy_since = at
        left = self._busy_since + settings.busy_patience - at
        if left > 0:
            return f"{why}; one may start all the same in {left:.0f} s"
        self._busy_since = at
        return ""

    def _now(self) -> Readings:
        at = self._clock.monotonic()
        if self._read_at is None or at - self._read_at >= FRESH_SECONDS:
            self._readings, self._read_at = self._read(), at
        return self._readings

    def _reserved(self, mine: tuple[str, ...]) -> int:
        """Return the memory of those that are starting, but for one."""
        since = self._clock.monotonic() - GROWING_SECONDS
        self._starting = {one: kept for one, kept in self._starting.items() if kept[0] > since}
        return sum(need for one, (_, need) in self._starting.items() if one != mine)

    def _disk(self, directory: str) -> int | None:
        """Return what is free where a directory is, as far as that was looked at."""
        if directory and directory not in self._disks and len(self._disks) < MOST_DIRECTORIES:
            self._disks[directory] = None
        return self._disks.get(directory)

    async def _run(self) -> None:
        looked = -DISK_SECONDS
        while True:
            await self._settings.load()
            if self._clock.monotonic() - looked >= DISK_SECONDS:
                looked = self._clock.monotonic()
                wanted = list(self._disks)
            else:
                wanted = [one for one, free in dict(self._disks).items() if free is None]
            for directory in wanted:
                self._disks[directory] = await self._look(directory)
            await anyio.sleep(_PAUSE_SECONDS)

    async def _look(self, directory: str) -> int | None:
        """Return what is free; None where that cannot be told in time, as on a dead network."""
        with anyio.move_on_after(DISK_PATIENCE_SECONDS):
            try:
                return await to_thread.run_sync(self._free, directory, abandon_on_cancel=True)
            except OSError:
                return None
        return None


def _need(spec: TaskSpec, settings: TaskSettings) -> int:
    """Return the memory that a task is thought to need: half of its limit, if it has one.

    A limit says what is too much, not what is usual.
    """
    usual = settings.memory_for(spec.kind)
    limit = spec.limits.memory_bytes
    return usual if limit is None else min(limit, max(usual, limit // 2))
