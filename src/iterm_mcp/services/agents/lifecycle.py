"""All that starts, keeps and ends agents, put together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.messages import Cascade
from iterm_mcp.services.agents.beginnings import Beginnings
from iterm_mcp.services.agents.care import AgentCare
from iterm_mcp.services.agents.ends import AgentEnder
from iterm_mcp.services.agents.forensics import ForensicsCollector
from iterm_mcp.services.agents.launches import AgentLauncher, Origin
from iterm_mcp.services.agents.life_book import LifeBook
from iterm_mcp.services.agents.life_files import LifeFiles
from iterm_mcp.services.agents.orphans import OrphanSweeper
from iterm_mcp.services.agents.pane_starts import PaneStarter
from iterm_mcp.services.agents.placing import PanePlacer
from iterm_mcp.services.agents.processes import SystemAgentProcesses
from iterm_mcp.services.agents.restarts import AgentSupervisor
from iterm_mcp.services.agents.spare_wishes import MOST, SpareWishes
from iterm_mcp.services.agents.spares import Spares
from iterm_mcp.services.agents.starts import AgentStarter
from iterm_mcp.services.agents.templates import Templates
from iterm_mcp.services.holding import never_held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.agents.beginnings import LifeObserver
    from iterm_mcp.services.agents.processes import AgentProcesses
    from iterm_mcp.services.agents.restart_policy import RestartPolicy
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.agents.spares import Looker
    from iterm_mcp.services.deliveries.means import Conversations
    from iterm_mcp.services.deliveries.messages import MessageService
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.services.worktrees.service import Worktrees
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
    panes: PaneStarter
    spares: Spares
    beginnings: Beginnings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep agents as they shall be for the length of the block."""
        async with (
            self.beginnings.running(),
            self.supervisor.running(),
            self.spares.running(),
        ):
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
    looker: Looker,
    *,
    prewarm_most: int = MOST,
    policy: RestartPolicy | None = None,
    spared: Iterable[str] = (),
    processes: AgentProcesses | None = None,
    conversations: Conversations | None = None,
    held: Held = never_held,
    worktrees: Worktrees | None = None,
    observer: LifeObserver | None = None,
) -> Lifecycle:
    """Put together what keeps agents.

    Args:
        origin: Whose agents they are; their folders and templates stand in its state folder.
        looker: Looks at agents that nobody has registered.
        prewarm_most: How many agents may wait to be handed out.
        policy: When those that crash are started again.
        spared: Lock files of our own programs, which no sweep touches.
        conversations: Knows the agents that run without a screen.
        held: Asked before an agent is started, or let go on.
        worktrees: Makes those of agents that are to have one.
        observer: Is told of the lives that begin.
    """
    book = LifeBook(store, observer)
    beginnings = Beginnings(states, clock, observer)
    files = LifeFiles(f"{origin.state}/agents")
    processes = processes or SystemAgentProcesses(clock)
    panes = PanePlacer(terminal, sessions, agents)
    launcher = AgentLauncher(
        panes, agents, states, book, files, processes, clock, origin, held=held
    )
    ender = AgentEnder(
        terminal, agents, states, book, files, processes, origin.state, conversations, held
    )
    forensics = ForensicsCollector(terminal, processes, clock, origin.state)
    care = AgentCare(states, book, ender, CascadeTeller(messages), clock)
    templates = Templates(f"{origin.state}/templates")
    spares = Spares(
        terminal,
        agents,
        states,
        book,
        files,
        launcher,
        ender,
        processes,
        panes,
        looker,
        SpareWishes(templates, clock, prewarm_most),
        clock,
    )
    starter = AgentStarter(
        agents, states, book, files, launcher, ender, clock, spares, worktrees, beginnings
    )
    supervisor = AgentSupervisor(
        states, store, book, files, launcher, ender, processes, forensics, care, clock, policy,
        beginnings,
    )  # fmt: skip
    return Lifecycle(
        templates=templates,
        book=book,
        store=store,
        starter=starter,
        ender=ender,
        supervisor=supervisor,
        sweeper=OrphanSweeper(book, files, processes, origin.state, spared),
        panes=PaneStarter(templates, states, book, launcher, starter, supervisor),
        spares=spares,
        beginnings=beginnings,
    )
