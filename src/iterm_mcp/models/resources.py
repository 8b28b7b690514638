"""What a tree of processes takes of its machine, and what happens when that is too much."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.models.task_limits import NO_LIMITS, OverLimit, ResourceLimits

if TYPE_CHECKING:
    from datetime import datetime


class Resource(StrEnum):
    """What may be limited."""

    MEMORY = "memory"
    CPU = "cpu"
    DISK = "disk"
    PROCESSES = "processes"


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """One process of a tree.

    Attributes:
        memory_bytes: Resident; pages that it shares with others count for each of them.
        cpu_seconds: That it had itself.
        state: As the system has it: R, S, D, T (stopped), Z.
    """

    pid: int
    parent: int
    name: str
    memory_bytes: int
    cpu_seconds: float
    state: str = ""


@dataclass(frozen=True, slots=True)
class TreeUsage:
    """What a tree took when it was looked at.

    Attributes:
        processes: Without those that have ended and were not asked for yet.
        memory_bytes: Resident. Where `is_exact`, a page that several of its processes share
            counts once; else once for each of them, so that it is rather less.
        cpu_seconds: Since it is watched, of those that have ended, too.
        cpu_cores: CPU seconds a second since the look before; None with the first look.
        read_bytes, written_bytes: From and to disks, since it is watched; at least so many. None
            where the system does not tell.
        disk_bytes: By how much its directory has grown; None where nobody looks, or not yet.
    """

    at: datetime
    processes: tuple[ProcessUsage, ...] = ()
    memory_bytes: int = 0
    is_exact: bool = False
    cpu_seconds: float = 0.0
    cpu_cores: float | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    disk_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Excess:
    """A tree takes, or has taken, more than it may.

    Attributes:
        reason: In a sentence with numbers.
        done: What was done about it.
    """

    resource: Resource
    used: float
    limit: float
    reason: str
    done: OverLimit = OverLimit.WARN


@dataclass(frozen=True, slots=True)
class WatchedTree:
    """A tree that is watched, as it stands.

    Attributes:
        key: What it is known by: an agent's name, or an attempt's id.
        kind: Of the agent, or ``command``.
        held_by: Who holds its limits: ``cgroup`` the system, ``watch`` we do by looking, empty for
            none.
        excess: The last one; None when there was none.
        is_paused: Its processes stand still because of that.
    """

    key: str
    kind: str
    limits: ResourceLimits = NO_LIMITS
    held_by: str = ""
    usage: TreeUsage | None = None
    excess: Excess | None = None
    is_paused: bool = False
