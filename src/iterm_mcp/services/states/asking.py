"""What the other services may ask about the state of agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Observation, Sighting


class StateChanges(Protocol):
    """One watcher's view of agents whose state changes."""

    async def next(self) -> StateView:
        """Wait for the next view that differs; several changes of one agent may come as one."""


class Observed(Protocol):
    """One watcher's view of what is added to the ledgers."""

    async def next(self) -> Observation:
        """Wait for the next observation; none is left out, however slow the watcher is."""


class States(Protocol):
    """Knows what agents do, from what was seen of them.

    Every method may raise `StoreError`, and `NotFoundError` of kind ``agent``.
    """

    async def record(
        self,
        agent: AgentName,
        sightings: Iterable[Sighting],
        *,
        at: datetime | None = None,
        epoch: int | None = None,
    ) -> None:
        """Add what was seen of an agent; it counts when this returns.

        What only repeats what its source said before, and tells nothing by it, is left out.

        Args:
            at: When it was so, if the source tells; None is now.
            epoch: In which of its lives; None is the present one. What is of another life is
                dropped.
        """

    async def view(self, agent: AgentName) -> StateView:
        """Return the state that follows now from all that was seen."""

    async def look(self, agent: AgentName) -> StateView:
        """Look at the agent's process, files and screen now, and return what follows."""

    async def wait_for(
        self, agent: AgentName, wanted: Callable[[StateView], bool], timeout_seconds: float
    ) -> StateView:
        """Wait until a view is as wanted, and return it, or the last one when the time is over."""

    def watch(self) -> AbstractAsyncContextManager[StateChanges]:
        """Watch all agents for the length of the block; what was before is not told."""

    def watch_observations(
        self, agent: AgentName | None = None
    ) -> AbstractAsyncContextManager[Observed]:
        """Watch what is recorded of one agent, or of all, for the length of the block.

        Of a turn much is told here that changes no state, such as that a message was queued.
        """

    async def observations(
        self, agent: AgentName, *, after: int = 0, limit: int = 1000
    ) -> tuple[Observation, ...]:
        """Return an agent's ledger, oldest first, from after an observation's number."""

    async def new_life(self, agent: AgentName) -> int:
        """Note that the agent is started anew, and return its epoch: older sightings are past."""
