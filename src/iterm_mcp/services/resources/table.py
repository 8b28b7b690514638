"""All processes of this machine at one moment, as cheaply as the system tells it.

On Linux one small file of each process is read, some 15 µs each; elsewhere psutil is asked. Both
are blocking: call them in a thread.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import psutil

from iterm_mcp.agents.keeper import start_of
from iterm_mcp.services.agents.processes import ProcessId

STAT_BYTES = 4096
BORN = "born "
"""Begins what tells a process from later ones where psutil is asked."""

ZOMBIES = frozenset({"Z", "X"})

_UNKNOWN = (psutil.Error, OSError)
_STATES = {
    psutil.STATUS_RUNNING: "R", psutil.STATUS_SLEEPING: "S", psutil.STATUS_DISK_SLEEP: "D",
    psutil.STATUS_STOPPED: "T", psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_DEAD: "X",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One process.

    Attributes:
        born: Grows from older to younger processes; only comparable within one table.
        owner: The user whose it is.
        session: Its POSIX session.
        reaped_seconds: CPU seconds of those of its children that have ended and were asked for.
        memory_bytes: Resident.
    """

    process: ProcessId
    parent: int
    session: int
    owner: int
    name: str
    state: str
    born: float
    cpu_seconds: float
    reaped_seconds: float
    memory_bytes: int

    @property
    def pid(self) -> int:
        """Its id, which is another's later."""
        return self.process.pid


Table = dict[int, Row]


def read_table() -> Table:
    """Return every process that there is, by id."""
    return read_proc() if sys.platform == "linux" else read_psutil()


def read_proc(folder: str = "/proc") -> Table:
    """Return every process, as ``/proc`` tells of it; none where there is no such folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - pathlib costs as much as the reading
        with open(f"{folder}/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            boot = file.read(8)
    except OSError:
        return {}
    ticks, page = float(os.sysconf("SC_CLK_TCK")), os.sysconf("SC_PAGE_SIZE")
    table = {}
    for name in names:
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                row = _parse(*_read(f"{folder}/{name}/stat"), boot, ticks, page)
                table[row.pid] = row
    return table


def _read(path: str) -> tuple[bytes, int]:
    """Return a file's content and its owner."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, STAT_BYTES), os.fstat(file).st_uid
    finally:
        os.close(file)


def _parse(content: bytes, owner: int, boot: str, ticks: float, page: int) -> Row:
    """Read a line of ``stat``, see proc_pid_stat(5): a name may hold blanks and brackets."""
    head, _, tail = content.rpartition(b")")
    number, _, name = head.partition(b" (")
    rest = tail.split()
    started = rest[19].decode()
    return Row(
        process=ProcessId(int(number), f"{boot}:{started}"),
        parent=int(rest[1]),
        session=int(rest[3]),
        owner=owner,
        name=name.decode(errors="replace"),
        state=rest[0].decode(),
        born=float(started),
        cpu_seconds=(int(rest[11]) + int(rest[12])) / ticks,
        reaped_seconds=max(0, int(rest[13]) + int(rest[14])) / ticks,
        memory_bytes=int(rest[21]) * page,
    )


def read_psutil() -> Table:
    """Return every process, as psutil tells of it.

    What keepers write down about a process costs a process to ask for, so here another word tells
    it from later ones; see `is_row`.
    """
    table = {}
    for one in psutil.process_iter():
        with suppress(*_UNKNOWN), one.oneshot():
            times, born = one.cpu_times(), one.create_time()
            table[one.pid] = Row(
                process=ProcessId(one.pid, f"{BORN}{born:.3f}"),
                parent=one.ppid(),
                session=_session(one.pid),
                owner=one.uids().real,
                name=one.name(),
                state=_STATES.get(str(one.status()), "S"),
                born=born,
                cpu_seconds=times.user + times.system,
                reaped_seconds=times.children_user + times.children_system,
                memory_bytes=one.memory_info().rss,
            )
    return table


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def is_row(row: Row, process: ProcessId) -> bool:
    """Tell whether a row is a process's, in whichever words that one is told from later ones."""
    if row.pid != process.pid or not process.started:
        return False
    if row.process.started.startswith(BORN) != process.started.startswith(BORN):
        return _start_of(row.pid, row.process.started) == process.started
    return row.process == process


@lru_cache(maxsize=4096)
def _start_of(pid: int, started: str) -> str:
    """Ask what keepers would write down, once for each process."""
    del started  # it tells it from later ones of its id
    return start_of(pid)
