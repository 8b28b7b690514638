"""One runner for the messages of all agents, beside all calls.

It takes up what an earlier process left: what was accepted goes on, what may have been typed is
looked for and never typed again.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import structlog

from iterm_mcp.errors import ItermMcpError, StoreError
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.services.background import Background
from iterm_mcp.services.deliveries.courier import Courier
from iterm_mcp.services.deliveries.following import KEPT
from iterm_mcp.services.deliveries.means import SERVER_ENDED, SHELL
from iterm_mcp.services.deliveries.queue import DEPTH_LIMIT
from iterm_mcp.services.deliveries.shell import ShellRoute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.output import PromptId
    from iterm_mcp.services.deliveries.means import Means

log = structlog.get_logger()

RETENTION = timedelta(days=14)
"""How long messages are kept after their last step; longer than any idempotency key lives."""

TIDY_SECONDS = 3600.0

PARALLEL_LIMIT = 32
"""Into how many sessions is typed at the same time."""


class DeliveryRunner:
    """Has a courier for each agent that has something to be brought, or followed."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._background = Background()
        self._couriers: dict[AgentName, Courier] = {}
        self._parallel = anyio.CapacityLimiter(PARALLEL_LIMIT)
        self._shells = ShellRoute(means)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver for the length of the block.

        Raises:
            StoreError: What was under way before cannot be read.
        """
        left = await self._means.book.load(KEPT)
        registry = await self._means.agents.load()
        shells = {agent.name for agent in registry.agents if agent.kind == SHELL}
        async with self._background.running():
            self._background.start(self._hear)
            self._background.start(self._see)
            self._background.start(self._tidy)
            for one in left:
                if one.agent in shells and one.stage is not Stage.ACCEPTED:
                    await self._give_up(one)
                else:
                    self._courier(one.agent).add(one)
            yield

    def check(self) -> None:
        """See that messages can be delivered, before any is accepted.

        Raises:
            RefusedError: `running` is not entered.
        """
        self._background.check()

    def room(self, agent: AgentName) -> int:
        """Return how many more messages may wait for an agent."""
        courier = self._couriers.get(agent)
        return DEPTH_LIMIT if courier is None else courier.room

    def bring(self, deliveries: Iterable[Delivery]) -> None:
        """Bring messages that were accepted."""
        for one in deliveries:
            self._courier(one.agent).add(one)

    def drop(self, delivery: Delivery) -> bool:
        """Bring a message no more; tell whether nothing of it was typed, nor will be."""
        courier = self._couriers.get(delivery.agent)
        return courier is not None and courier.drop(delivery.delivery_id)

    async def _give_up(self, delivery: Delivery) -> None:
        """Let go of what an earlier process typed into a shell: its marks are past."""
        if delivery.stage is Stage.LEASED:
            await self._means.book.move(delivery.delivery_id, Stage.UNKNOWN, reason=SERVER_ENDED)
        self._means.book.release(delivery.delivery_id)

    def _courier(self, agent: AgentName) -> Courier:
        found = self._couriers.get(agent)
        if found is None:
            found = self._couriers[agent] = Courier(
                agent, self._means, self._shells, self._parallel, self._follow_commands
            )
            self._background.start(self._serve, agent, found)
        return found

    async def _serve(self, agent: AgentName, courier: Courier) -> None:
        await anyio.lowlevel.checkpoint()  # its first message is added right after
        while not courier.idle:
            await courier.run()
        if self._couriers.get(agent) is courier:
            del self._couriers[agent]

    def _follow_commands(
        self, session_id: SessionId, delivery: Delivery, before: frozenset[PromptId]
    ) -> None:
        self._background.start(self._follow, session_id, delivery, before)

    async def _follow(
        self, session_id: SessionId, delivery: Delivery, before: frozenset[PromptId]
    ) -> None:
        try:
            await self._shells.follow(session_id, delivery, before)
        except ItermMcpError as error:  # the session has ended, or the terminal is away
            log.info("commands_not_followed", session=session_id, reason=str(error))
        finally:
            self._means.book.release(delivery.delivery_id)

    async def _hear(self) -> None:
        """Hand on what is seen of agents that have a courier."""
        async with self._means.states.watch_observations() as observed:
            while True:
                one = await observed.next()
                courier = self._couriers.get(one.agent)
                if courier is not None:
                    courier.hear(one)

    async def _tidy(self) -> None:
        """Forget what came to its end long ago."""
        while True:
            try:
                await self._means.book.tidy(RETENTION)
            except StoreError as error:
                log.warning("messages_not_tidied", reason=str(error))
            await anyio.sleep(TIDY_SECONDS)

    async def _see(self) -> None:
        """Have those looked at again whose state has changed."""
        async with self._means.states.watch() as changes:
            while True:
                view = await changes.next()
                courier = self._couriers.get(view.agent)
                if courier is not None:
                    courier.wake()
