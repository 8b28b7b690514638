"""What an agent left when its process was gone, gathered before anything is started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.agent_lives import Forensics
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.services.agents.life_files import KeeperStatus
    from iterm_mcp.services.agents.processes import AgentProcesses, MarkedProcess
    from iterm_mcp.terminal.protocol import Terminal

LINES = 200
LINE_CHARACTERS = 500


class ForensicsCollector:
    """Gathers what can still be had. What cannot is left out: an end is never kept from telling.

    Args:
        origin: The state folder of this installation, by which processes are known for ours.
    """

    def __init__(
        self, terminal: Terminal, processes: AgentProcesses, clock: Clock, origin: str
    ) -> None:
        self._terminal = terminal
        self._processes = processes
        self._clock = clock
        self._origin = origin

    async def collect(
        self, life: Life, status: KeeperStatus | None, reason: str, *, crash: bool
    ) -> Forensics:
        """Return what an agent left.

        Args:
            status: What its keeper said last; None when nobody saw the end.
            reason: Why it ended, in a sentence.
        """
        screen, lines = await self._shown(life)
        left = await self.left_behind(life)
        return Forensics(
            life.agent,
            life.epoch,
            self._clock.now(),
            reason,
            crash,
            None if status is None else status.code,
            None if status is None else status.signal,
            screen,
            lines,
            tuple(f"{one.process.pid} {sanitise(one.command)}" for one in left),
        )

    async def left_behind(self, life: Life) -> tuple[MarkedProcess, ...]:
        """Return what still runs of what an agent has started in this life or before."""
        return tuple(
            one
            for one in await self._processes.marked(self._origin)
            if one.agent == life.born or (one.agent == life.agent and one.epoch <= life.epoch)
        )

    async def _shown(self, life: Life) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the rows of the agent's screen, and the last lines that went by."""
        if life.session_id is None:
            return (), ()
        try:
            screen = await self._terminal.read_screen(life.session_id)
            view = await self._terminal.view_output(life.session_id, None, LINES)
        except ItermMcpError:
            return (), ()
        return _plain(screen.lines), _plain(tuple(line.text for line in view.lines.lines))


def _plain(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return lines of a terminal as a person may see them, without the empty ones at the end."""
    kept = [sanitise(line.rstrip())[:LINE_CHARACTERS] for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)
