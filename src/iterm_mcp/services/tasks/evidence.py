"""What tells why an attempt failed, written down before all that it opened is closed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.tasks import Outcome
    from iterm_mcp.services.agents.processes import AgentProcesses, ProcessId
    from iterm_mcp.services.tasks.folders import AttemptFolder
    from iterm_mcp.tasks.work import Order
    from iterm_mcp.terminal.protocol import Terminal

LINES = 200
LINE_CHARACTERS = 500
FILE = "failure.json"


class EvidenceKeeper:
    """Writes evidence. What cannot be had is left out: nothing keeps an attempt from its end."""

    def __init__(self, terminal: Terminal, processes: AgentProcesses, clock: Clock) -> None:
        self._terminal = terminal
        self._processes = processes
        self._clock = clock

    async def keep(
        self,
        order: Order,
        outcome: Outcome,
        folder: AttemptFolder,
        session_id: str,
        running: tuple[ProcessId, ...],
        facts: Mapping[str, Json],
    ) -> str:
        """Write down how a failed attempt looks; return the folder. The first that did so counts.

        Args:
            session_id: Empty where there is no session any more.
            running: What still runs of it.
            facts: What else is known.
        """
        path = folder.evidence / FILE
        if await to_thread.run_sync(path.exists):
            return str(folder.evidence)
        screen, lines = await self._shown(session_id)
        content = {
            "task": str(order.task_id),
            "attempt": order.number,
            "outcome": outcome.value,
            "at": self._clock.now().isoformat(),
            "session": session_id,
            "screen": screen,
            "lines": lines,
            "processes": [*map(sanitise, await self._processes.describe(running))],
            "output": str(folder.output),
            **facts,
        }
        text = json.dumps(content, ensure_ascii=False, indent=1)
        await folder.keeping.write_private({path: text})
        return str(folder.evidence)

    async def _shown(self, session_id: str) -> tuple[list[str], list[str]]:
        """Return the rows of a session's screen, and the last lines that went by."""
        if not session_id:
            return [], []
        try:
            screen = await self._terminal.read_screen(SessionId(session_id))
            view = await self._terminal.view_output(SessionId(session_id), None, LINES)
        except ItermMcpError:
            return [], []
        return _plain([*screen.lines]), _plain([line.text for line in view.lines.lines])


def _plain(lines: list[str]) -> list[str]:
    """Return lines of a terminal as a person may see them, without the empty ones at the end."""
    kept = [sanitise(line.rstrip())[:LINE_CHARACTERS] for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    return kept
