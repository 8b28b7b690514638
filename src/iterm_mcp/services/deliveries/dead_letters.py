"""Messages that did not arrive, or perhaps did: none is forgotten, and nobody has to guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import NotFoundError, RefusedError
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.services.deliveries.service import Order, Urgency

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.deliveries import Delivery, DeliveryId
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.deliveries.service import DeliveryService
    from iterm_mcp.store import Store

DEAD = frozenset({Stage.REFUSED, Stage.EXPIRED, Stage.UNKNOWN})
WAITING = frozenset({Stage.ACCEPTED, Stage.LEASED})
MOST_LISTED = 200


class DeadLetters:
    """Lists, retries and forgets messages that came to no good end."""

    def __init__(self, store: Store, deliveries: DeliveryService, clock: Clock) -> None:
        self._store = store
        self._deliveries = deliveries
        self._clock = clock

    async def dead(self, agent: AgentName | None = None) -> tuple[Delivery, ...]:
        """Return the newest that ended refused, expired or unknown, of all agents or of one."""
        return await self._store.deliveries.at_stages(DEAD, agent=agent, limit=MOST_LISTED)

    async def count(self) -> int:
        """Return how many dead letters there are, of all agents."""
        return await self._store.deliveries.count(DEAD)

    async def waiting(self, agent: AgentName | None = None) -> tuple[Delivery, ...]:
        """Return those of which nothing was typed yet."""
        return await self._store.deliveries.at_stages(WAITING, agent=agent, limit=MOST_LISTED)

    async def show(self, ids: Sequence[DeliveryId]) -> tuple[Delivery, ...]:
        """Return messages with all that became of them.

        Raises:
            NotFoundError: One of them is not known.
        """
        found = await self._deliveries.find(ids)
        for one in ids:
            if one not in found:
                raise _not_found(one)
        return tuple(found[one] for one in ids)

    async def retry(
        self, ids: Sequence[DeliveryId], *, confirm_unknown: bool = False
    ) -> tuple[Delivery, ...]:
        """Send messages again, each under a new id; asked again, it answers with the same ones.

        Args:
            confirm_unknown: Somebody has looked: those that may have arrived have not.

        Raises:
            NotFoundError: One of them is not known, or its agent is no more.
            RefusedError: One of them did not end so, or may have arrived. None is sent.
        """
        letters = await self.show(ids)
        registry = await self._store.agents.load()
        agents = {agent.name: agent for agent in registry.agents}
        for one in letters:
            _check(one, confirm_unknown=confirm_unknown)
            if one.agent not in agents:
                raise NotFoundError("agent", one.agent, hint="Purge its messages.")
        drawn = [
            self._deliveries.draw_up(
                Order(
                    agents[one.agent],
                    one.text,
                    Urgency(one.policy, one.priority),
                    key=f"retry {one.delivery_id}",
                    sender=one.sender,
                    details={
                        key: value
                        for key, value in (one.details or {}).items()
                        if key in {"source", "team"}
                    },
                )
            )
            for one in letters
        ]
        return await self._deliveries.accept(drawn)

    async def purge(self, ids: Collection[DeliveryId] = (), agent: AgentName | None = None) -> int:
        """Forget dead letters: those with these ids, or without any all, or all of one agent.

        Returns:
            How many there were; what is not dead is left alone.
        """
        if not ids:
            return await self._store.deliveries.purge(DEAD, self._clock.now(), agent)
        found = await self._deliveries.find(ids)
        dead = [one.delivery_id for one in found.values() if one.stage in DEAD]
        await self._store.deliveries.forget(dead)
        return len(dead)


def _check(letter: Delivery, *, confirm_unknown: bool) -> None:
    if letter.stage not in DEAD:
        raise RefusedError(
            f"message {letter.delivery_id} is {letter.stage.value}, and not dead",
            hint="Only what was refused, has expired or is unknown can be sent again.",
            code="not_dead",
        )
    if letter.stage is Stage.UNKNOWN and not confirm_unknown:
        raise RefusedError(
            f"message {letter.delivery_id} may have arrived: {letter.moves[-1].reason}",
            hint="Look at the agent first; then retry with confirm_unknown=true, or purge it.",
            code="perhaps_delivered",
        )


def _not_found(delivery_id: str) -> NotFoundError:
    return NotFoundError(
        "delivery", delivery_id, hint="Use a delivery_id of a receipt; they are kept two weeks."
    )
