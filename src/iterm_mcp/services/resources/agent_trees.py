"""The trees of agents that we started: watched while they run, with the limits of their orders."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import ItermMcpError, StoreError
from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.agents.ends import process_of
from iterm_mcp.services.agents.environment import AGENT, ORIGIN
from iterm_mcp.services.background import beside
from iterm_mcp.services.resources.watched_trees import Tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.services.agents.ends import AgentEnder
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.life_files import LifeFiles
    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.watching import ResourceWatch

log = structlog.get_logger()

EVERY_SECONDS = 2.0
SOONEST_SECONDS = 0.1
"""Between two looks at the lives, however often they change."""


class AgentTrees:
    """Has a watch know the agents that run.

    Args:
        origin: The state folder of this installation, by which processes are known for ours.
    """

    def __init__(
        self, watch: ResourceWatch, book: LifeBook, files: LifeFiles, ender: AgentEnder, origin: str
    ) -> None:
        self._watch = watch
        self._book = book
        self._files = files
        self._origin = origin
        self._actor = AgentTreeActor(ender, watch)
        self._mine: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the lives of agents for the length of the block."""
        async with beside(self._run):
            yield

    async def look(self) -> None:
        """Watch whoever runs now, and nobody else of them.

        Raises:
            StoreError: The lives cannot be read.
        """
        lives = [one for one in await self._book.all() if one.spare is None]
        running = {one.agent: one for one in lives if one.phase is Phase.RUNNING}
        statuses = await self._files.statuses(running)
        standing: set[str] = set()
        for agent, life in running.items():
            root = process_of(statuses[agent], life)
            if root is not None:
                standing.add(str(agent))
                self._watch.watch(self._tree(life, root), self._actor)
                await self._compare(life)
        for gone in self._mine - standing:
            self._watch.unwatch(gone)
        self._mine = standing

    async def _compare(self, life: Life) -> None:
        """Let a tree go on whose agent was let go on, and judge none that stands still."""
        key = str(life.agent)
        if life.desired is Desired.PAUSED:
            self._watch.paused(key)
        elif life.desired is Desired.RUNNING:
            await self._watch.resume(key)

    def _tree(self, life: Life, root: ProcessId) -> Tree:
        names = {str(life.agent), life.born} - {""}
        return Tree(
            key=str(life.agent),
            kind=life.order.kind,
            root=root,
            limits=life.order.resources,
            directory=life.order.directory,
            marks=tuple(frozenset({(ORIGIN, self._origin), (AGENT, name)}) for name in names),
            output=life.transcript,
        )

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except (StoreError, OSError) as error:
                log.warning("agents_not_watched", reason=str(error))
            await anyio.sleep(SOONEST_SECONDS)
            with anyio.move_on_after(EVERY_SECONDS):
                await self._book.changed()


class AgentTreeActor:
    """Has agents stand still or ends them as a person would, and what is left of their trees."""

    def __init__(self, ender: AgentEnder, watch: ResourceWatch) -> None:
        self._ender = ender
        self._watch = watch

    async def pause(self, tree: Tree, reason: str) -> None:
        """Suspend an agent until somebody resumes it."""
        try:
            await self._ender.suspend(AgentName(tree.key), reason=reason)
        except ItermMcpError as error:
            log.warning("agent_not_suspended", agent=tree.key, reason=str(error))
        await self._watch.signals.pause(tree, reason)

    async def stop(self, tree: Tree, reason: str) -> None:
        """Ask an agent to leave, end it, and have it stay ended."""
        try:
            await self._ender.stop(AgentName(tree.key), keep_pane=True, reason=reason)
        except ItermMcpError as error:
            log.warning("agent_not_stopped", agent=tree.key, reason=str(error))
        await self._watch.signals.stop(tree, reason)
