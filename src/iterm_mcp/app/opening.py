"""Opens everything once, in order, and closes it in reverse."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterm_mcp.agents.described import kind_folders, open_described
from iterm_mcp.app.counting import counted, counting
from iterm_mcp.app.desk import open_desk
from iterm_mcp.app.exporting import exports_of
from iterm_mcp.app.machine import machine_settings
from iterm_mcp.app.observing import observing
from iterm_mcp.app.probing import make_probe
from iterm_mcp.app.services import Services, make_services
from iterm_mcp.app.tasks import make_work
from iterm_mcp.app.tools import tool_rows
from iterm_mcp.app.tracing import following_tasks, make_traces, running_traces, trace_options
from iterm_mcp.clock import SystemClock
from iterm_mcp.hook_relay import hook_command
from iterm_mcp.services.agents.launches import Origin
from iterm_mcp.services.agents.restart_policy import RestartPolicy
from iterm_mcp.services.alerts.opening import open_attention
from iterm_mcp.services.budgets.acting import AgentActor
from iterm_mcp.services.deliveries.end_words import tell_end
from iterm_mcp.services.events.opening import Events, open_events
from iterm_mcp.services.events.own_facts import OwnFacts, RecordedCalls, SessionFacts
from iterm_mcp.services.events.questions import make_questions
from iterm_mcp.services.events.sources import EventSources, open_sources, transcript_roots
from iterm_mcp.services.resources.opening import make_resources
from iterm_mcp.services.sessions.subscriptions import open_subscriptions
from iterm_mcp.services.shares.book import Shares
from iterm_mcp.services.shares.shelf import Shelf
from iterm_mcp.store import open_store
from iterm_mcp.store.audit_log import open_audit_log
from iterm_mcp.store.events import keeping
from iterm_mcp.telemetry import Metrics
from iterm_mcp.telemetry.exporting import open_exporters
from iterm_mcp.telemetry.tracing import Tracing, open_tracing
from iterm_mcp.terminal.endpoint import find_endpoint
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import TerminalLink, open_link
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.clients import Clients, rules_of
from iterm_mcp.tools.direct_calls import DirectCalls
from iterm_mcp.tools.resources import Resources
from iterm_mcp.tools.server import Extras, build_server
from iterm_mcp.web.api.opening import Api, ApiLimits, ApiServices, open_api
from iterm_mcp.web.health import health_answer
from iterm_mcp.web.hooks import hook_routes
from iterm_mcp.web.imports import import_routes
from iterm_mcp.web.otlp import otlp_routes
from iterm_mcp.web.shares import share_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server import Server
    from starlette.routing import Route

    from iterm_mcp.agents.reports import Reports
    from iterm_mcp.app.tracing import Traces
    from iterm_mcp.config import Settings
    from iterm_mcp.models.agent_lives import Forensics, Life
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.paths import Paths
    from iterm_mcp.services.approvals.making import Approvals
    from iterm_mcp.services.tasks.work import AgentWork
    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.terminal.protocol import Terminal


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the daemon serves.

    Attributes:
        server: MCP, on whatever transport.
        calls: The tool calls under way, to be drained before the app closes.
        work: What attempts of tasks consist of.
        tasks: The engine that has them done.
        tracing: Whether anything is traced, and if not though somebody wants it, why.
    """

    server: Server[Any]
    metrics: Metrics
    calls: Calls
    link: TerminalLink
    approvals: Approvals
    events: Events
    sources: EventSources
    api: Api
    shares: Shares
    work: AgentWork
    tasks: TaskEngine
    tracing: Tracing

    def routes(self) -> list[Route]:
        """Return what is served over HTTP besides MCP, health and metrics."""
        approvals = self.approvals
        return [
            *hook_routes(approvals.hooks, approvals.service, self.sources.spool),
            *otlp_routes(self.events.intake, SystemClock()),
            *import_routes(self.sources.importer, SystemClock()),
            *share_routes(self.shares, SystemClock()),
        ]

    def problems(self) -> list[str]:
        """Return why work cannot be done now; empty when it can."""
        if self.link.kind is not None:
            return []
        return [str(self.link.last_error or "no terminal is connected yet")]

    def health(self) -> dict[str, object]:
        """Return sizes, lags, rates and drops, without looking into anything large."""
        return health_answer(
            [
                *self.problems(),
                *self.events.problems,
                *self.sources.problems(),
                *self.tracing.problems,
            ],
            self.link.kind,
            self.calls.running,
            self.api.admission,
            self.events.store.stats(),
            self.events.intake_stats(self.sources.spool),
        )


@asynccontextmanager
async def open_app(
    settings: Settings, paths: Paths, reports: Reports | None = None
) -> AsyncIterator[App]:
    """Open the store, the link to the terminal, the services and the tools.

    The terminal is connected in the background: a daemon without one still answers.

    Args:
        reports: Where agents that are started report over HTTP.

    Raises:
        StoreError: The database cannot be used.
    """
    metrics = Metrics()
    clock = SystemClock()
    own_url = "" if reports is None else reports.url
    async with (
        open_tracing(trace_options(settings, own_url)) as tracing,
        open_described(kind_folders(paths.state, settings.kinds)),
        open_store(paths.database, clock) as store,
        open_audit_log(paths.audit, paths.audit_key, clock) as audit,
        open_events(
            paths.events,
            paths.prices,
            clock,
            store.agents,
            settings=keeping(settings.events_keep_days, settings.events_keep_gigabytes),
        ) as events,
        open_link(
            lambda: find_endpoint(settings, paths),
            SessionFacts(events.recorder, clock, metrics),
            settings.connect_timeout_seconds,
        ) as link,
        observing(metrics, link, settings, paths, clock),
        open_exporters(exports_of(settings), metrics, clock, metrics.exports),
    ):
        since = events.store.newest
        terminal = ItermTerminal(link, metrics.operations, settings.request_timeout_seconds)
        traces = make_traces(tracing.tracer, events.store, clock)
        events.intake.traces = None if traces is None else traces.agents
        origin = Origin(
            paths.state,
            paths.state if paths.private else None,
            hook_command=hook_command(paths.state),
            spool=paths.spool,
            reports=reports,
            propagate=None if traces is None else traces.lives.environment,
        )
        services = make_services(
            terminal,
            store,
            clock,
            metrics,
            log_folder=f"{paths.logs}/sessions",
            origin=origin,
            policy=RestartPolicy(settings.restart_backoff_seconds),
            prewarm_most=settings.prewarm_most,
            spared=(paths.daemon_lock, paths.host_lock),
            lease_folder=f"{paths.state}/leases",
            roles_file=paths.roles,
            rules_file=paths.approval_rules,
            audit=audit,
            tracer=tracing.tracer,
        )
        services.annotations.ask(events.store)
        services.holds.doubt()  # until the budgets were looked at
        await services.agents.announce()
        clients = Clients(rules_of(settings), clock)
        clients.names = services.lives.book.named
        recorded = RecordedCalls(audit, events.recorder, clock)
        calls = Calls(
            metrics.tools, clients, recorded, services.permissions, metrics.mcp,
            None if traces is None else traces.calls,
        )  # fmt: skip
        facts = OwnFacts(events.recorder, clock)
        tell_facts(services, link, events, facts, metrics, traces)
        resources = make_resources(clock, paths.state, (paths.daemon_lock, paths.host_lock))
        metrics.resources.begin(lambda: resources.watch.totals)
        for life in await services.lives.book.all():
            events.intake.tasks.note(life)
        questions = make_questions(events.store, clock, agents=store.agents)
        work = make_work(
            services, terminal, questions, paths, origin, clock, resources.watch,
            None if traces is None else traces.attempts,
        )  # fmt: skip
        tell = facts.task_changed if traces is None else traces.and_tasks(facts.task_changed)
        async with (
            running_traces(traces, store, services.lives.book, clock),
            facts.following(services.states),
            open_extras(services, terminal) as extras,
            open_sources(
                paths.spool, events.intake, store.positions, clock,
                transcript_roots(os.environ) if settings.follow_transcripts else (),
                store=events.store, states=services.approvals.hooks, observer=metrics,
            ) as sources,
            open_attention(
                store, events, services.states, services.dead_letters, services.holds,
                AgentActor(services.lives.ender, services.lives.book, services.states),
                clock, paths, terminal, metrics.alerts, metrics.costs,
            ) as attention,
            resources.running(services.lives.book, services.lives.ender, attention.alerts),
            open_desk(
                services, store, work, paths, machine_settings(settings), clock,
                counted(metrics, tell), attention.alerts,
            ) as work_desk,
            counting(metrics, services, work_desk.tasks, events.store, since, clock),
            following_tasks(traces, work_desk.tasks),
        ):  # fmt: skip
            metrics.events.begin(lambda: (events.store.stats(), events.intake_stats(sources.spool)))
            extras.resources.show(attention)
            rows = tool_rows(services, questions, work_desk.asked)
            server = build_server(rows, calls, extras)
            limits = ApiLimits(settings.http_requests_per_second, settings.http_most_at_once)
            door, desk = DirectCalls(rows, calls), services.approvals.desk
            shares = Shares(store.shares, questions.exporter, Shelf(paths.shares), clock)
            probe = make_probe(
                services, terminal, work_desk.asked, paths, clock, settings.probe_seconds
            )
            metrics.probe.begin(probe.counts)
            async with shares.running(), probe.running():
                api = await open_api(
                    ApiServices(
                        store,
                        clock,
                        door,
                        questions,
                        desk,
                        attention,
                        limits,
                        shares,
                        resources,
                        work_desk.backlog,
                        work_desk.chooser,
                        worktrees=services.worktrees,
                        tasks=work_desk.asked,
                        probe=probe,
                    )
                )
                yield App(
                    server, metrics, calls, link, services.approvals, events, sources, api, shares,
                    work, work_desk.tasks, tracing,
                )  # fmt: skip


def tell_facts(
    services: Services,
    link: TerminalLink,
    events: Events,
    facts: OwnFacts,
    metrics: Metrics,
    traces: Traces | None = None,
) -> None:
    """Have services tell what they do: it is recorded, counted, and traced where anything is."""

    def life_changed(before: Life | None, after: Life, found: Forensics | None) -> None:
        events.intake.tasks.note(after)
        facts.life_changed(before, after, found)
        if traces is not None:
            traces.lives.changed(before, after, found)

    def message_moved(delivery: Delivery) -> None:
        facts.message_moved(delivery)
        tell_end(delivery, metrics.deliveries)
        if traces is not None:
            traces.message_moved(delivery)

    link.watches.tell_commands(facts.command_changed)
    services.deliveries.tell(message_moved, None if traces is None else traces.messages.left)
    services.approvals.book.tell(facts.approval_changed)
    services.lives.book.tell(life_changed)
    services.playbooks.tell(facts.run_changed)
    services.results.tell(events.handoffs.result_read)
    services.notes.tell(events.handoffs.note_read)


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
        services.headless.running(),
        services.lives.running(),
        services.deliveries.running(),
        services.approvals.running(subscriptions.approvals_changed),
        subscriptions.following_agents(services.states, services.agents),
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
            services.states,
        )
        yield Extras(resources, subscriptions)
