"""What an attempt consists of: the `iterm_mcp.tasks.work.Work` over agents, sessions, worktrees.

All that an attempt opens is found again by the attempt's id, so each step may be done again after
a kill at any moment: a worktree and an agent have names made of it, a command has its folder, and
what an agent is told has it for a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.tasks import COMMAND
from iterm_mcp.telemetry.trace_context import within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from iterm_mcp.models.tasks import Outcome, TaskResult
    from iterm_mcp.services.tasks.agent_runs import AgentRuns
    from iterm_mcp.services.tasks.cleaning import Cleaner
    from iterm_mcp.services.tasks.collecting import Collector
    from iterm_mcp.services.tasks.commands import CommandRuns
    from iterm_mcp.services.tasks.folders import AttemptFolders
    from iterm_mcp.services.tasks.places import Places
    from iterm_mcp.services.tasks.supervising import Supervisor
    from iterm_mcp.tasks.work import Ending, Order, Place, Running
    from iterm_mcp.telemetry.trace_context import TraceContext


class Attempts(Protocol):
    """Knows the spans of attempts."""

    def attempt(self, order: Order) -> TraceContext:
        """Return the span of an attempt that is to be worked on."""


class AgentWork:
    """Does what attempts consist of.

    Args:
        traces: None where nothing is traced.
    """

    def __init__(
        self,
        places: Places,
        commands: CommandRuns,
        agents: AgentRuns,
        supervisor: Supervisor,
        collector: Collector,
        cleaner: Cleaner,
        folders: AttemptFolders,
        traces: Attempts | None = None,
    ) -> None:
        self._places = places
        self._commands = commands
        self._agents = agents
        self._supervisor = supervisor
        self._collector = collector
        self._cleaner = cleaner
        self._folders = folders
        self._traces = traces

    async def prepare(self, order: Order) -> Place:
        """See `Work.prepare`."""
        return await self._places.make(order)

    async def begin(self, order: Order, place: Place) -> Running:
        """See `Work.begin`."""
        with within(None if self._traces is None else self._traces.attempt(order)):
            if order.spec.kind == COMMAND:
                return await self._commands.begin(order, place)
            return await self._agents.begin(order, place)

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        """See `Work.supervise`."""
        del place
        if order.spec.kind == COMMAND:
            watch = self._commands.watch(order)
            return await self._supervisor.supervise(order, running, watch, beat)
        async with self._agents.watching(order, running) as agent:
            return await self._supervisor.supervise(order, running, agent, beat)

    async def answer(self, order: Order, running: Running, text: str) -> None:
        """See `Work.answer`."""
        del running
        if order.spec.kind == COMMAND:
            raise ConflictError("a command asks nothing", hint="Type into its session.")
        await self._agents.answer(order, text)

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        """See `Work.collect`."""
        return await self._collector.collect(order, place, running, ending)

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        """See `Work.clean`."""
        del place  # it may be unknown, and is found without
        return await self._cleaner.clean(order, outcome)

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        """See `Work.forget`."""
        await self._folders.remove(attempt_ids)
