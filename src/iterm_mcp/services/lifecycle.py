"""All that starts, keeps and ends agents, put together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.messages import Cascade
from iterm_mcp.services.agent_care import AgentCare
from iterm_mcp.services.agent_ends import AgentEnder
from iterm_mcp.services.agent_launches import AgentLauncher, Origin
from iterm_mcp.services.agent_processes import SystemAgentProcesses
from iterm_mcp.services.agent_restarts import AgentSupervisor
from iterm_mcp.services.agent_starts import AgentStarter
from iterm_mcp.services.forensics import ForensicsCollector
from iterm_mcp.services.life_book import LifeBook
from iterm_mcp.services.life_files import LifeFiles
from iterm_mcp.services.orphans import OrphanSweeper
from iterm_mcp.services.templates import Templates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.agent_processes import AgentProcesses
    from iterm_mcp.services.agents import AgentService
    from iterm_mcp.services.messages import MessageService
    from iterm_mcp.services.restart_policy import RestartPolicy
    from iterm_mcp.services.sessions import SessionService
    from iterm_mcp.services.states import States
    from iterm_mcp.store.agent_lives import AgentLifeStore
    from iterm_mcp.terminal.protocol import Terminal

KEY_SECONDS = 7 * 86400.0
"""How long it is remembered that an agent was told its first order."""


class CascadeTeller:
    """Tells agents by way of everybody's messages, so that there is a receipt."""

    def __init__(self, messages: MessageService) -> None:
        self._messages = messages

    async def tell(self, agent: AgentName, text: str, key: str) -> None:
        """Give an agent a text, once for each key."""
        await self._messages.cascade(
            Cascade(agents={agent: text}), idempotency_key=key, ttl_seconds=KEY_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What may be asked of the lives of agents."""

    templates: Templates
    book: LifeBook
    store: AgentLifeStore
    starter: AgentStarter
    ender: AgentEnder
    supervisor: AgentSupervisor
    sweeper: OrphanSweeper

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep agents as they shall be for the length of the block."""
        async with self.supervisor.running():
            yield


def make_lifecycle(
    terminal: Terminal,
    sessions: SessionService,
    agents: AgentService,
    states: States,
    messages: MessageService,
    store: AgentLifeStore,
    clock: Clock,
    origin: Origin,
    *,
    policy: RestartPolicy | None = None,
    spared: Iterable[str] = (),
    processes: AgentProcesses | None = None,
) -> Lifecycle:
    """Put together what keeps agents.

    Args:
        origin: Whose agents they are; their folders and templates stand in its state folder.
        policy: When those that crash are started again.
        spared: Lock files of our own programs, which no sweep touches.
    """
    book = LifeBook(store)
    files = LifeFiles(f"{origin.state}/agents")
    processes = processes or SystemAgentProcesses(clock)
    launcher = AgentLauncher(sessions, agents, states, book, files, processes, clock, origin)
    ender = AgentEnder(terminal, agents, states, book, files, processes, origin.state)
    forensics = ForensicsCollector(terminal, processes, clock, origin.state)
    care = AgentCare(states, book, ender, CascadeTeller(messages), clock)
    return Lifecycle(
        templates=Templates(f"{origin.state}/templates"),
        book=book,
        store=store,
        starter=AgentStarter(agents, states, book, files, launcher, ender, clock),
        ender=ender,
        supervisor=AgentSupervisor(
            states, store, book, files, launcher, ender, processes, forensics, care, clock, policy
        ),
        sweeper=OrphanSweeper(book, files, processes, origin.state, spared),
    )
