"""Where every message stands that is on its way: in memory for who waits, on disk for good."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.deliveries import MOVES, Move, Stage
from iterm_mcp.store.deliveries import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.deliveries import Delivery, DeliveryId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.store.deliveries import DeliveryStore

log = structlog.get_logger()

UNDER_WAY = frozenset(Stage) - {Stage.ENDED, Stage.REFUSED, Stage.EXPIRED}
"""Stages from which a message may still move."""

UNTYPED = frozenset({Stage.ACCEPTED, Stage.LEASED})


class IllegalMoveError(Exception):
    """A message cannot go from where it stands to there: a bug."""


def advance(delivery: Delivery, move: Move, details: Mapping[str, Json] | None = None) -> Delivery:
    """Return a message after one more step. Pure.

    Args:
        details: What is remembered from now on; a key with None is forgotten.

    Raises:
        IllegalMoveError: It cannot go there from where it stands.
    """
    if move.stage not in MOVES[delivery.stage]:
        raise IllegalMoveError(f"{delivery.delivery_id}: {delivery.stage} → {move.stage}")
    known = {**(delivery.details or {}), **(details or {})}
    kept = {key: value for key, value in known.items() if value is not None}
    return replace(delivery, moves=(*delivery.moves, move), details=kept)


@dataclass(slots=True, eq=False)
class _Entry:
    """A step on its way to the disk."""

    change: Change
    written: bool = False
    failure: BaseException | None = None


class DeliveryBook:
    """Moves messages, and tells who waits for them.

    Steps of many messages share a transaction, and so the wait for the disk.
    """

    def __init__(self, store: DeliveryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[DeliveryId, Delivery] = {}
        self._safe: dict[DeliveryId, Delivery] = {}  # the same, but for steps not yet on the disk
        self._why: dict[DeliveryId, str] = {}
        self._unrecorded: set[DeliveryId] = set()
        self._waiting: list[_Entry] = []
        self._turn = anyio.Lock()
        self._waiters: dict[DeliveryId, set[anyio.Event]] = {}
        self._listener: Callable[[Delivery], None] | None = None
        self._left: Callable[[Delivery], None] | None = None

    def tell(
        self,
        listener: Callable[[Delivery], None],
        left: Callable[[Delivery], None] | None = None,
    ) -> None:
        """Have a listener called with a message after each of its steps; it must not wait.

        Args:
            left: Called with a message that is followed no more, wherever it stands then.
        """
        self._listener = listener
        self._left = left

    async def load(self, within: timedelta) -> tuple[Delivery, ...]:
        """Take up what was under way when the last process ended, oldest first.

        Args:
            within: How long ago the last step of a message may be that was typed already; those
                that were not typed are taken up however old they are.
        """
        untyped = await self._store.at_stages({Stage.ACCEPTED, Stage.LEASED})
        typed = await self._store.at_stages(
            UNDER_WAY - {Stage.ACCEPTED, Stage.LEASED}, since=self._clock.now() - within
        )
        found = sorted((*untyped, *typed), key=lambda one: one.accepted_at)
        self._known |= {one.delivery_id: one for one in found}
        self._safe |= self._known
        return tuple(found)

    async def tidy(self, kept: timedelta) -> int:
        """Forget messages whose last step is longer ago, but those that still wait."""
        past = frozenset(Stage) - {Stage.ACCEPTED, Stage.LEASED}
        return await self._store.purge(past, self._clock.now() - kept)

    async def accept(self, deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
        """Keep new messages, all or none; see `DeliveryStore.accept`."""
        kept = await self._store.accept(deliveries)
        ours = {one.delivery_id for one in deliveries}
        for one in kept:
            if one.stage in UNDER_WAY:
                self._known.setdefault(one.delivery_id, one)
                self._safe.setdefault(one.delivery_id, one)
            if one.delivery_id in ours:  # one whose key is a repetition has not moved
                self._moved(one)
        return kept

    def waiting(self) -> tuple[datetime, ...]:
        """Return when each message was accepted of which nothing was typed yet; from any thread."""
        known = tuple(self._known.values())
        return tuple(one.accepted_at for one in known if one.stage in UNTYPED)

    def get(self, delivery_id: DeliveryId) -> Delivery | None:
        """Return a message that is under way in this process."""
        return self._known.get(delivery_id)

    async def move(
        self,
        delivery_id: DeliveryId,
        stage: Stage,
        *,
        reason: str = "",
        evidence: str = "",
        details: Mapping[str, Json] | None = None,
    ) -> Delivery:
        """Let a message take a step; it is on the disk when this returns.

        Nothing is typed that is not on the disk, so a lease that cannot be written down is none.
        Later steps that cannot be are true all the same: they are told for as long as this process
        lives, and the next one will find the message leased. A cancellation waits for the disk.

        Raises:
            NotFoundError: It is not under way in this process.
            IllegalMoveError: It cannot go there from where it stands.
            StoreError: The lease could not be written down, and is none.
        """
        before = self._known.get(delivery_id)
        if before is None:
            raise NotFoundError("delivery", delivery_id)
        move = Move(stage, self._clock.now(), reason, evidence)
        after = self._known[delivery_id] = advance(before, move, details)
        entry = _Entry(Change(delivery_id, move, details))
        self._waiting.append(entry)
        with anyio.CancelScope(shield=True):  # bounded by the store's busy timeout
            async with self._turn:
                if not entry.written and entry.failure is None:
                    await self._write()
        if entry.failure is not None and stage is Stage.LEASED:
            if self._known.get(delivery_id) is after:
                self._known[delivery_id] = before
            raise entry.failure
        if entry.failure is not None:
            self._unrecorded.add(delivery_id)
            log.warning(
                "delivery_not_recorded", delivery=delivery_id, stage=stage,
                reason=str(entry.failure),
            )  # fmt: skip
        if delivery_id in self._safe:
            self._safe[delivery_id] = after
        self._why.pop(delivery_id, None)
        self._tell(delivery_id)
        self._moved(after)
        return after

    async def _write(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            await self._store.record(one.change for one in batch)
        except StoreError as error:
            for one in batch:
                one.failure = error
        else:
            for one in batch:
                one.written = True

    def explain(self, delivery_id: DeliveryId, why: str) -> None:
        """Say why a message waits that was accepted; it is told until its next step."""
        if self._why.get(delivery_id) != why:
            self._why[delivery_id] = why
            self._tell(delivery_id)

    def why(self, delivery_id: DeliveryId) -> str:
        """Return why a message waits; empty when nothing is known to hold it."""
        return self._why.get(delivery_id, "")

    def release(self, delivery_id: DeliveryId) -> None:
        """Follow a message no more; what is known of it stays on the disk."""
        known = self._known.get(delivery_id)
        if known is not None and self._left is not None:
            self._left(known)
        if delivery_id not in self._unrecorded:
            self._known.pop(delivery_id, None)
            self._safe.pop(delivery_id, None)
        self._why.pop(delivery_id, None)
        self._tell(delivery_id)

    async def find(self, ids: Collection[DeliveryId]) -> dict[DeliveryId, Delivery]:
        """Return messages as they stand; those that are known no more are left out."""
        here = {one: self._safe[one] for one in ids if one in self._safe}
        missing = [one for one in ids if one not in here]
        found = await self._store.find(missing) if missing else {}
        # What is in memory counts; it may have come there, or gone, meanwhile.
        known = {one: self._safe.get(one) or here.get(one) or found.get(one) for one in ids}
        return {one: delivery for one, delivery in known.items() if delivery is not None}

    async def wait(
        self,
        ids: Collection[DeliveryId],
        arrived: Callable[[Mapping[DeliveryId, Delivery]], bool],
        timeout_seconds: float,
    ) -> dict[DeliveryId, Delivery]:
        """Wait until messages stand as wanted; return them as they stand then, or at the end.

        Args:
            arrived: Is called at first, and after every step of one of them.
        """
        event = anyio.Event()
        with anyio.move_on_after(timeout_seconds):
            while True:
                event = anyio.Event()
                self._register(ids, event)
                try:
                    found = await self.find(ids)
                    if arrived(found):
                        return found
                    await event.wait()
                finally:
                    self._unregister(ids, event)
        return await self.find(ids)

    def _register(self, ids: Iterable[DeliveryId], event: anyio.Event) -> None:
        for one in ids:
            self._waiters.setdefault(one, set()).add(event)

    def _unregister(self, ids: Iterable[DeliveryId], event: anyio.Event) -> None:
        for one in ids:
            events = self._waiters.get(one, set())
            events.discard(event)
            if not events:
                self._waiters.pop(one, None)

    def _moved(self, delivery: Delivery) -> None:
        if self._listener is not None:
            self._listener(delivery)

    def _tell(self, delivery_id: DeliveryId) -> None:
        for event in self._waiters.get(delivery_id, ()):
            event.set()
