"""Watching a run until it ends, asks, stalls, goes over a limit or its deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.unit.services.tasks.attempts import make_order

from iterm_mcp.errors import StoreError
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.services.tasks.supervising import NoLimits, Sight, Supervisor, overdue
from iterm_mcp.tasks.work import Ending, Running
from iterm_mcp.testing import FakeClock
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.tasks.work import Order

RUNNING = Running("session")


class Run:
    """A run that is seen as it is said to be, one sight after the other; each takes a while."""

    def __init__(self, clock: FakeClock, *sights: Sight | Exception, seconds: float = 1.0) -> None:
        self._clock = clock
        self._sights = list(sights)
        self._seconds = seconds

    async def look(self) -> Sight:
        self._clock.advance(self._seconds)
        await checkpoint()
        found = self._sights.pop(0) if len(self._sights) > 1 else self._sights[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def stirred(self) -> None:
        await checkpoint()


class Over(NoLimits):
    def __init__(self, *said: str) -> None:
        self._said = list(said)

    async def why_over(self, order: Order, running: Running) -> str:
        del order, running
        return self._said.pop(0) if self._said else ""


async def supervise(
    run: Run, clock: FakeClock, order: Order, *, beats: int = 10**6, limiter: Over | None = None
) -> tuple[Ending, int]:
    count = 0

    async def beat() -> bool:
        nonlocal count
        count += 1
        return count <= beats

    with anyio.fail_after(5):
        ending = await Supervisor(clock, limiter).supervise(order, RUNNING, run, beat)
    return ending, count


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_it_is_watched_until_it_ends_and_said_to_go_on_meanwhile(clock: FakeClock) -> None:
    end = Ending(Outcome.SUCCEEDED)
    run = Run(clock, *[Sight()] * 10, Sight(end))

    assert await supervise(run, clock, make_order()) == (end, 4)


async def test_it_ends_when_it_is_told_to(clock: FakeClock) -> None:
    ending, _ = await supervise(Run(clock, Sight()), clock, make_order(), beats=2)

    assert ending.outcome is Outcome.CANCELLED


async def test_what_uses_too_much_ends_with_the_numbers_also_when_it_was_ended_for_that(
    clock: FakeClock,
) -> None:
    fallen = Sight(Ending(Outcome.FAILED, "killed"))

    goes_on, _ = await supervise(
        Run(clock, Sight()), clock, make_order(), limiter=Over("", "", "3 GB are more than 2")
    )
    ended, _ = await supervise(
        Run(clock, fallen), clock, make_order(), limiter=Over("", "3 GB are more than 2")
    )

    assert goes_on == ended == Ending(Outcome.OVER_LIMIT, "3 GB are more than 2")


async def test_a_deadline_holds_however_little_can_be_seen(clock: FakeClock) -> None:
    run = Run(clock, StoreError("the disk is full"))

    ending, _ = await supervise(run, clock, make_order(deadline_seconds=30.0))

    assert ending.outcome is Outcome.TIMED_OUT
    assert "30 s" in ending.reason


@pytest.mark.parametrize(
    ("heard", "held", "after", "stalls"),
    [
        (None, False, 59, False),
        (None, False, 60, True),
        (30, False, 60, False),
        (30, False, 90, True),
        (None, True, 1000, False),
        (-100, False, 30, False),
    ],
    ids=["not yet", "silent", "heard", "silent since", "held", "before it was watched"],
)
def test_silence_counts_from_the_last_sign_while_it_is_watched(
    heard: float | None, after: float, *, held: bool, stalls: bool
) -> None:
    sign = None if heard is None else START + timedelta(seconds=heard)
    order = make_order(stall_seconds=60.0)

    found = overdue(order, Sight(None, sign, held), START, START + timedelta(seconds=after))

    assert (found is not None and found.outcome is Outcome.STALLED) is stalls
    assert overdue(make_order(), Sight(), START, START + timedelta(seconds=after)) is None
