"""The services, made over a terminal and a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.services.agents.headless_agents import HeadlessAgents
from iterm_mcp.services.agents.launches import Origin
from iterm_mcp.services.agents.life_files import LifeFiles
from iterm_mcp.services.agents.lifecycle import Lifecycle, make_lifecycle
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.approvals.making import Approvals, make_approvals
from iterm_mcp.services.budgets.holds import BudgetHolds
from iterm_mcp.services.commands.service import CommandService
from iterm_mcp.services.deliveries.dead_letters import DeadLetters
from iterm_mcp.services.deliveries.messages import MessageService
from iterm_mcp.services.deliveries.service import DeliveryService, make_deliveries
from iterm_mcp.services.events.annotations import Annotations
from iterm_mcp.services.layouts.export import LayoutExporter
from iterm_mcp.services.layouts.saved_layouts import SavedLayoutService
from iterm_mcp.services.layouts.service import LayoutService
from iterm_mcp.services.output.output_logs import OutputLogs
from iterm_mcp.services.output.reading import Reader
from iterm_mcp.services.output.triggers import TriggerService
from iterm_mcp.services.output.waiting import WaitService
from iterm_mcp.services.permissions.role_file import RoleFile
from iterm_mcp.services.permissions.service import Permissions
from iterm_mcp.services.playbooks.running import PlaybookService
from iterm_mcp.services.playbooks.steps import Means, Steps
from iterm_mcp.services.sessions.changes import SessionChanger
from iterm_mcp.services.sessions.details import SessionDescriber
from iterm_mcp.services.sessions.ending import SessionEnder
from iterm_mcp.services.sessions.lock_book import LockBook
from iterm_mcp.services.sessions.locks import LockService
from iterm_mcp.services.sessions.pictures import PictureService
from iterm_mcp.services.sessions.process_table import SystemProcessTable
from iterm_mcp.services.sessions.search import SessionSearch
from iterm_mcp.services.sessions.sending import SendingService
from iterm_mcp.services.sessions.service import SessionService
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.services.sharing.notes import NoteService
from iterm_mcp.services.sharing.results import ResultService
from iterm_mcp.services.states.adopting import Adopting
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.services.states.waits import AgentWaits
from iterm_mcp.services.states.watching import AgentWatching, make_watching
from iterm_mcp.services.worktrees.service import Worktrees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.agents.restart_policy import RestartPolicy
    from iterm_mcp.store import Store
    from iterm_mcp.store.audit_log import AuditLog
    from iterm_mcp.telemetry import Metrics
    from iterm_mcp.telemetry.tracing import Tracer
    from iterm_mcp.terminal.protocol import Terminal


@dataclass(frozen=True, slots=True)
class Services:
    """What the tools stand on."""

    sessions: SessionService
    sending: SendingService
    locks: LockService
    search: SessionSearch
    describer: SessionDescriber
    changer: SessionChanger
    ender: SessionEnder
    commands: CommandService
    reader: Reader
    waits: WaitService
    layouts: LayoutService
    exporter: LayoutExporter
    saved_layouts: SavedLayoutService
    agents: AgentService
    states: AgentStateService
    watching: AgentWatching
    adopting: Adopting
    agent_waits: AgentWaits
    headless: HeadlessAgents
    lives: Lifecycle
    deliveries: DeliveryService
    dead_letters: DeadLetters
    messages: MessageService
    pictures: PictureService
    triggers: TriggerService
    logs: OutputLogs
    notes: NoteService
    results: ResultService
    permissions: Permissions
    approvals: Approvals
    playbooks: PlaybookService
    annotations: Annotations
    holds: BudgetHolds
    worktrees: Worktrees


def make_services(
    terminal: Terminal,
    store: Store,
    clock: Clock,
    metrics: Metrics,
    *,
    log_folder: str = "logs",
    origin: Origin | None = None,
    policy: RestartPolicy | None = None,
    prewarm_most: int = 0,
    spared: Sequence[str] = (),
    lease_folder: str | None = None,
    worktrees: Worktrees | None = None,
    roles_file: str = "roles.toml",
    rules_file: str = "approvals.toml",
    audit: AuditLog | None = None,
    tracer: Tracer | None = None,
) -> Services:
    """Make the services over a terminal and a store.

    Args:
        log_folder: Where the output of sessions is logged, if somebody wants it.
        origin: Whose agents are started, and where their files stand.
        policy: When agents that crashed are started again.
        prewarm_most: How many agents may wait to be handed out.
        spared: Lock files of our own programs, which are no agents' orphans.
        roles_file: What agents of which role may do, as the user writes it.
        rules_file: What may be answered without a person, as the user writes it.
        audit: Where answers to agents are written down.
        worktrees: All of this user's; those in the state folder, if left out.
        lease_folder: Where writers of several processes meet; without it there is one process.
        tracer: Traces messages, where anything is traced.
    """
    book, holds = LockBook(store.locks, clock), BudgetHolds()
    origin = origin or Origin("state")
    trees = f"{origin.state}/worktrees"
    measured = metrics.worktrees.operations
    worktrees = worktrees or Worktrees(trees, f"{trees}.toml", clock, measured)
    agents = AgentService(terminal, store, clock, metrics)
    states = AgentStateService(store, clock, metrics)
    bridges = LifeFiles(f"{origin.state}/agents").folder
    headless = HeadlessAgents(store.agents, states, clock, bridges, find_kind)
    writers = SessionWriters(locks=book, keyless=headless.in_session)
    search = SessionSearch(terminal, agents.owners)
    sessions = SessionService(terminal, search)
    processes = SystemProcessTable(clock)
    reader = Reader(terminal)
    sending = SendingService(terminal, sessions, writers, clock)
    deliveries = make_deliveries(
        terminal, store, clock, writers, states, lease_folder, conversations=headless,
        held=holds.why, tracer=tracer,
    )  # fmt: skip
    messages = MessageService(terminal, store, deliveries, writers, clock, metrics)
    adopting = Adopting(terminal, store, clock)
    lives = make_lifecycle(
        terminal, sessions, agents, states, messages, store.lives, clock, origin, adopting,
        prewarm_most=prewarm_most, policy=policy, spared=spared, conversations=headless,
        held=holds.why, worktrees=worktrees, observer=metrics.lives,
    )  # fmt: skip
    layouts = LayoutService(terminal, sessions, agents, lives.panes)
    commands = CommandService(terminal, sessions, writers, clock)
    waits = WaitService(terminal, reader, clock)
    notes = NoteService(store, clock)
    agent_waits = AgentWaits(store, states)
    permissions = Permissions(store, RoleFile(roles_file), search, clock)
    means = Means(
        terminal, sessions, layouts, commands, waits, agent_waits, reader, messages, deliveries,
        notes, lives,
    )  # fmt: skip
    return Services(
        sessions=sessions,
        sending=sending,
        locks=LockService(terminal, sessions, writers, book),
        search=search,
        describer=SessionDescriber(terminal, search, processes),
        changer=SessionChanger(terminal, search, processes, writers),
        ender=SessionEnder(terminal, search, processes, writers),
        commands=commands,
        reader=reader,
        waits=waits,
        layouts=layouts,
        exporter=LayoutExporter(terminal, agents, lives.panes),
        saved_layouts=SavedLayoutService(store, layouts, agents, clock),
        agents=agents,
        states=states,
        watching=make_watching(terminal, store, states, clock),
        adopting=adopting,
        agent_waits=agent_waits,
        headless=headless,
        lives=lives,
        deliveries=deliveries,
        dead_letters=DeadLetters(store, deliveries, clock),
        messages=messages,
        pictures=PictureService(terminal, sessions),
        triggers=TriggerService(
            terminal, store.triggers, reader, sessions, sending, messages, clock
        ),
        logs=OutputLogs(terminal, store.triggers, reader, sessions, log_folder),
        notes=notes,
        results=ResultService(store, clock),
        permissions=permissions,
        approvals=make_approvals(
            terminal,
            store,
            clock,
            writers,
            states,
            metrics,
            audit=audit,
            rules_file=rules_file,
            lease_folder=lease_folder,
            conversations=headless,
        ),
        playbooks=PlaybookService(store, Steps(means), permissions, clock),
        annotations=Annotations(store.annotations, clock),
        holds=holds,
        worktrees=worktrees,
    )
