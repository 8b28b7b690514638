"""Processes that agents of ours started and left behind.

What is ours says so itself: its environment carries our state folder, an agent's name and which of
its lives. Anything else is never looked at twice. Nor is our own daemon or host touched, which an
agent's MCP client may have started.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.ids import AgentName
from iterm_mcp.processes import lock_holder
from iterm_mcp.services.agents.ends import process_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.life_files import LifeFiles
    from iterm_mcp.services.agents.processes import AgentProcesses, MarkedProcess, ProcessId

TERMINATE_SECONDS = 5.0
YOUNG_SECONDS = 2.0
"""What is younger is let be: the agent that it belongs to may just be starting."""

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Orphan:
    """A process without its agent.

    Attributes:
        why: Which agent it belonged to, and what became of that one.
        ended: ``terminate`` or ``kill``; empty while nothing was done.
    """

    process: MarkedProcess
    why: str
    ended: str = ""


class OrphanSweeper:
    """Finds orphans, and ends them when told to.

    Args:
        origin: The state folder of this installation.
        spared: Lock files whose holders are never touched.
    """

    def __init__(
        self,
        book: LifeBook,
        files: LifeFiles,
        processes: AgentProcesses,
        origin: str,
        spared: Iterable[str] = (),
    ) -> None:
        self._book = book
        self._files = files
        self._processes = processes
        self._origin = origin
        self._spared = tuple(spared)

    async def find(self) -> tuple[Orphan, ...]:
        """Return the orphans; nothing is done to them."""
        lives = {life.agent: life for life in await self._book.all()}
        families: dict[str, set[ProcessId]] = {}
        for life in lives.values():
            if life.phase in {Phase.RUNNING, Phase.CREATING}:
                root = process_of(await self._files.status(life.agent), life)
                tree = () if root is None else await self._processes.tree(root)
                families[life.agent] = set(tree)
        spared = await self._holders()
        found = []
        for one in await self._processes.marked(self._origin):
            if one.process.pid in spared or one.age_seconds < YOUNG_SECONDS:
                continue
            owner = lives.get(AgentName(self._book.named(one.agent)))
            if owner is None:
                found.append(Orphan(one, f"there is no agent {one.agent!r} any more"))
            elif owner.phase not in {Phase.RUNNING, Phase.CREATING}:
                found.append(Orphan(one, f"agent {one.agent!r} does not run"))
            elif (
                one.agent == owner.agent
                and one.epoch < owner.epoch
                and one.process not in families[owner.agent]
            ):
                found.append(Orphan(one, f"agent {one.agent!r} was started again since"))
        return tuple(found)

    async def sweep(self) -> tuple[Orphan, ...]:
        """End the orphans that there are now, kindly at first, and return them."""
        orphans = await self.find()
        for one in orphans:
            await self._processes.signal(one.process.process, signal.SIGTERM, signal.SIGCONT)
        with anyio.move_on_after(TERMINATE_SECONDS):
            for one in orphans:
                while await self._processes.stands(one.process.process):  # noqa: ASYNC110 - no bell
                    await anyio.sleep(_POLL_SECONDS)
        done = []
        for one in orphans:
            killed = await self._processes.signal(one.process.process, signal.SIGKILL)
            done.append(Orphan(one.process, one.why, "kill" if killed else "terminate"))
        return tuple(done)

    async def _holders(self) -> set[int]:
        """Return the processes that nobody may touch: our own daemon and host."""
        found = [await to_thread.run_sync(lock_holder, path) for path in self._spared]
        return {pid for pid in found if pid}
