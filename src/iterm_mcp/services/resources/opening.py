"""The watch over what agents take, opened once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from iterm_mcp.processes import lock_holder
from iterm_mcp.services.agents.life_files import LifeFiles
from iterm_mcp.services.resources.agent_trees import AgentTrees
from iterm_mcp.services.resources.alerts import ResourceAlerts
from iterm_mcp.services.resources.cgroups import Found, find_groups
from iterm_mcp.services.resources.evidence import EvidenceFolder
from iterm_mcp.services.resources.measuring import Measurer
from iterm_mcp.services.resources.watching import ResourceWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.agents.ends import AgentEnder
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.resources.alerts import Raised
    from iterm_mcp.services.resources.cgroups import Groups


class SystemGroups:
    """Where the system holds limits, found when it is first needed.

    Attributes:
        reason: In a sentence, whether it does.
    """

    def __init__(self, state: str) -> None:
        self._name = sha256(state.encode()).hexdigest()[:12]
        self.reason = "nothing has limits yet"

    def find(self) -> Groups | None:
        """Find them, and make the folder for them. It looks at the disk."""
        found = find_groups(self._name)
        self.reason = found.reason
        return found.groups

    def possible(self) -> Found:
        """Return what `find` would, as far as that is known without making anything."""
        return find_groups(self._name, make=False)


@dataclass(frozen=True, slots=True)
class Resources:
    """What is known of what agents and commands take.

    Attributes:
        state: The state folder of this installation.
    """

    watch: ResourceWatch
    groups: SystemGroups
    state: str

    @asynccontextmanager
    async def running(
        self, book: LifeBook, ender: AgentEnder, alerts: Raised
    ) -> AsyncIterator[None]:
        """Watch the agents that run, and hold their limits, for the length of the block."""
        files = LifeFiles(f"{self.state}/agents")
        agents = AgentTrees(self.watch, book, files, ender, self.state)
        telling = ResourceAlerts(self.watch, alerts)
        async with self.watch.running(), telling.running(), agents.running():
            yield


def make_resources(clock: Clock, state: str, spared: Sequence[str] = ()) -> Resources:
    """Return a watch that is not running yet.

    Args:
        state: The state folder of this installation.
        spared: Lock files of our own programs, which belong to no agent.
    """
    groups = SystemGroups(state)
    watch = ResourceWatch(
        Measurer(clock, spared=lambda: [pid for pid in map(lock_holder, spared) if pid]),
        clock,
        groups.find,
        EvidenceFolder(f"{state}/over-limits"),
    )
    return Resources(watch, groups, state)
