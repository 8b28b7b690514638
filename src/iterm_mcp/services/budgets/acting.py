"""What is done to agents that a budget holds, and undone when it lets them go."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import AgentError, ConflictError, ItermMcpError, StoreError, TerminalError
from iterm_mcp.models.agent_lives import Desired
from iterm_mcp.models.budgets import Crossing, Turns
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.agents.ends import LISTENING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.agents.ends import AgentEnder
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.budgets.holds import Hold
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.budgets import BudgetStore

log = structlog.get_logger()

CALM_SECONDS = 5.0
"""How long a turn that is interrupted may take to end before its agent is stopped."""


class Actor(Protocol):
    """Holds agents, lets them go, and ends them.

    All raise NotFoundError for an agent that we did not start, and ConflictError for one that
    does not run.
    """

    async def is_suspended(self, agent: AgentName) -> bool:
        """Tell whether an agent stands still already, whoever wanted that."""

    async def suspend(self, agent: AgentName, reason: str) -> None:
        """Have an agent stand still amid whatever it does."""

    async def resume(self, agent: AgentName) -> None:
        """Let an agent go on."""

    async def interrupt(self, agent: AgentName) -> bool:
        """End an agent's turn; tell whether it was amid one."""

    async def stop(self, agent: AgentName, reason: str) -> None:
        """End an agent: its turn first, then it is asked to leave."""


class AgentActor:
    """Does so with the agents that we started.

    Args:
        calm_seconds: How long a turn that is interrupted may take to end before a stop goes on.
    """

    def __init__(
        self, ender: AgentEnder, book: LifeBook, states: States, calm_seconds: float = CALM_SECONDS
    ) -> None:
        self._ender = ender
        self._book = book
        self._states = states
        self._calm_seconds = calm_seconds

    async def is_suspended(self, agent: AgentName) -> bool:
        """Tell whether somebody wants an agent to stand still."""
        return (await self._book.get(agent)).desired is Desired.PAUSED

    async def suspend(self, agent: AgentName, reason: str) -> None:
        """Stop its processes, and all that they started, where they are."""
        await self._ender.suspend(agent, reason=reason)

    async def resume(self, agent: AgentName) -> None:
        """Let its processes go on."""
        await self._ender.resume(agent)

    async def interrupt(self, agent: AgentName) -> bool:
        """End its turn as a person would; tell whether it was amid one."""
        try:
            await self._ender.interrupt_turn(agent)
        except ConflictError:
            return False
        return True

    async def stop(self, agent: AgentName, reason: str) -> None:
        """Interrupt its turn, wait until it listens again, and ask it to leave before it is ended.

        One that stands still cannot be asked; that one is ended by signals alone.
        """
        with suppress(AgentError):  # who does not answer is ended all the same
            if not await self.is_suspended(agent) and await self.interrupt(agent):
                await self._states.wait_for(
                    agent, lambda view: view.state in LISTENING, self._calm_seconds
                )
        await self._ender.stop(agent, reason=reason)


class Enforcer:
    """Sees that agents are as the budgets that hold them say, whatever died when."""

    def __init__(self, store: BudgetStore, actor: Actor, clock: Clock) -> None:
        self._store = store
        self._actor = actor
        self._clock = clock

    async def enforce(self, spenders: Mapping[Hold, Sequence[str]]) -> None:
        """Hold, interrupt or stop those that spend too much, and let all others go.

        Args:
            spenders: The agents that are covered and have spent something, of all holds.

        Raises:
            StoreError: What was done cannot be read or noted.
        """
        suspended = await self._store.suspended()
        ended = {name for hold, names in spenders.items() if hold.stops for name in names}
        still: dict[str, str] = {}
        async with anyio.create_task_group() as group:
            for hold, names in spenders.items():
                if hold.suspends:
                    still = {name: hold.why for name in names if name not in ended} | still
                elif hold.stops or hold.state.budget.turns is Turns.INTERRUPT:
                    done = await self._store.acted(self._crossing(hold))
                    for name in names:
                        if name not in done:
                            group.start_soon(self._once, AgentName(name), hold)
            for name, why in still.items():
                if name not in suspended:
                    group.start_soon(self._suspend, AgentName(name), why)
        for name in sorted(suspended - still.keys()):
            await self._let_go(AgentName(name))

    def _crossing(self, hold: Hold) -> Crossing:
        state, step = hold.state, hold.state.holds
        percent = 0 if step is None else step.percent
        budget, since = state.budget, state.span.since
        return Crossing(budget.name, state.part, since, budget.limits, percent, self._clock.now())

    async def _once(self, agent: AgentName, hold: Hold) -> None:
        if hold.stops:
            done = await _tried(agent, lambda: self._actor.stop(agent, hold.why))
        else:
            done = await _tried(agent, lambda: self._actor.interrupt(agent))
        if done:
            await _tried(agent, lambda: self._store.note_act(self._crossing(hold), agent))

    async def _suspend(self, agent: AgentName, why: str) -> None:
        """Suspend an agent, unless somebody has: then it is theirs to let go.

        It is noted first, so that whoever comes after a crash knows that it was us.
        """

        async def suspend() -> None:
            if not await self._actor.is_suspended(agent):
                await self._store.suspend(agent)
                await self._actor.suspend(agent, why)

        await _tried(agent, suspend)

    async def _let_go(self, agent: AgentName) -> None:
        if await _tried(agent, lambda: self._actor.resume(agent)):
            await self._store.resume(agent)


async def _tried(agent: AgentName, act: Callable[[], Awaitable[object]]) -> bool:
    """Do something to an agent; tell whether that is settled, or to be tried with the next look."""
    try:
        await act()
    except (TerminalError, StoreError) as error:
        log.warning("budget_not_enforced", agent=agent, reason=str(error))
        return False
    except ItermMcpError as error:  # it is not ours, or does not run
        log.debug("budget_not_enforceable", agent=agent, reason=str(error))
    return True
