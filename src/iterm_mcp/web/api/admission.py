"""How many requests are let in: by token over time, and altogether at once."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from iterm_mcp.services.buckets import Bucket
from iterm_mcp.web.errors import overloaded, problem
from iterm_mcp.web.security import GRANT, grant_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from iterm_mcp.clock import Clock

BURST_SECONDS = 2
SHORT_SECONDS = 1.0
"""What takes longer waits for something, and is in nobody's way."""
MOST_WAITING = 1000


class Admission:
    """ASGI middleware: what is too much is told so at once, with when to come again.

    Args:
        per_second: Requests of one token in the long run; 0 sets no limit.
        most_at_once: Requests that are worked on, those left out that wait for long.

    Attributes:
        shed: How many were sent away because there were too many at once.
        limited: How many were sent away because their token had asked too often.
    """

    def __init__(self, app: ASGIApp, clock: Clock, *, per_second: float, most_at_once: int) -> None:
        self._app = app
        self._clock = clock
        self._per_second = per_second
        self._most_at_once = most_at_once
        self._buckets: dict[str, Bucket] = {}
        self._young: OrderedDict[int, float] = OrderedDict()
        self._running = 0
        self._last = 0
        self.shed = 0
        self.limited = 0

    @property
    def running(self) -> int:
        """How many requests are being answered, those included that wait for long."""
        return self._running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 429 or 503."""
        wait = self._wait(scope)
        if wait:
            self.limited += 1
            await problem(
                429,
                "rate_limited",
                "This token asks more often than it may.",
                {"Retry-After": str(math.ceil(wait))},
            )(scope, receive, send)
            return
        if not self._has_room():
            self.shed += 1
            await overloaded(scope, "There are too many requests at once.")(scope, receive, send)
            return
        self._last += 1
        number = self._last
        self._young[number] = self._clock.monotonic()
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
            self._young.pop(number, None)

    def _wait(self, scope: Scope) -> float:
        """Count a request; return how long its token has to wait."""
        if GRANT not in scope:
            return 0.0
        name = grant_of(scope).name
        bucket = self._buckets.get(name)
        if bucket is None:
            size = max(1.0, self._per_second * BURST_SECONDS)
            bucket = self._buckets[name] = Bucket(self._per_second, size, self._clock)
        wait = bucket.seconds_until(1)
        if not wait:
            bucket.take(1)
        return wait

    def _has_room(self) -> bool:
        long_ago = self._clock.monotonic() - SHORT_SECONDS
        while self._young and next(iter(self._young.values())) < long_ago:
            self._young.popitem(last=False)
        return len(self._young) < self._most_at_once and self._running < MOST_WAITING
