"""Cascades on their way: who gets what, typed at most once, and what became of each."""

from __future__ import annotations

import hashlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, StoreError
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.messages import CascadeResult, Receipt, ReceiptState
from iterm_mcp.services.deliveries.cascade import resolve
from iterm_mcp.services.deliveries.means import SERVER_ENDED, SESSION_ENDED
from iterm_mcp.services.deliveries.receipts import addressed, receipt_of, typing_seconds
from iterm_mcp.services.deliveries.service import USUAL, Order, Urgency

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.ids import AgentName, LockId, SessionId
    from iterm_mcp.models.messages import Cascade, Resolved
    from iterm_mcp.services.deliveries.service import DeliveryService
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.store import Store
    from iterm_mcp.terminal.protocol import Terminal

log = structlog.get_logger()

KEY_LIMIT = 200
"""The most characters of an idempotency key."""

TTL_LIMIT_SECONDS = 7 * 24 * 3600.0

DUPLICATE_WAIT_SECONDS = 60.0
"""How long a repeated request waits for the first one's receipts."""

TYPED_SECONDS = 60.0
"""How long a cascade waits for its messages to be typed."""

SETTLE_SECONDS = 10.0
"""How long a cascade, also a cancelled one, may take to record what it did."""


class MessageObserver(Protocol):
    """Is told what became of each delivery."""

    def delivered(self, receipt: Receipt, duration_seconds: float) -> None:
        """Note one receipt; 0 seconds when its turn never came. Must not raise."""


class SilentMessageObserver:
    """Notes nothing."""

    def delivered(self, receipt: Receipt, duration_seconds: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key, the request it stands for, and how long it lives."""

    key: str
    request_hash: str
    lifetime: timedelta


class MessageService:
    """Delivers cascades.

    Args:
        duplicate_wait_seconds: How long a repeated request waits for the first one's end.
        settle_seconds: How long recording the receipts may take, which a cancellation waits for.
        typed_seconds: How long a cascade waits for its messages to be typed; they are delivered
            all the same when that is over.
    """

    def __init__(
        self,
        terminal: Terminal,
        store: Store,
        deliveries: DeliveryService,
        writers: SessionWriters,
        clock: Clock,
        observer: MessageObserver | None = None,
        *,
        duplicate_wait_seconds: float = DUPLICATE_WAIT_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
        typed_seconds: float = TYPED_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._store = store
        self._deliveries = deliveries
        self._writers = writers
        self._clock = clock
        self._observer = observer or SilentMessageObserver()
        self._duplicate_wait_seconds = duplicate_wait_seconds
        self._settle_seconds = settle_seconds
        self._typed_seconds = typed_seconds
        self._under_way: dict[str, anyio.Event] = {}

    async def cascade(
        self,
        cascade: Cascade,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
        ttl_seconds: float = 3600.0,
        lock_id: LockId | None = None,
        urgency: Urgency = USUAL,
        sender: str = "",
    ) -> CascadeResult:
        """Give each agent the most specific text that the cascade holds for it.

        Every text is safe on the disk before anything is typed. The receipts say how far each has
        come when all are typed, or are known to wait; what waits is delivered later.

        Args:
            cascade: The texts; see `services.deliveries.cascade` for which one wins.
            dry_run: Say who would get what, ``planned`` or ``refused``, and type nothing.
                Neither the terminal nor the idempotency key is looked at.
            idempotency_key: The same key with the same cascade types nothing again and
                returns the first one's receipts as they stand now, waiting for them if need be.
                This holds across restarts.
            ttl_seconds: How long the key lives after the delivery; at most 7 days.
            lock_id: The lock that the caller holds, shown to the sessions that it holds. Those
                that another one has locked refuse. It is no part of what a key stands for.
            urgency: When a text may be typed into an agent. It is no part of what a key stands for.
            sender: The agent that sends it; empty for everybody else. No part of it, either.

        Raises:
            InvalidRequestError: An empty cascade or text, or an unfit key or lifetime.
            NotFoundError: The cascade names an agent or a team that is not registered.
            ConflictError: The key was used for another cascade, or the first one is still
                being delivered after `duplicate_wait_seconds`.
            RefusedError: `lock_id` is no lock. Nothing was typed.
            TerminalUnavailableError: No terminal answers. Nothing was typed.
        """
        if dry_run:
            return await self._plan(cascade)
        if idempotency_key is None:
            return await self._send(cascade, None, lock_id, urgency, sender)
        claim = _claim(cascade, idempotency_key, ttl_seconds)
        async with self._alone(claim.key):
            known = await self._store.cascades.find(claim.key, claim.request_hash)
            if known is not None:
                return await self._as_it_stands(known)
            return await self._send(cascade, claim, lock_id, urgency, sender)

    async def _plan(self, cascade: Cascade) -> CascadeResult:
        registry = await self._store.agents.load()
        resolution = resolve(cascade, registry)
        kinds = {agent.name: agent.kind for agent in registry.agents}
        refusals = _refusals(resolution.resolved, kinds)
        receipts = tuple(
            self._receipt(
                one,
                ReceiptState.REFUSED if one.agent in refusals else ReceiptState.PLANNED,
                refusals.get(one.agent, ""),
            )
            for one in resolution.resolved
        )
        return CascadeResult(receipts, resolution.unreached)

    async def _send(
        self,
        cascade: Cascade,
        claim: Claim | None,
        lock_id: LockId | None,
        urgency: Urgency,
        sender: str,
    ) -> CascadeResult:
        locked = await self._writers.sessions_of(lock_id)
        registry = await self._store.agents.load()
        resolution = resolve(cascade, registry)
        agents = {agent.name: agent for agent in registry.agents}
        refusals = _refusals(
            resolution.resolved, {name: agent.kind for name, agent in agents.items()}
        )
        standing = await self._sessions() if resolution.resolved else frozenset()
        refused = []
        orders = []
        for one in resolution.resolved:
            why = refusals.get(one.agent, "")
            if not why and one.session_id not in standing:
                why = SESSION_ENDED
            if why:
                refused.append(self._receipt(one, ReceiptState.REFUSED, why))
            else:
                shown = lock_id if one.session_id in locked else None
                orders.append(
                    Order(
                        agents[one.agent],
                        one.text,
                        urgency,
                        sender=sender,
                        lock_id=shown,
                        details=addressed(one),
                    )
                )
        drawn = tuple(self._deliveries.draw_up(one) for one in orders)
        if claim is not None:
            never = (_never_accepted(one) for one in drawn)
            planned = _result([*refused, *never], resolution.unreached)
            known = await self._store.cascades.claim(
                claim.key, claim.request_hash, planned, self._clock.now() + claim.lifetime
            )
            if known is not None:  # another process took it since we looked
                return await self._as_it_stands(known)
        return await self._deliver(drawn, refused, resolution.unreached, claim)

    async def _deliver(
        self,
        drawn: tuple[Delivery, ...],
        refused: list[Receipt],
        unreached: tuple[AgentName, ...],
        claim: Claim | None,
    ) -> CascadeResult:
        kept = await self._deliveries.accept(drawn)
        standing = {one.delivery_id: one for one in kept}
        try:
            standing |= await self._deliveries.typed(tuple(standing), self._typed_seconds)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(self._settle_seconds, shield=True):
                await self._deliveries.cancel(tuple(standing))
                standing |= await self._deliveries.find(tuple(standing))
            raise
        finally:
            receipts = [receipt_of(one, self._why(one)) for one in standing.values()]
            result = _result([*refused, *receipts], unreached)
            if claim is not None:
                await self._settle(claim, result)
            spent = {one.agent: typing_seconds(one) for one in standing.values()}
            for one in result.receipts:
                self._observer.delivered(one, spent.get(one.agent, 0.0))
        return result

    def _why(self, delivery: Delivery) -> str:
        return self._deliveries.why(delivery.delivery_id)

    async def _as_it_stands(self, known: CascadeResult) -> CascadeResult:
        """Return a result that was stored, with the receipts as they stand now."""
        ids = [one.delivery_id for one in known.receipts if one.delivery_id is not None]
        standing = await self._deliveries.find(ids) if ids else {}
        receipts = [
            receipt_of(standing[one.delivery_id], self._why(standing[one.delivery_id]))
            if one.delivery_id in standing
            else one
            for one in known.receipts
        ]
        return replace(known, receipts=tuple(receipts))

    def _receipt(self, resolved: Resolved, state: ReceiptState, reason: str) -> Receipt:
        """Return a receipt of what was not accepted, dated now."""
        return Receipt(
            agent=resolved.agent,
            session_id=resolved.session_id,
            text=resolved.text,
            source=resolved.source,
            team=resolved.team,
            state=state,
            reason=reason,
            at=self._clock.now(),
        )

    async def _sessions(self) -> frozenset[SessionId]:
        """Return the sessions that stand; with no terminal, fail before anything is typed."""
        sessions = await self._terminal.list_sessions()
        return frozenset(session.session_id for session in sessions)

    async def _settle(self, claim: Claim, result: CascadeResult) -> None:
        """Record the result, also on the way out of a cancelled call.

        If it cannot be recorded, the caller still gets it, and the key keeps answering
        ``unknown``: nothing is ever typed twice.
        """
        with anyio.move_on_after(self._settle_seconds, shield=True) as scope:
            try:
                await self._store.cascades.settle(
                    claim.key, claim.request_hash, result, self._clock.now() + claim.lifetime
                )
            except StoreError as error:
                log.warning("cascade_not_recorded", reason=str(error))
        if scope.cancelled_caught:
            log.warning("cascade_not_recorded", reason=f"not within {self._settle_seconds:g} s")

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Be the only cascade of this process with this key for the block."""
        try:
            with anyio.fail_after(self._duplicate_wait_seconds):
                while (other := self._under_way.get(key)) is not None:
                    await other.wait()
        except TimeoutError:
            raise ConflictError(
                f"a cascade with the idempotency key {key!r} is still being delivered",
                hint="Repeat the request later: it returns the receipts and types nothing.",
                code="cascade_under_way",
            ) from None
        ended = self._under_way[key] = anyio.Event()
        try:
            yield
        finally:
            del self._under_way[key]
            ended.set()


def _check_key(key: str) -> None:
    if not (0 < len(key) <= KEY_LIMIT and key.isprintable()):
        raise InvalidRequestError(
            f"an idempotency key has 1 to {KEY_LIMIT} printable characters",
            hint="A random UUID makes a good key.",
        )


def _claim(cascade: Cascade, key: str, ttl_seconds: float) -> Claim:
    _check_key(key)
    if not 0 < ttl_seconds <= TTL_LIMIT_SECONDS:
        raise InvalidRequestError(
            f"a key cannot live for {ttl_seconds:g} s",
            hint=f"Choose a lifetime above 0 and up to {TTL_LIMIT_SECONDS:g} s.",
        )
    return Claim(key, _hash(cascade), timedelta(seconds=ttl_seconds))


def _refusals(resolved: Iterable[Resolved], kinds: Mapping[AgentName, str]) -> dict[AgentName, str]:
    """Return why texts cannot be typed by the kinds of their agents, where they cannot."""
    known: dict[tuple[str, str], str] = {}  # many agents share a text
    refusals = {}
    for one in resolved:
        request = kinds[one.agent], one.text
        if request not in known:
            known[request] = _refusal(*request)
        if known[request]:
            refusals[one.agent] = known[request]
    return refusals


def _refusal(kind: str, text: str) -> str:
    try:
        find_kind(kind).compose(text)
    except (InvalidRequestError, NotFoundError) as error:
        return str(error)
    return ""


def _result(receipts: Iterable[Receipt], unreached: tuple[AgentName, ...]) -> CascadeResult:
    return CascadeResult(tuple(sorted(receipts, key=lambda one: one.agent)), unreached)


def _never_accepted(delivery: Delivery) -> Receipt:
    """Return what is true of a message if nobody ever finds it on the disk."""
    bare = receipt_of(delivery)
    return replace(bare, state=ReceiptState.REFUSED, stage=Stage.REFUSED, reason=SERVER_ENDED)


def _hash(cascade: Cascade) -> str:
    """Return a digest that is equal for equal cascades, in whatever order they were written."""
    content = [cascade.broadcast, dict(cascade.teams), dict(cascade.agents)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
