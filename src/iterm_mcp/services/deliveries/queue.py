"""The messages that wait for one agent, in the order in which they go. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.deliveries import Delivery, DeliveryId

DEPTH_LIMIT = 50
"""How many messages may wait for one agent: more would tell it what nobody means any more."""


class DeliveryQueue:
    """Messages of which nothing was typed: higher priority first, then the one accepted first."""

    def __init__(self) -> None:
        self._waiting: dict[DeliveryId, tuple[tuple[int, datetime, int], Delivery]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def room(self) -> int:
        """How many more may be added; those that were accepted before a restart always may."""
        return max(0, DEPTH_LIMIT - len(self._waiting))

    def add(self, delivery: Delivery) -> None:
        """Let a message wait; one that waits already keeps its place."""
        if delivery.delivery_id not in self._waiting:
            self._count += 1
            place = (-delivery.priority, delivery.accepted_at, self._count)
            self._waiting[delivery.delivery_id] = place, delivery

    def remove(self, delivery_id: DeliveryId) -> bool:
        """Let a message wait no more; tell whether it did."""
        return self._waiting.pop(delivery_id, None) is not None

    def in_order(self) -> list[Delivery]:
        """Return what waits, the next one first."""
        ordered = sorted(self._waiting.values(), key=lambda one: one[0])
        return [delivery for _, delivery in ordered]

    def expired(self, now: datetime) -> list[Delivery]:
        """Return what waits and must not be typed any more."""
        return [one for one in self.in_order() if one.not_after <= now]

    def next_end(self) -> datetime | None:
        """Return when the first of them expires; None when nothing waits."""
        return min((one.not_after for _, one in self._waiting.values()), default=None)
