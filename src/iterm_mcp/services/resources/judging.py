"""Whether a tree takes more than it may, and what is to be done about it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.resources import Excess, Resource
from iterm_mcp.models.task_limits import OverLimit
from iterm_mcp.services.resources.sizes import write_size

if TYPE_CHECKING:
    from iterm_mcp.models.resources import TreeUsage
    from iterm_mcp.models.task_limits import ResourceLimits

CPU_SECONDS = 15.0
"""Over so long processors' time is averaged: a build may well take all of them for a moment."""

FAR = 1.25
"""So many times its limit is too much at once; anything less only when it is seen twice running."""

CALM = 0.9
"""Below so much of every limit, what was done about an excess is done anew at the next one."""

_WORST = (Resource.MEMORY, Resource.PROCESSES, Resource.DISK, Resource.CPU)


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    cpu_seconds: float


class Judge:
    """Watches one tree's usage against its limits.

    What is to be done is said once for each excess: again after it was calm, or, where somebody
    let it go on though it was over, when it takes a quarter more than it did then.

    Attributes:
        is_calm: It was well below every limit when it was last looked at.
    """

    def __init__(self, limits: ResourceLimits) -> None:
        self.limits = limits
        self._samples: deque[_Sample] = deque()
        self._seen: frozenset[Resource] = frozenset()
        self._allowed: dict[Resource, float] = {}
        self.is_calm = True

    def look(self, usage: TreeUsage, at: float) -> Excess | None:
        """Return what is to be done now, and why; None for nothing.

        Args:
            at: Seconds of a clock that never runs backwards.
        """
        levels = self._levels(usage, at)
        over = {one: (used, limit) for one, (used, limit) in levels.items() if used > limit}
        self.is_calm = all(used <= CALM * limit for used, limit in levels.values())
        if self.is_calm:
            self._allowed.clear()
        seen, self._seen = self._seen, frozenset(over)
        for resource in _WORST:
            if resource not in over:
                continue
            used, limit = over[resource]
            sure = resource in seen or used > FAR * limit
            if sure and used > FAR * self._allowed.get(resource, 0.0):
                for one, (had, _) in over.items():
                    self._allowed[one] = max(had, self._allowed.get(one, 0.0))
                return excess_of(resource, used, limit, self.limits.over)
        return None

    def forget_rates(self) -> None:
        """Begin to average anew, as when a tree goes on that stood still."""
        self._samples.clear()

    def _levels(self, usage: TreeUsage, at: float) -> dict[Resource, tuple[float, float]]:
        limits = self.limits
        levels: dict[Resource, tuple[float, float]] = {}
        if limits.memory_bytes is not None:
            levels[Resource.MEMORY] = usage.memory_bytes, limits.memory_bytes
        if limits.processes is not None:
            levels[Resource.PROCESSES] = len(usage.processes), limits.processes
        if limits.disk_bytes is not None and usage.disk_bytes is not None:
            levels[Resource.DISK] = usage.disk_bytes, limits.disk_bytes
        cores = self._cores(usage, at)
        if limits.cpu_cores is not None and cores is not None:
            levels[Resource.CPU] = cores, limits.cpu_cores
        return levels

    def _cores(self, usage: TreeUsage, at: float) -> float | None:
        """Return the processors taken on average lately; None while it is not watched so long."""
        samples = self._samples
        samples.append(_Sample(at, usage.cpu_seconds))
        while len(samples) > 1 and at - samples[1].at >= CPU_SECONDS:
            samples.popleft()
        passed = at - samples[0].at
        if passed < CPU_SECONDS:
            return None
        return (usage.cpu_seconds - samples[0].cpu_seconds) / passed


def excess_of(resource: Resource, used: float, limit: float, done: OverLimit) -> Excess:
    """Return an excess with its sentence."""
    match resource:
        case Resource.MEMORY:
            reason = f"it takes {write_size(used)} of memory, {write_size(limit)} are allowed"
        case Resource.DISK:
            reason = f"its directory grew by {write_size(used)}, {write_size(limit)} are allowed"
        case Resource.PROCESSES:
            reason = f"it has {used:g} processes, {limit:g} are allowed"
        case _:
            reason = f"it takes {used:.2g} processors, {limit:.2g} are allowed"
    return Excess(resource, used, limit, reason, done)


def held_by_system(limit: int) -> Excess:
    """Return the excess for which the system itself has ended processes of a tree."""
    reason = (
        f"it took all of the {write_size(limit)} of memory that are allowed, and the system ended "
        "what wanted more"
    )
    return Excess(Resource.MEMORY, limit, limit, reason, OverLimit.STOP)
