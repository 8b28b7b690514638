"""Looks at many trees of processes at once. Blocking: call it in a thread, one at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from time import thread_time
from typing import TYPE_CHECKING

import psutil

from iterm_mcp.models.resources import ProcessUsage, TreeUsage
from iterm_mcp.services.resources.accounting import Account, Taken
from iterm_mcp.services.resources.marks import Marks
from iterm_mcp.services.resources.memory import ExactMemory
from iterm_mcp.services.resources.table import read_table
from iterm_mcp.services.resources.trees import NOBODY, Members, Root, gather

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.marks import Mark
    from iterm_mcp.services.resources.table import Row, Table

EXACT_SECONDS = 0.02
"""CPU seconds that one look may take for exact memory, over all trees."""

IO_BYTES = 512


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tree that is to be looked at.

    Attributes:
        marks: A process that carries all of one of these in its environment is its.
        exact_above: Its memory is told exactly where it may be more than this; None for never.
    """

    root: Root
    marks: tuple[frozenset[Mark], ...] = ()
    exact_above: int | None = None


@dataclass(slots=True)
class _Kept:
    """What is remembered of a tree between two looks."""

    members: Members = NOBODY
    born: float | None = None
    cpu: Account = field(default_factory=Account)
    read: Account = field(default_factory=Account)
    written: Account = field(default_factory=Account)
    at: float | None = None


class Measurer:
    """Remembers who was in which tree.

    Args:
        spared: Returns processes that are in none, besides this one and those above it.
        table: Returns all processes.
        traffic: Returns what a process has read from and written to disks; None for unknown.

    Attributes:
        cost_seconds: CPU seconds that the last look took.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        spared: Callable[[], Iterable[int]] = tuple,
        table: Callable[[], Table] = read_table,
        traffic: Callable[[int], tuple[int, int] | None] | None = None,
        marks: Marks | None = None,
        exact: ExactMemory | None = None,
        user: int | None = None,
    ) -> None:
        self._clock = clock
        self._spared = spared
        self._table = table
        self._traffic = traffic or read_traffic
        self._marks = marks or Marks()
        self._exact = exact or ExactMemory(EXACT_SECONDS)
        self._user = os.getuid() if user is None else user
        self._kept: dict[str, _Kept] = {}
        self.cost_seconds = 0.0

    def look(self, wanted: Mapping[str, Wanted]) -> dict[str, TreeUsage]:
        """Return what each tree takes; trees that are not asked for are forgotten."""
        began = thread_time()
        table = self._table()
        self._exact.begin_round()
        self._kept = {key: self._kept.get(key) or _Kept() for key in wanted}
        found = gather(
            table,
            {key: one.root for key, one in wanted.items()},
            {key: one.members for key, one in self._kept.items()},
            user=self._user,
            spared={*self._spared(), *lineage(table, os.getpid())},
            claims=lambda row: self._claim(row, wanted, table),
        )
        self._marks.forget(table)
        usages = {key: self._usage(key, one, wanted[key]) for key, one in found.items()}
        self.cost_seconds = thread_time() - began
        return usages

    def members(self, key: str) -> tuple[ProcessId, ...]:
        """Return who was in a tree when it was last looked at, the root first."""
        kept = self._kept.get(key)
        return () if kept is None else tuple(row.process for row in kept.members.rows.values())

    def _claim(self, row: Row, wanted: Mapping[str, Wanted], table: Table) -> str:
        """Return the tree whose marks a process carries, if it is not older than the tree."""
        marks = self._marks.of(row)
        if not marks:
            return ""
        for key, one in wanted.items():
            kept = self._kept[key]
            root = table.get(one.root.process.pid)
            born = kept.born if kept.born is not None else root.born if root else None
            if born is not None and row.born >= born and any(own <= marks for own in one.marks):
                return key
        return ""

    def _usage(self, key: str, members: Members, wanted: Wanted) -> TreeUsage:
        kept, now = self._kept[key], self._clock.monotonic()
        rows = members.rows
        root = rows.get(wanted.root.process.pid)
        if kept.born is None and root is not None:
            kept.born = root.born
        passed, kept.at = None if kept.at is None else now - kept.at, now
        kept.members = members
        added = kept.cpu.look(
            {row.process: Taken(row.cpu_seconds, row.reaped_seconds) for row in rows.values()}
        )
        is_told = self._count_traffic(kept, members)
        memory, is_exact = self._memory(rows, wanted.exact_above)
        return TreeUsage(
            self._clock.now(),
            tuple(_told(row) for row in rows.values()),
            memory,
            is_exact,
            kept.cpu.total,
            added / passed if passed else None,
            round(kept.read.total) if is_told else None,
            round(kept.written.total) if is_told else None,
        )

    def _count_traffic(self, kept: _Kept, members: Members) -> bool:
        """Add up what members read and wrote; tell whether the system tells."""
        told = {row.process: self._traffic(row.pid) for row in members.rows.values()}
        known = {one: traffic for one, traffic in told.items() if traffic is not None}
        # What the system tells of a process is with its children that have ended.
        kept.read.look({one: Taken(0, traffic[0]) for one, traffic in known.items()})
        kept.written.look({one: Taken(0, traffic[1]) for one, traffic in known.items()})
        return bool(known) or kept.read.total > 0

    def _memory(self, rows: Mapping[int, Row], exact_above: int | None) -> tuple[int, bool]:
        most = sum(row.memory_bytes for row in rows.values())
        if exact_above is not None and most > exact_above:
            exact = self._exact.of(tuple(rows))
            if exact is not None:
                return exact, True
        return most, False


def lineage(table: Table, pid: int) -> Collection[int]:
    """Return a process and all above it."""
    found: dict[int, None] = {}
    while pid in table and pid not in found:
        found[pid] = None
        pid = table[pid].parent
    return found or {pid}


def read_traffic(pid: int) -> tuple[int, int] | None:
    """Return the bytes that a process has had from and sent to disks; None for unknown."""
    try:
        file = os.open(f"/proc/{pid}/io", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return _psutil_traffic(pid)
    except OSError:
        return None
    try:
        lines = os.read(file, IO_BYTES).splitlines()
        values = {name: int(value) for name, _, value in (line.partition(b": ") for line in lines)}
        return values[b"read_bytes"], values[b"write_bytes"]
    except (OSError, ValueError, KeyError):
        return None
    finally:
        os.close(file)


def _psutil_traffic(pid: int) -> tuple[int, int] | None:
    try:
        told = psutil.Process(pid).io_counters()
    except (psutil.Error, OSError, AttributeError):  # some systems do not tell
        return None
    return told.read_bytes, told.write_bytes


def _told(row: Row) -> ProcessUsage:
    return ProcessUsage(row.pid, row.parent, row.name, row.memory_bytes, row.cpu_seconds, row.state)
