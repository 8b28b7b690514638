"""Durable work, put together over the services."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from iterm_mcp.app.machine import open_shared_backlog
from iterm_mcp.services.agents.life_files import LifeFiles
from iterm_mcp.services.agents.placing import PanePlacer
from iterm_mcp.services.agents.processes import SystemAgentProcesses
from iterm_mcp.services.tasks.acceptance import verify
from iterm_mcp.services.tasks.admission import Admission
from iterm_mcp.services.tasks.agent_runs import AgentRuns
from iterm_mcp.services.tasks.cleaning import Cleaner
from iterm_mcp.services.tasks.collecting import Collector
from iterm_mcp.services.tasks.commands import CommandRuns
from iterm_mcp.services.tasks.dispatch_limits import dispatch_limits
from iterm_mcp.services.tasks.evidence import EvidenceKeeper
from iterm_mcp.services.tasks.folders import AttemptFolders
from iterm_mcp.services.tasks.leftovers import Leftovers
from iterm_mcp.services.tasks.limiting import WatchLimiter
from iterm_mcp.services.tasks.places import Places
from iterm_mcp.services.tasks.supervising import Supervisor
from iterm_mcp.services.tasks.work import AgentWork
from iterm_mcp.tasks.engine import EngineOptions, TaskEngine, open_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.app.machine import MachineSettings
    from iterm_mcp.app.services import Services
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.paths import Paths
    from iterm_mcp.services.agents.launches import Origin
    from iterm_mcp.services.events.questions import EventQuestions
    from iterm_mcp.services.resources.watching import ResourceWatch
    from iterm_mcp.services.tasks.quotas import Quotas
    from iterm_mcp.services.tasks.settings import TaskSettingsFile
    from iterm_mcp.services.traces.tasks import TaskTraces
    from iterm_mcp.store import Store
    from iterm_mcp.tasks.front.redis_front import RedisFront
    from iterm_mcp.terminal.protocol import Terminal


def make_work(
    services: Services,
    terminal: Terminal,
    questions: EventQuestions,
    paths: Paths,
    origin: Origin,
    clock: Clock,
    watch: ResourceWatch | None = None,
    traces: TaskTraces | None = None,
) -> AgentWork:
    """Return what attempts of tasks consist of.

    Args:
        watch: Holds the limits of attempts; None holds none.
        traces: Knows the spans of attempts; None where nothing is traced.
    """
    folders = AttemptFolders(paths.attempts)
    processes = SystemAgentProcesses(clock)
    panes = PanePlacer(terminal, services.sessions, services.agents)
    places = Places(services.worktrees, folders)
    commands = CommandRuns(panes, processes, folders, origin)
    agents = AgentRuns(
        services.lives, services.agents, services.states, services.deliveries,
        services.approvals.service, LifeFiles(f"{origin.state}/agents"), folders, clock,
    )  # fmt: skip
    collector = Collector(
        folders, services.worktrees, services.results, services.lives.book, questions.store,
        questions.costs, clock, verify, recordings=paths.recordings,
    )  # fmt: skip
    cleaner = Cleaner(
        commands, agents, places,
        Leftovers(processes, origin.state, (paths.daemon_lock, paths.host_lock)),
        EvidenceKeeper(terminal, processes, clock),
        folders, services.lives.book, services.states,
    )  # fmt: skip
    limiter = None if watch is None else WatchLimiter(watch, commands, origin.state)
    return AgentWork(
        places, commands, agents, Supervisor(clock, limiter), collector, cleaner, folders, traces
    )


@asynccontextmanager
async def open_tasks(
    services: Services,
    store: Store,
    work: AgentWork,
    paths: Paths,
    machine: MachineSettings,
    clock: Clock,
    tell: Callable[[TaskChange], None],
    quotas: Quotas,
    settings: TaskSettingsFile,
) -> AsyncIterator[tuple[TaskEngine, RedisFront | None]]:
    """Run the task engine over the services for the block; what was under way goes on.

    Args:
        machine: What this one is among those that share its work.
        tell: Called with every change of a task; must not wait.
        quotas: Learns, for the length of the block, when kinds of agents take orders again.

    Yields:
        The engine, and this machine's part in a shared backlog, where it has one.
    """
    admission = Admission(settings, clock, held=services.holds.why, quotas=quotas)
    options = EngineOptions(
        machine.url, paths.state, machine.name, machine.capacity, machine.labels, clock=clock,
        limits=lambda: dispatch_limits(settings.last), admission=admission, tell=tell,
        lease_seconds=machine.lease_seconds,
    )  # fmt: skip
    async with (
        admission.running(),
        quotas.following(services.states, store.agents),
        open_engine(options, work) as engine,
        open_shared_backlog(machine, options, engine, lambda: settings.last.most_at_once) as front,
    ):
        yield engine, front
