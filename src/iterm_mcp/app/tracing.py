"""Traces, where a user wants them: who makes spans, and who is asked for their contexts."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.deliveries import Stage
from iterm_mcp.services.traces.agents import AgentSpans
from iterm_mcp.services.traces.lives import LifeSpans
from iterm_mcp.services.traces.messages import MessageSpans
from iterm_mcp.services.traces.tasks import TaskSpans, TaskTraces
from iterm_mcp.telemetry.tracing import TraceOptions
from iterm_mcp.tools.call_spans import CallSpans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.config import Settings
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.store import Store
    from iterm_mcp.store.events import EventStore
    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.telemetry.tracing import Tracer

RECALLED = timedelta(days=1)
"""Messages of an earlier process whose turns may still be told of."""

PATH = "/v1/traces"

ENV = "env"
"""The address of the collector is what OpenTelemetry's variables say."""


def trace_options(settings: Settings, own_url: str) -> TraceOptions:
    """Return what a user's settings say of traces.

    Args:
        own_url: Of our HTTP side; empty without one.
    """
    where = settings.otlp_traces
    return TraceOptions(
        on=bool(where),
        endpoint="" if where == ENV else where,
        ratio=settings.traces_ratio,
        arguments=settings.trace_arguments,
        own_url=own_url,
    )


def agent_traces(settings: Settings) -> str:
    """Return where agents shall export their own traces; empty for nowhere.

    What OpenTelemetry's variables say they see themselves, and do with it as their users want.
    """
    where = settings.otlp_traces
    if not settings.agent_traces or where in {"", ENV}:
        return ""
    return where if where.endswith(PATH) else where.rstrip("/") + PATH


@dataclass(frozen=True, slots=True)
class Traces:
    """Makes the spans of all that services tell of."""

    tracer: Tracer
    calls: CallSpans
    lives: LifeSpans
    messages: MessageSpans
    agents: AgentSpans
    tasks: TaskSpans
    attempts: TaskTraces

    def message_moved(self, delivery: Delivery) -> None:
        """Take note of a message's step."""
        self.agents.message_moved(delivery)
        self.messages.moved(delivery)

    @asynccontextmanager
    async def running(self, store: Store, lives: LifeBook, clock: Clock) -> AsyncIterator[None]:
        """Go on with what earlier processes began, and trace for the length of the block.

        Raises:
            StoreError: What they began cannot be read.
        """
        since = clock.now() - RECALLED
        self.agents.recall(await store.deliveries.at_stages(frozenset(Stage), since=since))
        for life in await lives.all():
            self.lives.note(life)
        async with self.agents.running():
            yield

    def and_tasks(self, tell: Callable[[TaskChange], None]) -> Callable[[TaskChange], None]:
        """Return what tells somebody of changes of tasks, and has them traced."""

        def told(change: TaskChange) -> None:
            tell(change)
            self.tasks.note(change)

        return told


def make_traces(tracer: Tracer | None, events: EventStore, clock: Clock) -> Traces | None:
    """Make what traces; None where nothing is traced."""
    if tracer is None:
        return None
    lives = LifeSpans(tracer, clock)
    agents = AgentSpans(tracer, lives, events)
    return Traces(
        tracer,
        CallSpans(tracer, clock, agents),
        lives,
        MessageSpans(tracer),
        agents,
        TaskSpans(tracer),
        TaskTraces(tracer),
    )


@asynccontextmanager
async def running_traces(
    traces: Traces | None, store: Store, lives: LifeBook, clock: Clock
) -> AsyncIterator[None]:
    """See `Traces.running`; nothing happens where nothing is traced."""
    async with AsyncExitStack() as stack:
        if traces is not None:
            await stack.enter_async_context(traces.running(store, lives, clock))
        yield


@asynccontextmanager
async def following_tasks(traces: Traces | None, tasks: TaskEngine) -> AsyncIterator[None]:
    """Trace tasks for the block, where anything is traced."""
    async with AsyncExitStack() as stack:
        if traces is not None:
            await stack.enter_async_context(traces.tasks.running(tasks))
        yield
