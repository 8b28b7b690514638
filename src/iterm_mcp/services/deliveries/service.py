"""Messages for agents that can be trusted to arrive, or to say that they did not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.deliveries import FINAL, Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.services.deliveries.book import DeliveryBook
from iterm_mcp.services.deliveries.leases import Leases
from iterm_mcp.services.deliveries.means import CANCELLED, SHELL, Means, NoConversations
from iterm_mcp.services.deliveries.queue import DEPTH_LIMIT
from iterm_mcp.services.deliveries.running import DeliveryRunner
from iterm_mcp.services.holding import never_held
from iterm_mcp.services.sessions.pasting import Paster
from iterm_mcp.services.traces.messages import trace_of_new

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import LockId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.deliveries.means import Conversations
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store import Store
    from iterm_mcp.telemetry.tracing import Tracer
    from iterm_mcp.terminal.protocol import Terminal

log = structlog.get_logger()

LIFETIME_SECONDS = 3600.0
"""How long a message waits for an agent that cannot take it."""

SHELL_LIFETIME_SECONDS = 120.0
"""The same for a shell: a command that comes much later is a surprise."""

LONGEST_LIFETIME_SECONDS = 7 * 24 * 3600.0
MOST_PRIORITY = 100

NO_ROOM = "messages wait for"
"""What is said of one for which there is no room."""

RANKS: Mapping[Stage, int] = {
    stage: rank
    for rank, stage in enumerate(
        (
            Stage.ACCEPTED, Stage.LEASED, Stage.WRITTEN, Stage.SUBMITTED, Stage.QUEUED,
            Stage.STARTED, Stage.ENDED,
        )
    )
}  # fmt: skip
"""How far each stage is on the way."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """When a message may be typed.

    Attributes:
        policy: Into what; a shell is typed into at once.
        priority: Before which others that wait for the same agent.
        lifetime_seconds: How long it may wait; None for what is usual for the agent's kind.
    """

    policy: Policy = Policy.MESSAGE
    priority: int = 0
    lifetime_seconds: float | None = None


USUAL = Urgency()


@dataclass(frozen=True, slots=True)
class Order:
    """A message to be delivered.

    Attributes:
        key: Repeating an order with the same key to the same agent delivers nothing again.
        details: What else is remembered with it.
    """

    agent: Agent
    text: str
    urgency: Urgency = USUAL
    key: str = ""
    sender: str = ""
    lock_id: LockId | None = None
    details: Mapping[str, Json] | None = None


class DeliveryService:
    """Accepts messages, and tells what became of them."""

    def __init__(
        self,
        book: DeliveryBook,
        runner: DeliveryRunner,
        clock: Clock,
        tracer: Tracer | None = None,
    ) -> None:
        self._book = book
        self._runner = runner
        self._clock = clock
        self._tracer = tracer

    def tell(
        self,
        listener: Callable[[Delivery], None],
        left: Callable[[Delivery], None] | None = None,
    ) -> None:
        """Have a listener called with a message after each of its steps; it must not wait.

        Args:
            left: Called with a message that is followed no more, wherever it stands then.
        """
        self._book.tell(listener, left)

    def waiting(self) -> tuple[datetime, ...]:
        """Return when each message was accepted of which nothing was typed yet."""
        return self._book.waiting()

    def running(self) -> AbstractAsyncContextManager[None]:
        """Deliver for the length of the block, also what was left undone before.

        Messages that came to their end two weeks ago are forgotten on the way.

        Raises:
            StoreError: On entering, when that cannot be read.
        """
        return self._runner.running()

    def draw_up(self, order: Order) -> Delivery:
        """Return the message that an order makes; nothing is kept yet.

        Raises:
            InvalidRequestError: The priority or the time cannot be used.
        """
        urgency = order.urgency
        usual = SHELL_LIFETIME_SECONDS if order.agent.kind == SHELL else LIFETIME_SECONDS
        lifetime = usual if urgency.lifetime_seconds is None else urgency.lifetime_seconds
        if not 0 < lifetime <= LONGEST_LIFETIME_SECONDS:
            raise InvalidRequestError(
                f"a message cannot wait for {lifetime:g} s",
                hint=f"Choose a time above 0 and up to {LONGEST_LIFETIME_SECONDS:g} s.",
            )
        if abs(urgency.priority) > MOST_PRIORITY:
            raise InvalidRequestError(
                f"there is no priority {urgency.priority}",
                hint=f"Use a number from -{MOST_PRIORITY} to {MOST_PRIORITY}; 0 is usual.",
            )
        now = self._clock.now()
        details: dict[str, Json] = dict(order.details or {})
        if order.lock_id is not None:
            details["lock_id"] = order.lock_id
        if self._tracer is not None:
            details |= trace_of_new(self._tracer)
        return Delivery(
            delivery_id=DeliveryId(f"d-{uuid4().hex[:16]}"),
            agent=order.agent.name,
            session_id=order.agent.session_id,
            text=order.text,
            policy=urgency.policy,
            priority=urgency.priority,
            accepted_at=now,
            not_after=now + timedelta(seconds=lifetime),
            moves=(Move(Stage.ACCEPTED, now),),
            key=order.key,
            sender=order.sender,
            details=details,
        )

    async def accept(self, deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
        """Keep messages and have them delivered, all of them or none.

        They are safe when this returns. One for which there is no room comes back refused.

        Returns:
            The messages in the order given; where a key is a repetition, the first one's.

        Raises:
            ConflictError: A key was used for another message to that agent.
            RefusedError: The daemon is stopping.
        """
        self._runner.check()
        counted: dict[str, int] = {}
        drawn = []
        for one in deliveries:
            counted[one.agent] = counted.get(one.agent, 0) + 1
            drawn.append(self._if_room(one, counted[one.agent]))
        kept = await self._book.accept(drawn)
        ours = {one.delivery_id for one in drawn}
        self._runner.bring(
            one for one in kept if one.delivery_id in ours and one.stage is Stage.ACCEPTED
        )
        return kept

    def _if_room(self, delivery: Delivery, count: int) -> Delivery:
        if count <= self._runner.room(delivery.agent):
            return delivery
        why = f"{DEPTH_LIMIT} {NO_ROOM} {delivery.agent} already"
        refused = Move(Stage.REFUSED, delivery.accepted_at, why)
        return replace(delivery, moves=(*delivery.moves, refused))

    async def typed(
        self, ids: Collection[DeliveryId], timeout_seconds: float
    ) -> dict[DeliveryId, Delivery]:
        """Wait until each message was typed, has come to its end, or is known to wait, and why."""

        def settled(found: Mapping[DeliveryId, Delivery]) -> bool:
            return all(
                one.stage not in {Stage.ACCEPTED, Stage.LEASED} or self._book.why(one.delivery_id)
                for one in found.values()
            )

        return await self._book.wait(ids, settled, timeout_seconds)

    async def wait(
        self, ids: Collection[DeliveryId], until: Stage, timeout_seconds: float, *, every: bool
    ) -> dict[DeliveryId, Delivery]:
        """Wait until messages have come so far, or can come no further by themselves.

        Args:
            every: All of them; else any.

        Raises:
            NotFoundError: One of them is not known.
        """
        known = await self.find(ids)
        for one in ids:
            if one not in known:
                raise NotFoundError(
                    "delivery", one, hint="Use a delivery_id of a receipt; they are kept two weeks."
                )
        test = all if every else any

        def arrived(found: Mapping[DeliveryId, Delivery]) -> bool:
            return test(has_come(one, until) for one in found.values())

        return await self._book.wait(ids, arrived, timeout_seconds)

    async def find(self, ids: Collection[DeliveryId]) -> dict[DeliveryId, Delivery]:
        """Return messages as they stand; those that are not known are left out."""
        return await self._book.find(ids)

    def why(self, delivery_id: DeliveryId) -> str:
        """Return why a message waits; empty when nothing is known to hold it."""
        return self._book.why(delivery_id)

    async def cancel(self, ids: Iterable[DeliveryId], reason: str = CANCELLED) -> int:
        """Refuse messages of which nothing was typed yet; return how many there were."""
        count = 0
        for one in ids:
            delivery = self._book.get(one)
            if delivery is None or delivery.stage is not Stage.ACCEPTED:
                continue
            self._runner.drop(delivery)
            await self._book.move(one, Stage.REFUSED, reason=reason)
            self._book.release(one)
            count += 1
        return count


def has_come(delivery: Delivery, until: Stage) -> bool:
    """Tell whether a message has come so far, or can come no further by itself."""
    stage = delivery.stage
    return stage in FINAL or RANKS[stage] >= RANKS[until]


def make_deliveries(
    terminal: Terminal,
    store: Store,
    clock: Clock,
    writers: SessionWriters,
    states: States,
    lease_folder: str | None = None,
    conversations: Conversations | None = None,
    held: Held = never_held,
    tracer: Tracer | None = None,
) -> DeliveryService:
    """Make the service with all that it stands on.

    Args:
        lease_folder: See `Leases`.
        conversations: Knows the agents that run without a screen.
        held: Asked before an agent is brought anything; what is held waits, as long as it may.
        tracer: Has each message remember its span.
    """
    book = DeliveryBook(store.deliveries, clock)
    means = Means(
        terminal=terminal,
        agents=store.agents,
        book=book,
        writers=writers,
        leases=Leases(lease_folder),
        paster=Paster(terminal, writers, clock),
        clock=clock,
        states=states,
        conversations=conversations or NoConversations(),
        find_kind=find_kind,
        held=held,
    )
    return DeliveryService(book, DeliveryRunner(means), clock, tracer)
