"""The states of registered agents, from what was seen of them: the `States` of the daemon."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import anyio

from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.names import not_found
from iterm_mcp.services.states.evidence import PASSING
from iterm_mcp.services.states.explaining import explain
from iterm_mcp.services.states.ledger import Ledger
from iterm_mcp.services.states.state_changes import Watchers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_states import AgentState, StateView
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Observation
    from iterm_mcp.services.states.asking import Observed, StateChanges
    from iterm_mcp.store import Store
    from iterm_mcp.store.observations import Epoch

KEPT_DAYS = 7.0
KEPT_OBSERVATIONS = 5000
"""How many observations each agent keeps, besides the newest of each fact and source."""

TIDY_SECONDS = 3600.0
RECHECK_SECONDS = 30.0
"""After which is looked again who is registered: a ledger that was being read while its agent was
removed came too late for that."""

LOADED_OBSERVATIONS = 1000
"""How much of a ledger is read after a restart of the daemon to find the state."""

STARTED = "the daemon was not running"


class StateObserver(Protocol):
    """Is told how many agents are in which state."""

    def agent_state_changed(
        self, kind: str, before: AgentState | None, after: AgentState | None
    ) -> None:
        """Note that an agent came to another state; None is before and after all. Must not raise.

        The agent may also have become one of another kind: then it is told of as two.
        """


class SilentStateObserver:
    """Notes nothing."""

    def agent_state_changed(
        self, kind: str, before: AgentState | None, after: AgentState | None
    ) -> None:
        """Do nothing."""


class Looker(Protocol):
    """Looks at agents when somebody wants to know now."""

    async def look_now(self, agent: Agent) -> None:
        """Look at an agent's process, files and screen, and record what is seen.

        What cannot be looked at is left out; takes a second or two at most.
        """


class AgentStateService:
    """Keeps the ledgers of all registered agents, and tells of states that change.

    A state that changes by time alone, such as an idle screen that is confirmed, is told of while
    `running`.
    """

    def __init__(self, store: Store, clock: Clock, observer: StateObserver | None = None) -> None:
        self._agents = store.agents
        self._store = store.observations
        self._clock = clock
        self._observer = observer or SilentStateObserver()
        self._opened_at = clock.now()
        self._looker: Looker | None = None
        self._epochs: dict[AgentName, Epoch] | None = None
        self._ledgers: dict[AgentName, Ledger] = {}
        self._kinds: dict[AgentName, str] = {}
        self._told: dict[AgentName, tuple[str, StateView]] = {}
        self._due: dict[AgentName, datetime] = {}
        self._due_changed = anyio.Event()
        self._watchers = Watchers()
        self._opening = anyio.Lock()

    def use(self, looker: Looker) -> None:
        """Have `look` really look; before, it only returns what is known."""
        self._looker = looker

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell of what changes by time alone, and forget what is old, for the length of the block.

        Raises:
            StoreError: Ledgers cannot be read.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_time)
            group.start_soon(self._keep_tidy)
            group.start_soon(self._keep_registered)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    # What the other services ask (`States`).

    async def record(
        self,
        agent: AgentName,
        sightings: Iterable[Sighting],
        *,
        at: datetime | None = None,
        epoch: int | None = None,
    ) -> None:
        """Add what was seen of an agent; see `States.record`."""
        now = self._clock.now()
        await self.record_all(agent, [(at or now, one) for one in sightings], epoch=epoch)

    async def record_all(
        self,
        agent: AgentName,
        seen: Iterable[tuple[datetime, Sighting]],
        *,
        epoch: int | None = None,
    ) -> None:
        """Add what was seen of an agent one after the other, and when; it is kept in one go."""
        _, ledger = await self._open(agent)
        if epoch not in {None, ledger.epoch}:
            return
        now = self._clock.now()
        stored = await self._store.append(ledger.all_news((min(at, now), one) for at, one in seen))
        if stored and self._ledgers.get(agent) is ledger:  # it may have begun another life since
            ledger.add(stored)
            self._watchers.recorded(stored)
            self._reconsider(agent)

    async def view(self, agent: AgentName) -> StateView:
        """Return the state that follows now from all that was seen."""
        _, ledger = await self._open(agent)
        return ledger.view(self._clock.now())

    async def look(self, agent: AgentName) -> StateView:
        """Look at the agent's process, files and screen now, and return what follows."""
        found, _ = await self._open(agent)
        if self._looker is not None:
            await self._looker.look_now(found)
        return await self.view(agent)

    async def wait_for(
        self, agent: AgentName, wanted: Callable[[StateView], bool], timeout_seconds: float
    ) -> StateView:
        """Wait until a view is as wanted, and return it, or the last one when the time is over."""
        with self._watchers.of_states() as changes:
            view = await self.view(agent)
            with anyio.move_on_after(timeout_seconds):
                while not wanted(view):
                    changed = await changes.next()
                    if changed.agent == agent:
                        view = await self.view(agent)
                return view
        return await self.view(agent)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[StateChanges]:
        """Watch all agents for the length of the block; what was before is not told."""
        with self._watchers.of_states() as changes:
            yield changes

    @asynccontextmanager
    async def watch_observations(self, agent: AgentName | None = None) -> AsyncIterator[Observed]:
        """Watch what is recorded of one agent, or of all, for the length of the block."""
        with self._watchers.of_observations(agent) as observed:
            yield observed

    async def observations(
        self, agent: AgentName, *, after: int = 0, limit: int = 1000
    ) -> tuple[Observation, ...]:
        """Return an agent's ledger, oldest first, from after an observation's number."""
        await self._find(agent)
        return await self._store.after(agent, after, limit=limit)

    async def new_life(self, agent: AgentName) -> int:
        """Note that the agent is started anew, and return its epoch."""
        found = await self._find(agent)
        async with self._opening:
            ledger = await self._begin(found)
        self._reconsider(agent)
        return ledger.epoch

    async def last_process(self, agent: AgentName) -> tuple[int, tuple[int, float] | None]:
        """Return an agent's epoch, and the process that was last seen to be the agent in it.

        The process is told by its id and its start; None when there was none.
        """
        _, ledger = await self._open(agent)
        for one in reversed(ledger.observations):
            seen = one.sighting
            if seen.fact is Fact.OCCUPANT and seen.value.get("who") == "agent":
                pid, started = seen.value.get("pid"), seen.value.get("started")
                if isinstance(pid, int) and isinstance(started, int | float):
                    return ledger.epoch, (pid, float(started))
        return ledger.epoch, None

    async def explain(self, agent: AgentName, at: datetime | None = None) -> str:
        """Return an agent's state with the evidence for and against it, as text for people.

        Args:
            at: A former moment; with None the agent is looked at now.
        """
        if at is None:
            return explain(await self.look(agent), self._clock.now())
        return explain(await self.view_at(agent, at), at)

    def explained(self, view: StateView) -> str:
        """Return a state that is known with its evidence, as `explain` has it."""
        return explain(view, self._clock.now())

    async def view_at(self, agent: AgentName, at: datetime) -> StateView:
        """Return the state that followed at a former time from what had been seen by then.

        Of what is older than the ledger's retention only the newest words are known.
        """
        await self._find(agent)
        seen: list[Observation] = []
        while page := await self._store.after(agent, seen[-1].number if seen else 0):
            seen += page
        past = [one for one in seen if one.at <= at]
        epoch = max((one.epoch for one in past), default=0)
        return Ledger(agent, epoch, (one for one in past if one.epoch == epoch)).view(at)

    # Time alone.

    def recheck(self) -> float | None:
        """Tell of states that time has changed; return when to come again, in seconds."""
        now = self._clock.now()
        for agent in [one for one, at in self._due.items() if at <= now]:
            self._reconsider(agent)
        if not self._due:
            return None
        return max(0.0, (min(self._due.values()) - self._clock.now()).total_seconds())

    async def _keep_time(self) -> None:
        while True:
            self._due_changed = anyio.Event()
            seconds = self.recheck()
            with anyio.move_on_after(seconds):
                await self._due_changed.wait()

    async def _keep_tidy(self) -> None:
        while True:
            before = self._clock.now() - timedelta(days=KEPT_DAYS)
            await self._store.forget(before, KEPT_OBSERVATIONS)
            await anyio.sleep(TIDY_SECONDS)

    async def _keep_registered(self) -> None:
        """Let go of agents that are registered no more."""
        while True:
            registry = await self._agents.load()
            known = {one.name for one in registry.agents}
            for agent in self._ledgers.keys() - known:
                del self._ledgers[agent]
                self._due.pop(agent, None)
                if agent in self._told:
                    kind, view = self._told.pop(agent)
                    self._observer.agent_state_changed(kind, view.state, None)
            with anyio.move_on_after(RECHECK_SECONDS):
                await self._agents.wait_changed(registry)

    # Ledgers.

    async def _find(self, name: AgentName) -> Agent:
        registry = await self._agents.load()
        for agent in registry.agents:
            if agent.name == name:
                return agent
        raise not_found("agent", name, (one.name for one in registry.agents))

    async def _open(self, name: AgentName) -> tuple[Agent, Ledger]:
        """Return an agent with its ledger; one that was registered anew begins another life."""
        agent = await self._find(name)
        ledger = self._known(agent)
        if ledger is None:
            async with self._opening:
                ledger = self._known(agent) or await self._load(agent)
            self._reconsider(name)
        return agent, ledger

    def _known(self, agent: Agent) -> Ledger | None:
        ledger = self._ledgers.get(agent.name)
        epoch = (self._epochs or {}).get(agent.name)
        if ledger is None or epoch is None or epoch.begun_at < agent.created_at:
            return None
        return ledger

    async def _load(self, agent: Agent) -> Ledger:
        """Read a ledger as it was left; what it tells of what may have changed since is past."""
        if self._epochs is None:
            self._epochs = await self._store.epochs()
        epoch = self._epochs.get(agent.name)
        if epoch is None or epoch.begun_at < agent.created_at:
            return await self._begin(agent)
        seen = await self._store.newest(agent.name, epoch.number, limit=LOADED_OBSERVATIONS)
        ledger = Ledger(agent.name, epoch.number, seen)
        passing = {
            one.sighting.source for one in ledger.observations if one.sighting.fact in PASSING
        } - {ObservationSource.TRANSCRIPT}  # of which nothing was missed: it is read again
        gaps = [Sighting(Fact.GAP, {"why": STARTED}, source) for source in sorted(passing)]
        ledger.add(await self._store.append(ledger.news(gaps, self._opened_at)))
        self._ledgers[agent.name], self._kinds[agent.name] = ledger, agent.kind
        return ledger

    async def _begin(self, agent: Agent) -> Ledger:
        if self._epochs is None:
            self._epochs = await self._store.epochs()
        at = max(self._clock.now(), agent.created_at)
        with anyio.CancelScope(shield=True):  # bounded by the store's own patience
            epoch = await self._store.begin_epoch(agent.name, at)
            self._epochs[agent.name] = epoch
            ledger = self._ledgers[agent.name] = Ledger(agent.name, epoch.number)
            self._kinds[agent.name] = agent.kind
        return ledger

    def _reconsider(self, name: AgentName) -> None:
        """Tell those who watch an agent if its state is another than they were told last."""
        ledger, kind = self._ledgers[name], self._kinds[name]
        now = self._clock.now()
        view = ledger.view(now)
        due = ledger.next_change(now)
        if due is None:
            self._due.pop(name, None)
        else:
            self._due[name] = due + timedelta(milliseconds=1)
            self._due_changed.set()
        told_kind, told = self._told.get(name, (kind, None))
        if told is not None and kind == told_kind and _same(told, view):
            return
        self._told[name] = kind, view
        before = None if told is None else told.state
        if kind != told_kind:
            self._observer.agent_state_changed(told_kind, before, None)
            before = None
        self._observer.agent_state_changed(kind, before, view.state)
        if told is not None or view.since is not None:
            self._watchers.changed(view)


def _same(one: StateView, other: StateView) -> bool:
    """Tell whether two views say the same to who looks at them."""
    return (one.epoch, one.state, one.reason, one.details) == (
        other.epoch, other.state, other.reason, other.details
    )  # fmt: skip
