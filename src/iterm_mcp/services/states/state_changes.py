"""Those who watch agents, and what each has not yet been told."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Observation


class QueuedViews:
    """The `StateChanges` of one watcher: of each agent the newest view that it was not told."""

    def __init__(self) -> None:
        self._views: dict[AgentName, StateView] = {}
        self._arrived = anyio.Event()

    def put(self, view: StateView) -> None:
        """Add a view; one of the same agent that still waits is dropped for it."""
        self._views.pop(view.agent, None)
        self._views[view.agent] = view
        self._arrived.set()

    async def next(self) -> StateView:
        """Wait for the next view."""
        while not self._views:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return self._views.pop(next(iter(self._views)))


class QueuedObservations:
    """The `Observed` of one watcher.

    Args:
        agent: Whose; None for all.
    """

    def __init__(self, agent: AgentName | None = None) -> None:
        self._agent = agent
        self._queue: deque[Observation] = deque()
        self._arrived = anyio.Event()

    def put(self, observations: tuple[Observation, ...]) -> None:
        """Add what was recorded, if it is of concern."""
        self._queue.extend(one for one in observations if self._agent in {None, one.agent})
        if self._queue:
            self._arrived.set()

    async def next(self) -> Observation:
        """Wait for the next observation."""
        while not self._queue:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return self._queue.popleft()


class Watchers:
    """All who watch."""

    def __init__(self) -> None:
        self._views: set[QueuedViews] = set()
        self._observations: set[QueuedObservations] = set()

    @contextmanager
    def of_states(self) -> Iterator[QueuedViews]:
        """Add a watcher of states for the length of the block."""
        one = QueuedViews()
        self._views.add(one)
        try:
            yield one
        finally:
            self._views.discard(one)

    @contextmanager
    def of_observations(self, agent: AgentName | None) -> Iterator[QueuedObservations]:
        """Add a watcher of observations for the length of the block."""
        one = QueuedObservations(agent)
        self._observations.add(one)
        try:
            yield one
        finally:
            self._observations.discard(one)

    def changed(self, view: StateView) -> None:
        """Tell of another view."""
        for one in self._views:
            one.put(view)

    def recorded(self, observations: tuple[Observation, ...]) -> None:
        """Tell of what was recorded."""
        for one in self._observations:
            one.put(observations)
