"""Processes of sessions in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from anyio.lowlevel import checkpoint

from iterm_mcp.agents.kind import Occupant
from iterm_mcp.services.states.occupants import Member, Pulse

if TYPE_CHECKING:
    from collections.abc import Collection

SHELL_PID = 100


class FakeFamilies:
    """One session's shell, and what was started in it; the last started has the terminal."""

    def __init__(self) -> None:
        self.members = {SHELL_PID: Member(SHELL_PID, 1, ("bash",), _pulse(SHELL_PID))}
        self._front(SHELL_PID)

    def start(self, pid: int, *command: str) -> None:
        """Start a program in the foreground."""
        self.members[pid] = Member(pid, SHELL_PID, command, _pulse(pid))
        self._front(pid)

    def end(self, pid: int) -> None:
        """End a program; the shell has its terminal again."""
        del self.members[pid]
        if SHELL_PID in self.members:
            self._front(SHELL_PID)

    def stop(self, pid: int) -> None:
        """Suspend a program."""
        member = self.members[pid]
        self.members[pid] = replace(member, pulse=replace(member.pulse, stopped=True))
        self._front(SHELL_PID)

    async def families(self, roots: Collection[int]) -> dict[int, tuple[Member, ...]]:
        """Return all there is, below the shell."""
        await checkpoint()
        return {one: tuple(self.members.values()) for one in roots if one in self.members}

    async def pulses(self, pids: Collection[int]) -> dict[int, Pulse]:
        """Return the pulses of those that live."""
        await checkpoint()
        return {pid: self.members[pid].pulse for pid in pids if pid in self.members}

    async def describe(self, member: Member) -> Occupant:
        """Return an occupant without files."""
        await checkpoint()
        return Occupant(member.pid, member.pulse.started, "/here")

    def _front(self, group: int) -> None:
        for pid, one in self.members.items():
            self.members[pid] = replace(one, pulse=replace(one.pulse, foreground=group))


def _pulse(pid: int) -> Pulse:
    return Pulse(float(pid), pid, 0, stopped=False)
