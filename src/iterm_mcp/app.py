"""Opens everything once, in order, and closes it in reverse."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterm_mcp.access import Access
from iterm_mcp.agents.described import kind_folders, open_described
from iterm_mcp.clock import SystemClock
from iterm_mcp.hook_relay import hook_command
from iterm_mcp.services.adopting import Adopting
from iterm_mcp.services.agent_launches import Origin
from iterm_mcp.services.agent_states import AgentStateService
from iterm_mcp.services.agent_waits import AgentWaits
from iterm_mcp.services.agent_watching import AgentWatching, make_watching
from iterm_mcp.services.agents import AgentService
from iterm_mcp.services.approval_making import Approvals, make_approvals
from iterm_mcp.services.commands import CommandService
from iterm_mcp.services.dead_letters import DeadLetters
from iterm_mcp.services.deliveries import DeliveryService, make_deliveries
from iterm_mcp.services.layout_export import LayoutExporter
from iterm_mcp.services.layouts import LayoutService
from iterm_mcp.services.lifecycle import Lifecycle, make_lifecycle
from iterm_mcp.services.lock_book import LockBook
from iterm_mcp.services.locks import LockService
from iterm_mcp.services.messages import MessageService
from iterm_mcp.services.notes import NoteService
from iterm_mcp.services.output_logs import OutputLogs
from iterm_mcp.services.permissions import Permissions
from iterm_mcp.services.pictures import PictureService
from iterm_mcp.services.playbook_running import PlaybookService
from iterm_mcp.services.playbook_steps import Means, Steps
from iterm_mcp.services.process_table import SystemProcessTable
from iterm_mcp.services.reading import Reader
from iterm_mcp.services.restart_policy import RestartPolicy
from iterm_mcp.services.results import ResultService
from iterm_mcp.services.role_file import RoleFile
from iterm_mcp.services.saved_layouts import SavedLayoutService
from iterm_mcp.services.sending import SendingService
from iterm_mcp.services.session_changes import SessionChanger
from iterm_mcp.services.session_details import SessionDescriber
from iterm_mcp.services.session_ending import SessionEnder
from iterm_mcp.services.session_search import SessionSearch
from iterm_mcp.services.sessions import SessionService
from iterm_mcp.services.subscriptions import open_subscriptions
from iterm_mcp.services.team_waits import TeamWaits
from iterm_mcp.services.triggers import TriggerService
from iterm_mcp.services.waiting import WaitService
from iterm_mcp.services.writers import SessionWriters
from iterm_mcp.store import open_store
from iterm_mcp.store.audit_log import open_audit_log
from iterm_mcp.telemetry import Metrics
from iterm_mcp.terminal.endpoint import find_endpoint
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import TerminalLink, open_link
from iterm_mcp.tools.agent_states import AgentStateTools
from iterm_mcp.tools.agents import AgentTools
from iterm_mcp.tools.approvals import ApprovalTools
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.clients import Clients, Rules
from iterm_mcp.tools.commands import CommandTools
from iterm_mcp.tools.deliveries import DeliveryTools
from iterm_mcp.tools.layouts import LayoutTools
from iterm_mcp.tools.lives import LifeTools
from iterm_mcp.tools.locks import LockTools
from iterm_mcp.tools.messages import MessageTools
from iterm_mcp.tools.notes import NoteTools
from iterm_mcp.tools.output import OutputTools
from iterm_mcp.tools.pictures import PictureTools
from iterm_mcp.tools.playbooks import PlaybookTools
from iterm_mcp.tools.resources import Resources
from iterm_mcp.tools.results import ResultTools
from iterm_mcp.tools.sending import SendingTools
from iterm_mcp.tools.server import Extras, build_server
from iterm_mcp.tools.sessions import SessionTools
from iterm_mcp.tools.standing_sessions import StandingSessionTools
from iterm_mcp.tools.teams import TeamTools
from iterm_mcp.tools.triggers import TriggerTools
from iterm_mcp.web.approvals import approval_routes
from iterm_mcp.web.hooks import hook_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from mcp.server import Server
    from starlette.routing import Route

    from iterm_mcp.clock import Clock
    from iterm_mcp.config import Settings
    from iterm_mcp.paths import Paths
    from iterm_mcp.store import Store
    from iterm_mcp.store.audit_log import AuditLog
    from iterm_mcp.terminal.protocol import Terminal
    from iterm_mcp.tools.tool import ToolRow


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the daemon serves.

    Attributes:
        server: MCP, on whatever transport.
        calls: The tool calls under way, to be drained before the app closes.
    """

    server: Server[Any]
    metrics: Metrics
    calls: Calls
    link: TerminalLink
    approvals: Approvals

    def routes(self) -> list[Route]:
        """Return what is served over HTTP besides MCP, health and metrics."""
        approvals = self.approvals
        return [
            *approval_routes(approvals.desk),
            *hook_routes(approvals.hooks, approvals.service),
        ]

    def problems(self) -> list[str]:
        """Return why work cannot be done now; empty when it can."""
        if self.link.kind is not None:
            return []
        return [str(self.link.last_error or "no terminal is connected yet")]


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


@asynccontextmanager
async def open_app(settings: Settings, paths: Paths) -> AsyncIterator[App]:
    """Open the store, the link to the terminal, the services and the tools.

    The terminal is connected in the background: a daemon without one still answers.

    Raises:
        StoreError: The database cannot be used.
    """
    metrics = Metrics()
    clock = SystemClock()
    async with (
        open_described(kind_folders(paths.state, settings.kinds)),
        open_store(paths.database, clock) as store,
        open_audit_log(paths.audit, paths.audit_key, clock) as audit,
        open_link(
            lambda: find_endpoint(settings, paths), metrics, settings.connect_timeout_seconds
        ) as link,
    ):
        terminal = ItermTerminal(link, metrics.operations, settings.request_timeout_seconds)
        services = make_services(
            terminal,
            store,
            clock,
            metrics,
            log_folder=f"{paths.logs}/sessions",
            origin=Origin(
                paths.state,
                paths.state if paths.private else None,
                hook_command=hook_command(paths.state),
            ),
            policy=RestartPolicy(settings.restart_backoff_seconds),
            spared=(paths.daemon_lock, paths.host_lock),
            lease_folder=f"{paths.state}/leases",
            roles_file=paths.roles,
            rules_file=paths.approval_rules,
            audit=audit,
        )
        await services.agents.announce()
        clients = Clients(_rules(settings), clock)
        calls = Calls(metrics.tools, clients, audit, services.permissions)
        async with open_extras(services, terminal) as extras:
            server = build_server(tool_rows(services), calls, extras)
            yield App(server, metrics, calls, link, services.approvals)


@asynccontextmanager
async def open_extras(services: Services, terminal: Terminal) -> AsyncIterator[Extras]:
    """Watch sessions for subscribers, triggers and logs for the length of the block.

    Raises:
        StoreError: What was watched before cannot be read.
    """
    async with (
        open_subscriptions(terminal) as subscriptions,
        services.states.running(),
        services.watching.running(),
        services.lives.running(),
        services.deliveries.running(),
        services.approvals.running(subscriptions.approvals_changed),
        services.triggers.running(subscriptions.triggers_changed),
        services.logs.running(),
        services.playbooks.running(),
    ):
        resources = Resources(
            terminal,
            services.sessions,
            services.agents,
            services.reader,
            services.triggers,
            services.notes,
            services.approvals.desk,
        )
        yield Extras(resources, subscriptions)


def _rules(settings: Settings) -> Rules:
    """Return what holds for every client.

    Raises:
        AccessError: The settings' tier is none; their tools are looked at by the server.
    """
    return Rules(
        access=Access(settings.tier, settings.tools),
        confirm=settings.confirm,
        calls_per_second=settings.calls_per_second,
        output_characters_per_minute=settings.output_characters_per_minute,
        audit_required=settings.audit_required,
    )


def make_services(
    terminal: Terminal,
    store: Store,
    clock: Clock,
    metrics: Metrics,
    *,
    log_folder: str = "logs",
    origin: Origin | None = None,
    policy: RestartPolicy | None = None,
    spared: Sequence[str] = (),
    lease_folder: str | None = None,
    roles_file: str = "roles.toml",
    rules_file: str = "approvals.toml",
    audit: AuditLog | None = None,
) -> Services:
    """Make the services over a terminal and a store.

    Args:
        log_folder: Where the output of sessions is logged, if somebody wants it.
        origin: Whose agents are started, and where their files stand.
        policy: When agents that crashed are started again.
        spared: Lock files of our own programs, which are no agents' orphans.
        roles_file: What agents of which role may do, as the user writes it.
        rules_file: What may be answered without a person, as the user writes it.
        audit: Where answers to agents are written down.
        lease_folder: Where writers of several processes meet; without it there is one process.
    """
    book = LockBook(store.locks, clock)
    writers = SessionWriters(locks=book)
    agents = AgentService(terminal, store, clock, metrics)
    states = AgentStateService(store, clock, metrics)
    search = SessionSearch(terminal, agents.owners)
    sessions = SessionService(terminal, search)
    processes = SystemProcessTable(clock)
    reader = Reader(terminal)
    layouts = LayoutService(terminal, sessions, agents)
    sending = SendingService(terminal, sessions, writers, clock)
    deliveries = make_deliveries(terminal, store, clock, writers, states, lease_folder)
    messages = MessageService(terminal, store, deliveries, writers, clock, metrics)
    commands = CommandService(terminal, sessions, writers, clock)
    waits = WaitService(terminal, reader, clock)
    notes = NoteService(store, clock)
    team_waits = TeamWaits(store, states)
    permissions = Permissions(store, RoleFile(roles_file), search, clock)
    means = Means(
        terminal,
        sessions,
        layouts,
        commands,
        waits,
        team_waits,
        reader,
        messages,
        deliveries,
        notes,
    )
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
        exporter=LayoutExporter(terminal, agents),
        saved_layouts=SavedLayoutService(terminal, store, layouts, agents, clock),
        agents=agents,
        states=states,
        watching=make_watching(terminal, store, states, clock),
        adopting=Adopting(terminal, store, clock),
        agent_waits=AgentWaits(store, states),
        lives=make_lifecycle(
            terminal,
            sessions,
            agents,
            states,
            messages,
            store.lives,
            clock,
            origin or Origin("state"),
            policy=policy,
            spared=spared,
        ),
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
        ),
        playbooks=PlaybookService(store, Steps(means), permissions, clock),
    )


def tool_rows(services: Services) -> list[ToolRow]:
    """Return every tool, in the order in which clients list them."""
    sessions, agents = services.sessions, services.agents
    return [
        *SessionTools(sessions, services.search, services.locks).rows(),
        *StandingSessionTools(
            services.describer, services.changer, services.ender, services.locks
        ).rows(),
        *SendingTools(services.sending).rows(),
        *LockTools(services.locks).rows(),
        *CommandTools(services.commands).rows(),
        *OutputTools(sessions, services.reader, services.waits).rows(),
        *PictureTools(services.pictures).rows(),
        *TriggerTools(services.triggers, services.logs).rows(),
        *LayoutTools(services.layouts, services.exporter, services.saved_layouts).rows(),
        *AgentTools(agents, sessions, services.states, services.adopting).rows(),
        *AgentStateTools(services.states, services.agent_waits).rows(),
        *LifeTools(services.lives, sessions, services.states).rows(),
        *MessageTools(services.messages).rows(),
        *DeliveryTools(services.deliveries, services.dead_letters).rows(),
        *ApprovalTools(services.approvals.desk).rows(),
        *NoteTools(services.notes).rows(),
        *ResultTools(services.results).rows(),
        *TeamTools(agents, services.permissions).rows(),
        *PlaybookTools(services.playbooks).rows(),
    ]
