"""How much of a machine the work on one task may use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OverLimit(StrEnum):
    """What is done with work that uses more than it may."""

    WARN = "warn"
    PAUSE = "pause"
    """Its processes are stopped until a person lets them go on or ends them."""
    STOP = "stop"
    """The attempt ends as ``over_limit``."""


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """Limits of a process tree; None is unlimited.

    Attributes:
        memory_bytes: Resident, of all processes together.
        cpu_cores: CPU seconds a second, of all processes together.
        disk_bytes: That its directory may grow by.
        processes: How many at once.
        over: What happens above a limit that the system does not hold by itself.
    """

    memory_bytes: int | None = None
    cpu_cores: float | None = None
    disk_bytes: int | None = None
    processes: int | None = None
    over: OverLimit = OverLimit.STOP


NO_LIMITS = ResourceLimits()
