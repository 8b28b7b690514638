"""Watching a run until it ends, asks, stalls, goes over a limit or its deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import StoreError, TerminalError
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.tasks.work import Ending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.tasks.work import Order, Running

log = structlog.get_logger()

BEAT_SECONDS = 3.0
LOOK_SECONDS = 1.0
"""How often a run is looked at of which nothing is told."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How a run stands.

    Attributes:
        ending: How it has ended, or what it asks; None while it goes on.
        heard_at: When anything was heard of it last; None when nothing ever was.
        held: It waits for what is not its own, such as a person: it is not stalled.
    """

    ending: Ending | None = None
    heard_at: datetime | None = None
    held: bool = False


class Watched(Protocol):
    """A run that is watched."""

    async def look(self) -> Sight:
        """Return how it stands.

        Raises:
            TerminalError, StoreError: That cannot be seen now.
        """

    async def stirred(self) -> None:
        """Wait until it may stand otherwise than it was last looked at."""


class Limiter(Protocol):
    """Knows whether runs use more of the machine than they may."""

    async def why_over(self, order: Order, running: Running) -> str:
        """Return over which limit a run is that ends it, with numbers; empty when over none."""


class NoLimits:
    """Limits nothing."""

    async def why_over(self, order: Order, running: Running) -> str:
        """Return that it is over none."""
        del order, running
        return ""


class Supervisor:
    """Watches runs.

    Args:
        beat_seconds: How often it is said that an attempt goes on.
        look_seconds: How often a run is looked at of which nothing is told.
    """

    def __init__(
        self,
        clock: Clock,
        limiter: Limiter | None = None,
        *,
        beat_seconds: float = BEAT_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._clock = clock
        self._limiter = limiter or NoLimits()
        self._beat_seconds = beat_seconds
        self._look_seconds = look_seconds

    async def supervise(
        self,
        order: Order,
        running: Running,
        watched: Watched,
        beat: Callable[[], Awaitable[bool]],
    ) -> Ending:
        """Return how a run ended, or what it asks; see `iterm_mcp.tasks.work.Work.supervise`.

        While it cannot be seen how it stands, it is taken to go on.
        """
        began, beaten = self._clock.now(), -self._beat_seconds
        while True:
            now = self._clock.monotonic()
            if now - beaten >= self._beat_seconds:
                beaten = now
                if not await beat():
                    return Ending(Outcome.CANCELLED, "it was told to end")
                over = await self._limiter.why_over(order, running)
                if over:
                    return Ending(Outcome.OVER_LIMIT, over)
            sight = await self._sight(order, watched)
            ending = sight.ending or overdue(order, sight, began, self._clock.now())
            if ending is not None:
                over = await self._limiter.why_over(order, running)  # that may be why it ended
                return Ending(Outcome.OVER_LIMIT, over) if over else ending
            with anyio.move_on_after(self._next_look(order, now - beaten)):
                await watched.stirred()

    async def _sight(self, order: Order, watched: Watched) -> Sight:
        try:
            return await watched.look()
        except (TerminalError, StoreError) as error:
            log.warning("attempt_not_seen", attempt=order.attempt_id, reason=str(error))
            return Sight(held=True)

    def _next_look(self, order: Order, since_beat: float) -> float:
        left = (order.deadline - self._clock.now()).total_seconds()
        return max(0.0, min(self._look_seconds, self._beat_seconds - since_beat, left))


def overdue(order: Order, sight: Sight, began: datetime, now: datetime) -> Ending | None:
    """Return that an attempt is past its deadline, or silent for too long; None for neither.

    Args:
        began: Since when it is watched: what is older counts for no silence.
    """
    if now >= order.deadline:
        seconds = order.spec.deadline_seconds
        return Ending(Outcome.TIMED_OUT, f"it took longer than its {seconds:g} s")
    stall = order.spec.stall_seconds
    heard = max(sight.heard_at or began, began)
    if stall is None or sight.held or now - heard < timedelta(seconds=stall):
        return None
    return Ending(Outcome.STALLED, f"nothing was heard of it for {stall:g} s")
