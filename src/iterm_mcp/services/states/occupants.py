"""Who has a session's terminal: the agent, a shell, another program, or nobody.

A look at a family of processes costs milliseconds, a pulse of one process microseconds; so pulses
are felt all the time, and families looked at when a pulse is another.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import psutil
from anyio import to_thread

from iterm_mcp.agents.kind import Occupant
from iterm_mcp.agents.shell import Shell
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from iterm_mcp.models.observations import Json

T = TypeVar("T")

ANSWER_SECONDS = 5.0
COMMAND_CHARACTERS = 200

LEADING = (
    "HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "XDG_CONFIG_HOME",
    "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "ITERM_MCP_AGENT", "ITERM_MCP_EPOCH",
)  # fmt: skip
"""Variables that lead to an agent's files, or say who we started; no others are kept."""

_HAS_STAT = Path("/proc/self/stat").exists()
STAT_BYTES = 1024
_STAT_STATE, _STAT_PARENT, _STAT_GROUP, _STAT_FOREGROUND, _STAT_STARTED = 0, 1, 2, 5, 19
_STOPPED = frozenset({"T", "t"})
_DEAD = frozenset({"Z", "X"})
_UNKNOWN = (psutil.Error, OSError)
_SHELL = Shell()

MULTIPLEXERS = frozenset({"tmux"})
"""Programs whose windows hold others, which are no children of theirs: what is shown may be one."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What tells a process from another, and whether it has its terminal.

    Attributes:
        started: In the system's own unit: ticks of the kernel on Linux, else seconds of the epoch.
        foreground: The process group that its terminal is with; 0 when unknown.
    """

    started: float
    group: int
    foreground: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a session's family."""

    pid: int
    parent: int
    command: tuple[str, ...]
    pulse: Pulse


class Families(Protocol):
    """What may be asked of the processes of sessions."""

    async def families(self, roots: Collection[int]) -> dict[int, tuple[Member, ...]]:
        """Return processes with their descendants, parents first; those that are gone are not."""

    async def pulses(self, pids: Collection[int]) -> dict[int, Pulse]:
        """Return the pulses of those of some processes that live."""

    async def describe(self, member: Member) -> Occupant:
        """Return what leads to a process's files; what the system does not tell is empty."""


@dataclass(frozen=True, slots=True)
class Found:
    """Who has a session's terminal.

    Attributes:
        who: As `Fact.OCCUPANT` has it: agent, shell, multiplexer, other, nobody.
        member: The process; None for nobody.
        behind: The agent lives, but the terminal is with a shell: it was suspended.
    """

    who: str
    member: Member | None = None
    behind: bool = False

    @property
    def identity(self) -> tuple[int, float] | None:
        """What no other process has: its id and when it was started."""
        if self.member is None:
            return None
        return self.member.pid, self.member.pulse.started

    def sighting(self) -> Sighting:
        """Return it as something that was seen."""
        value: dict[str, Json] = {"who": self.who}
        words = ""
        if self.member is not None:
            words = " ".join(self.member.command)[:COMMAND_CHARACTERS]
            value["pid"] = self.member.pid
            value["started"] = self.member.pulse.started
            value["command"] = words
            if self.who == "agent" and (self.behind or self.member.pulse.stopped):
                value["stopped"] = True
        return Sighting(Fact.OCCUPANT, value, ObservationSource.PROCESS, words)


def find_occupant(
    family: Sequence[Member], recognise: Callable[[tuple[str, ...]], bool], *, foreground: int = 0
) -> Found:
    """Return who has the terminal of a family of processes. Pure.

    Args:
        family: The session's first process, then its descendants, parents first.
        recognise: Tells the agent's process by its command.
        foreground: The group that the terminal is with, if the processes do not tell.
    """
    if not family:
        return Found("nobody")
    root = family[0]
    front = root.pulse.foreground or foreground
    agents = [one for one in family if recognise(one.command)]
    if agents:
        agent = next((one for one in agents if one.pulse.group == front), agents[0])
        behind = front not in {0, agent.pulse.group} and not _holds(agent, family, front)
        return Found("agent", agent, behind)
    leader = next((one for one in family if one.pid == front), None)
    leader = leader or next((one for one in family if one.pulse.group == front), root)
    if leader.command and leader.command[0].rpartition("/")[2] in MULTIPLEXERS:
        return Found("multiplexer", leader)
    return Found("shell" if _SHELL.recognise(leader.command) else "other", leader)


def _holds(agent: Member, family: Sequence[Member], front: int) -> bool:
    """Tell whether the terminal is with a descendant of the agent, such as an editor."""
    below = {agent.pid}
    for one in family:
        if one.parent in below:
            below.add(one.pid)
            if one.pulse.group == front:
                return True
    return False


class SystemFamilies:
    """The processes of this machine, asked for in threads."""

    async def families(self, roots: Collection[int]) -> dict[int, tuple[Member, ...]]:
        """Return processes with their descendants; one look at all processes for all of them."""
        wanted = tuple(roots)
        none: dict[int, tuple[Member, ...]] = {}
        return await _in_thread(lambda: _families(wanted), none) if wanted else none

    async def pulses(self, pids: Collection[int]) -> dict[int, Pulse]:
        """Return the pulses of those that live."""
        wanted = tuple(pids)
        if not wanted:
            return {}
        none: dict[int, Pulse] = {}
        return await _in_thread(lambda: _pulses(wanted), none)

    async def describe(self, member: Member) -> Occupant:
        """Return what leads to a process's files."""
        nothing: tuple[str, Mapping[str, str]] = ("", {})
        directory, environment = await _in_thread(lambda: _surroundings(member.pid), nothing)
        return Occupant(member.pid, member.pulse.started, directory, environment)


async def _in_thread(ask: Callable[[], T], otherwise: T) -> T:
    """Ask the system without holding up the loop."""
    with anyio.move_on_after(ANSWER_SECONDS):
        return await to_thread.run_sync(ask, abandon_on_cancel=True)
    return otherwise


def _families(roots: tuple[int, ...]) -> dict[int, tuple[Member, ...]]:
    below: dict[int, list[int]] = {}
    for pid in psutil.pids():
        parent = _parent(pid)
        if parent is not None:
            below.setdefault(parent, []).append(pid)
    found = {}
    for root in roots:
        members, waiting = [], [root]
        while waiting:
            pid = waiting.pop(0)
            waiting += below.get(pid, ())
            member = _member(pid)
            if member is not None:
                members.append(member)
        if members and members[0].pid == root:
            found[root] = tuple(members)
    return found


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    if fields:
        return int(fields[_STAT_PARENT])
    try:
        return None if _HAS_STAT else psutil.Process(pid).ppid()
    except _UNKNOWN:
        return None


def _member(pid: int) -> Member | None:
    pulse, parent = read_pulse(pid), _parent(pid)
    if pulse is None or parent is None:
        return None
    try:
        return Member(pid, parent, tuple(map(_text, psutil.Process(pid).cmdline())), pulse)
    except _UNKNOWN:
        return None


def _pulses(pids: tuple[int, ...]) -> dict[int, Pulse]:
    found = ((pid, read_pulse(pid)) for pid in pids)
    return {pid: pulse for pid, pulse in found if pulse is not None}


def read_pulse(pid: int) -> Pulse | None:
    """Return a process's pulse; None when it is no more."""
    fields = _stat(pid)
    if not fields:
        return None if _HAS_STAT else slow_pulse(pid)
    state = fields[_STAT_STATE].decode()
    if state in _DEAD:
        return None
    return Pulse(
        float(fields[_STAT_STARTED]),
        int(fields[_STAT_GROUP]),
        max(0, int(fields[_STAT_FOREGROUND])),
        state in _STOPPED,
    )


def _stat(pid: int) -> list[bytes]:
    """Return what Linux tells of a process in one line, behind its name; nothing elsewhere."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        line = os.read(file, STAT_BYTES)
    except OSError:  # it has ended since
        return []
    finally:
        os.close(file)
    return line[line.rfind(b")") + 2 :].split()


def slow_pulse(pid: int) -> Pulse | None:
    """Return a pulse where the system has no such files; it tells no foreground."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            status = process.status()
            if status in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
                return None
            stopped = status == psutil.STATUS_STOPPED
            return Pulse(process.create_time(), os.getpgid(pid), 0, stopped)
    except _UNKNOWN:
        return None


def _surroundings(pid: int) -> tuple[str, Mapping[str, str]]:
    directory, environment = "", dict[str, str]()
    with suppress(*_UNKNOWN):
        process = psutil.Process(pid)
        directory = _text(process.cwd())
        known = process.environ()
        environment = {name: _text(known[name]) for name in LEADING if known.get(name)}
    return directory, environment


def _text(raw: str) -> str:
    return raw.encode(errors="replace").decode()
