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
from iterm_mcp.tasks.limits import Reach, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.tasks.settings import AdmissionSettings, TaskSettings, TaskSettingsFile
    from iterm_mcp.tasks.limits import Demand

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


def no_room(need_bytes: int, room: Room, settings: AdmissionSettings) -> Refusal | None:
    """Return why there is no room for a task, with numbers; None when there is. Pure.

    What is unknown keeps nobody waiting.

    Args:
        need_bytes: The memory that it is thought to need.
    """
    now = room.readings
    short = _no_memory(need_bytes, room, settings)
    if short is not None:
        return short
    if room.disk_bytes is not None and room.disk_bytes < settings.least_disk:
        return Refusal(
            f"{write_size(settings.least_disk)} of the disk stay free where it works; "
            f"{write_size(room.disk_bytes)} is"
        )
    waited = _waited("memory", now.memory_pressure, settings.most_memory_pressure)
    return Refusal(waited, Reach.ALL) if waited else None


def _no_memory(need_bytes: int, room: Room, settings: AdmissionSettings) -> Refusal | None:
    now, kept = room.readings, room.reserved_bytes
    wanted = need_bytes + settings.least_memory
    asks = (
        f"it needs {write_size(need_bytes)} of memory and "
        f"{write_size(settings.least_memory)} stay free; "
    )
    if now.total_bytes is not None and now.total_bytes < wanted:
        return Refusal(
            f"{asks}this machine has {write_size(now.total_bytes)} in all, so it can never start "
            "here: cancel it and ask for less (limits.memory), or have another machine take it"
        )
    if now.memory_bytes is None or max(0, now.memory_bytes - kept) >= wanted:
        return None
    others = f" ({write_size(kept)} of it for others that are starting)" if kept else ""
    return Refusal(
        f"{asks}{write_size(now.memory_bytes)} is available{others}",
        for_memory=True,
        others_start=kept > 0,
    )


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
        self._starting: dict[str, tuple[float, int]] = {}
        self._busy_since: float | None = None
        self._disks: dict[str, int | None] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read settings and disks again and again for the length of the block."""
        async with beside(self._run):
            yield

    def admit(self, demand: Demand, now: datetime) -> Refusal | None:
        """Return what is in a task's way, with numbers; None when nothing is.

        What may start is taken to be starting: the memory that it needs is nobody else's for a
        while. It never raises, and takes a fraction of a millisecond.
        """
        settings = self._settings.last
        with self._lock:
            at, busy = self._clock.monotonic(), bool(too_busy(self._now(), settings.admission))
            if not busy:
                self._busy_since = None
            elif self._busy_since is None:
                self._busy_since = at
            why = self._why_not(demand, now)
            if why is None:
                if busy and demand.task_id not in self._starting:
                    self._busy_since = at  # the next one waits as long again
                self._starting[demand.task_id] = at, _need(demand, settings)
            return why

    def why_not(self, demand: Demand, now: datetime) -> Refusal | None:
        """Return what is in a task's way, with numbers; None when nothing is.

        Nothing is kept for it, and nobody else waits longer for that it was asked.
        """
        with self._lock:
            return self._why_not(demand, now)

    def _why_not(self, demand: Demand, now: datetime) -> Refusal | None:
        refused = self._refused(demand, now)
        if refused:
            return Refusal(refused, Reach.ALIKE)
        settings, mine = self._settings.last, demand.task_id
        room = Room(self._now(), self._reserved(mine), self._disk(demand.directory))
        return no_room(_need(demand, settings), room, settings.admission) or (
            None if mine in self._starting else self._too_busy(settings.admission)
        )

    def _refused(self, demand: Demand, now: datetime) -> str:
        """Return why nobody would take orders of it."""
        if demand.kind == COMMAND:
            return ""
        teams = (TeamName(demand.team),) if demand.team else ()
        held = self._held(AgentName(""), demand.kind, teams)
        if held:
            return held
        until = self.quotas.until(demand.kind, demand.account, now)
        if until is None:
            return ""
        whose = f" at the cost of {demand.account!r}" if demand.account else ""
        left = (until - now).total_seconds()
        return (
            f"agents of kind {demand.kind!r}{whose} are refused for their rate until "
            f"{until:%Y-%m-%d %H:%M:%S} UTC, {left:.0f} s from now"
        )

    def _too_busy(self, settings: AdmissionSettings) -> Refusal | None:
        """Return why the machine is too busy, as long as that keeps everybody waiting.

        Others may keep it busy for hours. So now and then one is let go on all the same.
        """
        why, at = too_busy(self._now(), settings), self._clock.monotonic()
        since = at if self._busy_since is None else self._busy_since
        left = since + settings.busy_patience - at
        if not why or left <= 0:
            return None
        return Refusal(f"{why}; one may start all the same in {left:.0f} s", Reach.ALL)

    def _now(self) -> Readings:
        at = self._clock.monotonic()
        if self._read_at is None or at - self._read_at >= FRESH_SECONDS:
            self._readings, self._read_at = self._read(), at
        return self._readings

    def _reserved(self, mine: str) -> int:
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


def _need(demand: Demand, settings: TaskSettings) -> int:
    """Return the memory that a task is thought to need: half of its limit, if it has one.

    A limit says what is too much, not what is usual.
    """
    usual = settings.memory_for(demand.kind)
    limit = demand.memory_bytes
    return usual if limit is None else min(limit, max(usual, limit // 2))
