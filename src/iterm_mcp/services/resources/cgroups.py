"""Groups of Linux that hold limits by themselves: control groups, version 2.

A tree that has limits gets a group of its own below ``iterm-mcp/`` in the nearest place above us
in which this user may make groups, such as where systemd has delegated one, and in containers.
There the system itself gives a tree no more memory, processors and processes than its limits say.
What it cannot do is watched: see `watching`. Everything here blocks, but for moments only.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.models.task_limits import OverLimit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.task_limits import ResourceLimits

MOUNT = "/sys/fs/cgroup"
FOLDER = "iterm-mcp"
CONTROLLERS = ("memory", "cpu", "pids")
PERIOD_MICROSECONDS = 100_000
MOST_NAME = 100


@dataclass(frozen=True, slots=True)
class GroupReading:
    """What the system says of a group.

    Attributes:
        memory_bytes: Of its processes and of the files that they have read; None for unknown.
        memory_ended: How many processes were ended because the group's memory was used up.
        refused_forks: How many processes were not begun because there were enough.
        slowed_seconds: How long its processes were kept from running.
    """

    memory_bytes: int | None
    memory_ended: int
    refused_forks: int
    slowed_seconds: float


class Group:
    """One group, and what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, pids: Iterable[int]) -> int:
        """Move processes into it with all their threads; return how many there were.

        Raises:
            OSError: The system does not let us: they stand where this user may not take them from.
        """
        moved = 0
        for pid in pids:
            try:
                _write(self.path / "cgroup.procs", str(pid))
                moved += 1
            except ProcessLookupError:
                continue
        return moved

    def pids(self) -> frozenset[int]:
        """Return the ids of the processes in it; none when it is gone."""
        try:
            return frozenset(int(one) for one in _read(self.path / "cgroup.procs").split())
        except (OSError, ValueError):
            return frozenset()

    def read(self) -> GroupReading:
        """Return what the system says of it; nothing happened in one that is gone."""
        memory = _number(self.path / "memory.current")
        return GroupReading(
            memory,
            _counts(self.path / "memory.events").get("oom_kill", 0),
            _counts(self.path / "pids.events").get("max", 0),
            _counts(self.path / "cpu.stat").get("throttled_usec", 0) / 1e6,
        )

    def kill(self) -> None:
        """End everything in it at once, where the system can."""
        with suppress(OSError):
            _write(self.path / "cgroup.kill", "1")

    def remove(self) -> bool:
        """Remove it; False while there is somebody in it."""
        try:
            self.path.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class Groups:
    """Makes groups.

    Args:
        base: The folder in which they are made.
        controllers: What the system holds in it, of `CONTROLLERS`.
    """

    def __init__(self, base: Path, controllers: tuple[str, ...]) -> None:
        self.base = base
        self.controllers = controllers

    def make(self, key: str, limits: ResourceLimits) -> Group:
        """Make a group with the limits that the system can hold, or change the one that is there.

        With `OverLimit.WARN` nothing is held: who only wants to know has nothing ended. Nor is
        memory with `OverLimit.PAUSE`: the system knows no pause, it would end processes.

        Raises:
            OSError: It cannot be made.
        """
        path = self.base / _name(key)
        path.mkdir(exist_ok=True)
        held = limits.over is not OverLimit.WARN
        if "memory" in self.controllers:
            memory = limits.memory_bytes if limits.over is OverLimit.STOP else None
            _write(path / "memory.max", _limit(memory))
        if "pids" in self.controllers:
            _write(path / "pids.max", _limit(limits.processes if held else None))
        if "cpu" in self.controllers:
            cores = limits.cpu_cores if held else None
            quota = None if cores is None else max(1000, round(cores * PERIOD_MICROSECONDS))
            _write(path / "cpu.max", f"{_limit(quota)} {PERIOD_MICROSECONDS}")
        return Group(path)

    def find(self, key: str) -> Group | None:
        """Return the group of a tree, if it has one."""
        path = self.base / _name(key)
        return Group(path) if path.is_dir() else None

    def sweep(self, keys: Iterable[str]) -> int:
        """Remove groups in which nobody is, but for those of some trees; return how many."""
        kept = {_name(key) for key in keys}
        with suppress(OSError):
            folders = [one for one in self.base.iterdir() if one.is_dir() and one.name not in kept]
            return sum(Group(one).remove() for one in folders)
        return 0

    def close(self) -> None:
        """Remove the folder, if there are no more groups in it."""
        self.sweep(())
        with suppress(OSError):
            self.base.rmdir()


@dataclass(frozen=True, slots=True)
class Found:
    """Whether the system can hold limits.

    Attributes:
        groups: None where it cannot.
        reason: In a sentence, whichever it is.
    """

    groups: Groups | None
    reason: str


def find_groups(
    name: str,
    *,
    mount: str | Path = MOUNT,
    own: str | Path = "/proc/self/cgroup",
    controllers: tuple[str, ...] = CONTROLLERS,
    make: bool = True,
) -> Found:
    """Find where groups can be made, and make the folder for them.

    Args:
        name: Of the folder below ``iterm-mcp``, so that no two installations meet in one.
        controllers: One at least must be had.
        make: Else nothing is changed, and what could be made is told.
    """
    mount = Path(mount)
    if not (mount / "cgroup.controllers").is_file():
        return Found(None, "this system has no control groups of version 2 at their usual place")
    try:
        inside = _own_group(Path(own).read_text("ascii"))
    except (OSError, ValueError):
        return Found(None, "nobody knows in which control group this process is")
    reason = f"this user may make no control groups in {inside} or above"
    for place in _upwards(mount, inside):
        if not os.access(place, os.W_OK | os.X_OK):
            continue
        try:
            had = _open(place, place / FOLDER, controllers) if make else _could(place, controllers)
            if make and had:
                had = _open(place / FOLDER, place / FOLDER / _name(name), had)
        except OSError as error:
            reason = f"control groups in {place} cannot be made: {error.strerror}"
            continue
        if had:
            return Found(
                Groups(place / FOLDER / _name(name), had),
                f"the system holds {', '.join(had)} in {place / FOLDER}",
            )
        reason = f"control groups in {place} hold none of {', '.join(controllers)}"
    return Found(None, reason)


def _open(place: Path, folder: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Make a folder whose groups have controllers; return those that they have.

    Raises:
        OSError: It cannot be made.
    """
    there = _read(place / "cgroup.controllers").split()
    for one in wanted:
        if one in there and one not in _read(place / "cgroup.subtree_control").split():
            with suppress(OSError):  # where processes stand beside, the system does not permit it
                _write(place / "cgroup.subtree_control", f"+{one}")
    had = _read(place / "cgroup.subtree_control").split()
    found = tuple(one for one in wanted if one in had)
    if found:
        folder.mkdir(exist_ok=True)
    return found


def _could(place: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return what groups in a place would have, as far as that can be known without trying.

    Below the topmost place, where processes stand nothing more is passed on to groups.
    """
    passed_on = _read(place / "cgroup.subtree_control").split()
    is_free = not (place / "cgroup.type").exists() or not _read(place / "cgroup.procs").split()
    there = _read(place / "cgroup.controllers").split() if is_free else []
    return tuple(one for one in wanted if one in passed_on or one in there)


def _own_group(text: str) -> str:
    """Return in which group this process is, of version 2; see cgroups(7).

    Raises:
        ValueError: It does not say.
    """
    for line in text.splitlines():
        if line.startswith("0::/"):
            return line.removeprefix("0::")
    raise ValueError(text)


def _upwards(mount: Path, inside: str) -> list[Path]:
    """Return our own group and those above it; what leads out of the mount is left out."""
    parts = [one for one in inside.split("/") if one not in {"", ".", ".."}]
    return [mount.joinpath(*parts[:end]) for end in range(len(parts), -1, -1)]


def _name(key: str) -> str:
    """Return a name for a folder, unlike other keys' and the system's files: those hold a dot."""
    plain = re.sub(r"[^A-Za-z0-9_~-]", "_", key)[:MOST_NAME]
    return plain if plain == key else f"{plain}~{sha256(key.encode()).hexdigest()[:8]}"


def _limit(value: int | None) -> str:
    return "max" if value is None else str(value)


def _read(path: Path) -> str:
    return path.read_text("ascii")


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write(text)


def _number(path: Path) -> int | None:
    try:
        return int(_read(path))
    except (OSError, ValueError):
        return None


def _counts(path: Path) -> dict[str, int]:
    with suppress(OSError, ValueError):
        return {
            name: int(count) for name, count in (one.split() for one in _read(path).splitlines())
        }
    return {}
