"""What costs too much to be counted whenever somebody looks is counted now and then, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
import structlog

from iterm_mcp.errors import ItermMcpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.clock import Clock

T = TypeVar("T")

log = structlog.get_logger()

OVERDUE_SECONDS = 10.0
"""Who takes so long to answer is taken not to."""

SHARE = 50
"""It rests so many times as long as counting took: two per cent of the time, however much there
is."""


class Recount(Generic[T]):
    """Asks again and again, and keeps the last answer.

    Args:
        name: What is counted, for the log.
        ask: Takes as long as it needs; raises `ItermMcpError` or `OSError` when it cannot tell.
        every_seconds: How long it rests at least.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[], Awaitable[T]],
        clock: Clock,
        every_seconds: float,
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._name = name
        self._ask = ask
        self._clock = clock
        self._every_seconds = every_seconds
        self._pause = pause
        self._last: T | None = None
        self._failed = False
        self._asked_at: float | None = None

    @property
    def failed(self) -> bool:
        """Tell whether nobody answers, or not in time. Any thread may ask."""
        asked_at = self._asked_at
        late = asked_at is not None and self._clock.monotonic() - asked_at > OVERDUE_SECONDS
        return self._failed or late

    @property
    def last(self) -> T | None:
        """What was counted last; None before the first time, and while nobody answers."""
        return None if self.failed else self._last

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            took = await self.count()
            await self._pause(max(self._every_seconds, SHARE * took))

    async def count(self) -> float:
        """Count once; return how many seconds it took."""
        began = self._asked_at = self._clock.monotonic()
        try:
            self._last = await self._ask()
        except (ItermMcpError, OSError) as error:
            if not self._failed:
                log.warning("not_counted", what=self._name, reason=str(error))
            self._failed = True
        else:
            self._failed = False
        finally:
            self._asked_at = None
        return self._clock.monotonic() - began
