"""How lives of agents begin, told to who counts it: whether they do, and how long that takes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.errors import ItermMcpError, TerminalTimeoutError, TerminalUnavailableError
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.agent_states import ENDED, AgentState
from iterm_mcp.services.background import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.states.asking import States

UNSETTLED = frozenset({AgentState.UNKNOWN, AgentState.CREATING, AgentState.STARTING})
"""States in which an agent has not yet shown what it waits for."""

_NOT_UP = UNSETTLED | ENDED | {AgentState.RESTARTING}

FORGOTTEN_SECONDS = 600.0
"""After which nobody waits any more for an agent to come up."""


class LifeObserver(Protocol):
    """Is told of agents' lives. No method may raise."""

    def life_begun(self, kind: str, *, again: bool, succeeded: bool) -> None:
        """Note that a life's program was started, or could not be.

        Args:
            again: The agent had a life before.
        """

    def agent_came_up(self, kind: str, seconds: float) -> None:
        """Note how long after its order an agent showed what it waits for."""

    def quarantined(self, count: int) -> None:
        """Note how many agents are in quarantine."""


class SilentLifeObserver:
    """Notes nothing."""

    def life_begun(self, kind: str, *, again: bool, succeeded: bool) -> None:
        """Do nothing."""

    def agent_came_up(self, kind: str, seconds: float) -> None:
        """Do nothing."""

    def quarantined(self, count: int) -> None:
        """Do nothing."""


class Beginning:
    """One life that is to begin, and when it was asked for."""

    def __init__(self, owner: Beginnings, kind: str, *, again: bool, at: float) -> None:
        self._owner = owner
        self._kind = kind
        self._again = again
        self._at = at

    async def through(self, begun: Awaitable[Life]) -> Life:
        """Tell of what is tried again and again; without a terminal it is not even tried."""
        try:
            life = await begun
        except (TerminalUnavailableError, TerminalTimeoutError):
            raise
        except ItermMcpError:
            self.failed()
            raise
        await self.done(life)
        return life

    async def done(self, life: Life) -> None:
        """Tell of a life that has begun; one that is held has not, and is told of when it does."""
        if life.phase is Phase.RUNNING:
            self._owner.observer.life_begun(self._kind, again=self._again, succeeded=True)
            await self._owner.expect(life.agent, self._kind, self._at)

    def found_done(self) -> None:
        """Tell of a life that has begun at a time that nobody knows: its starter had given up."""
        self._owner.observer.life_begun(self._kind, again=self._again, succeeded=True)

    def failed(self) -> None:
        """Tell of a life that could not begin."""
        self._owner.observer.life_begun(self._kind, again=self._again, succeeded=False)


class Beginnings:
    """Tells of lives that begin, and watches until their agents have come up."""

    def __init__(self, states: States, clock: Clock, observer: LifeObserver | None = None) -> None:
        self.observer: LifeObserver = observer or SilentLifeObserver()
        self._states = states
        self._clock = clock
        self._coming: dict[AgentName, tuple[str, float]] = {}

    def of(self, kind: str, *, again: bool = False) -> Beginning:
        """Return a life that is asked for now."""
        return Beginning(self, kind, again=again, at=self._clock.monotonic())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch agents come up for the length of the block."""
        async with self._states.watch() as changes:

            async def follow() -> None:
                while True:
                    self._see(await changes.next())

            async with beside(follow):
                yield

    async def expect(self, agent: AgentName, kind: str, at: float) -> None:
        """Wait for an agent to come up that was asked for at a time; it may be up already."""
        now = self._clock.monotonic()
        self._coming = {
            name: one for name, one in self._coming.items() if now - one[1] < FORGOTTEN_SECONDS
        }
        self._coming[agent] = kind, at
        try:
            self._see(await self._states.view(agent))
        except ItermMcpError:  # it is gone already, or told of when it can be read again
            return

    def _see(self, view: StateView) -> None:
        if view.state in _NOT_UP:
            return
        kind, at = self._coming.pop(view.agent, (None, 0.0))
        if kind is not None:
            self.observer.agent_came_up(kind, max(0.0, self._clock.monotonic() - at))
