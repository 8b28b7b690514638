"""The courses of attempts that are done here, each by one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from iterm_mcp.tasks.course import abandon_attempt, run_attempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.clock import Clock
    from iterm_mcp.tasks.course import Steps


class BrokenCourseError(RuntimeError):
    """A course broke: a bug."""


class Courses:
    """Those of this life of the engine."""

    def __init__(self, steps: Steps, clock: Clock) -> None:
        self._steps = steps
        self._clock = clock
        self._over: dict[str, anyio.Event] = {}
        self._begun: dict[str, float] = {}
        self._some = anyio.Event()
        self._broken: dict[str, str] = {}

    async def busy(self) -> None:
        """Wait until any is being done."""
        if not self._over:
            self._some = anyio.Event()
            await self._some.wait()

    def lasting(self, seconds: float) -> set[str]:
        """Return those that have been done for so long."""
        before = self._clock.monotonic() - seconds
        return {one for one, begun in self._begun.items() if begun <= before}

    def under_way(self, attempt_ids: Iterable[str]) -> set[str]:
        """Return those that are being done."""
        return self._over.keys() & set(attempt_ids)

    def broken(self, attempt_ids: Iterable[str]) -> dict[str, str]:
        """Return those that broke, each with what it broke by."""
        return {one: self._broken[one] for one in attempt_ids if one in self._broken}

    def forget(self, attempt_ids: Iterable[str]) -> None:
        """Forget that they broke."""
        for one in attempt_ids:
            self._broken.pop(one, None)

    async def attempt(self, attempt_id: str) -> None:
        """Do an attempt, or wait for the end of its course where that is being done.

        Cancelled, it has no end: whoever waits for one waits on, and is cancelled as well.

        Raises:
            BrokenCourseError: It broke.
        """
        over = self._over.get(attempt_id)
        if over is None:
            await self._do(attempt_id)
        else:
            await over.wait()
        if attempt_id in self._broken:
            raise BrokenCourseError(self._broken[attempt_id])

    async def abandon(self, attempt_id: str, reason: str) -> None:
        """Close and fail an attempt whose course broke."""
        await abandon_attempt(self._steps, attempt_id, reason)

    async def _do(self, attempt_id: str) -> None:
        over = self._over[attempt_id] = anyio.Event()
        self._begun[attempt_id] = self._clock.monotonic()
        self._some.set()
        self._broken.pop(attempt_id, None)
        try:
            await run_attempt(self._steps, attempt_id)
        except Exception as error:  # noqa: BLE001 - a bug in a step ends its own attempt alone
            self._broken[attempt_id] = str(error) or type(error).__name__
        del self._over[attempt_id], self._begun[attempt_id]
        over.set()
