"""Watching all registered agents, for as long as the daemon serves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.agents.files import open_files
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import ItermMcpError, NotFoundError, TerminalError
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.states.occupants import SystemFamilies
from iterm_mcp.services.states.watch import AgentWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

    from iterm_mcp.agents.files import PolledFiles
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.services.states.occupants import Families
    from iterm_mcp.services.states.service import AgentStateService
    from iterm_mcp.store import Store
    from iterm_mcp.terminal.protocol import Terminal

log = structlog.get_logger()

PULSE_SECONDS = 0.5
"""How often all agents' processes are felt; a look at a few bytes for each."""

LOOK_SECONDS = 2.0
"""How long a look at one agent may take when somebody wants to know now."""

RETRY_SECONDS = 2.0
AGAIN_SECONDS = 0.5


@dataclass(slots=True)
class _Watched:
    """An agent that is watched, and what ends that."""

    watch: AgentWatch
    scope: anyio.CancelScope


class AgentWatching:
    """Watches every registered agent whose session stands.

    Args:
        pulse_seconds: How often processes are felt.
    """

    def __init__(
        self,
        terminal: Terminal,
        store: Store,
        states: AgentStateService,
        families: Families,
        clock: Clock,
        *,
        pulse_seconds: float = PULSE_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._agents = store.agents
        self._states = states
        self._families = families
        self._clock = clock
        self._pulse_seconds = pulse_seconds
        self._watched: dict[AgentName, _Watched] = {}
        self._standing: frozenset[SessionId] | None = None
        self._changed = anyio.Event()
        self._files: PolledFiles | None = None

    @property
    def count(self) -> int:
        """How many agents are watched."""
        return len(self._watched)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch for the length of the block."""
        async with open_files() as files, anyio.create_task_group() as group:
            self._files = files
            group.start_soon(self._keep_standing)
            group.start_soon(self._keep_registered)
            group.start_soon(self._keep_watching, group)
            group.start_soon(self._feel_pulses)
            try:
                yield
            finally:
                self._files = None
                group.cancel_scope.cancel()

    async def look_now(self, agent: Agent) -> None:
        """Look at an agent's process, files and screen, and record what is seen.

        What cannot be looked at in `LOOK_SECONDS` is left out.
        """
        watched = self._watched.get(agent.name)
        if watched is None or self._files is None:
            return
        with anyio.move_on_after(LOOK_SECONDS):
            try:
                await self._files.caught_up()
                await watched.watch.look()
            except ItermMcpError as error:
                log.debug("agent_not_looked_at", agent=agent.name, error=str(error))

    # Who is to be watched.

    async def _keep_standing(self) -> None:
        """Know which sessions there are."""
        while True:
            try:
                async with self._terminal.watch_sessions() as watch:
                    while True:
                        await self._list_sessions()
                        self._changed.set()
                        await watch.next()
            except TerminalError:
                await anyio.sleep(RETRY_SECONDS)

    async def _keep_registered(self) -> None:
        """Notice who is registered, and who no more."""
        while True:
            registry = await self._agents.load()
            self._changed.set()
            await self._agents.wait_changed(registry)

    async def _keep_watching(self, group: TaskGroup) -> None:
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            if self._standing is None:
                continue  # no terminal has answered yet
            registered = {one.name: one for one in (await self._agents.load()).agents}
            for name, watched in list(self._watched.items()):
                if watched.watch.agent != registered.get(name):
                    watched.scope.cancel()
                    del self._watched[name]
            new = [one for name, one in registered.items() if name not in self._watched]
            if any(one.session_id not in self._standing for one in new):
                await self._list_sessions()  # it may have been opened only just now
            for agent in new:
                await self._begin(agent, group)

    async def _list_sessions(self) -> None:
        """Look which sessions there are; while the terminal is away it is as it was."""
        try:
            sessions = await self._terminal.list_sessions()
        except TerminalError:
            return
        self._standing = frozenset(one.session_id for one in sessions)

    async def _begin(self, agent: Agent, group: TaskGroup) -> None:
        """Watch an agent, or note that its session is gone."""
        if self._files is None or self._standing is None:
            return
        if agent.session_id not in self._standing:
            gone = Sighting(Fact.OCCUPANT, {"who": "nobody"}, ObservationSource.PROCESS)
            try:
                await self._states.record(agent.name, [gone])
            except ItermMcpError as error:
                log.warning("agent_sighting_lost", agent=agent.name, error=str(error))
            return
        try:
            kind = find_kind(agent.kind)
        except NotFoundError:
            log.warning("agent_of_unknown_kind", agent=agent.name, kind=agent.kind)
            return
        watch = AgentWatch(
            agent, kind, self._terminal, self._states, self._families, self._files, self._clock
        )
        watched = self._watched[agent.name] = _Watched(watch, anyio.CancelScope())
        group.start_soon(self._run, watched)

    async def _run(self, watched: _Watched) -> None:
        name = watched.watch.agent.name
        with watched.scope:
            await watched.watch.run()
        if self._watched.get(name) is watched:
            del self._watched[name]
            await anyio.sleep(AGAIN_SECONDS)
            self._changed.set()  # its session may stand again: one can be restarted

    # Processes.

    async def _feel_pulses(self) -> None:
        """Feel the pulses of all agents' processes at once."""
        while True:
            watches = [one.watch for one in self._watched.values()]
            pids = {pid for one in watches for pid in one.pids()}
            if pids:
                pulses = await self._families.pulses(pids)
                for one in watches:
                    one.felt(pulses)
            await anyio.sleep(self._pulse_seconds)


def make_watching(
    terminal: Terminal, store: Store, states: AgentStateService, clock: Clock
) -> AgentWatching:
    """Return what watches the agents of this machine, and looks for `States.look`."""
    watching = AgentWatching(terminal, store, states, SystemFamilies(), clock)
    states.use(watching)
    return watching
