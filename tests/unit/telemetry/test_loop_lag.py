from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from iterm_mcp.telemetry.loop_lag import KEPT_SECONDS, PERIOD_SECONDS, LoopLag


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def looked(lag: LoopLag, clock: Clock, late: float) -> None:
    """Have a look taken so much later than it was due."""
    clock.now += PERIOD_SECONDS + late
    lag.note()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lag(clock: Clock) -> LoopLag:
    one = LoopLag(clock)
    one.note()
    return one


def test_the_worst_lag_is_told_however_often_it_is_read(lag: LoopLag, clock: Clock) -> None:
    for late in (0.0, 0.75, 0.25):
        looked(lag, clock, late)
    assert [lag.worst() for _ in range(3)] == [pytest.approx(0.75)] * 3


def test_a_lag_is_told_for_a_minute_at_least_and_for_two_at_most(
    lag: LoopLag, clock: Clock
) -> None:
    looked(lag, clock, 0.5)
    clock.now += KEPT_SECONDS - 2 * PERIOD_SECONDS
    lag._due = clock.now
    lag.note()
    assert lag.worst() == pytest.approx(0.5)
    for _ in range(2):
        clock.now += KEPT_SECONDS
        lag._due = clock.now
        lag.note()
    assert lag.worst() == pytest.approx(0)


def test_a_loop_that_was_held_up_for_long_forgets_what_was_before(
    lag: LoopLag, clock: Clock
) -> None:
    looked(lag, clock, 5.0)
    looked(lag, clock, 3 * KEPT_SECONDS)
    assert lag.worst() == pytest.approx(3 * KEPT_SECONDS)


def test_a_loop_that_is_held_up_right_now_lags(lag: LoopLag, clock: Clock) -> None:
    clock.now += PERIOD_SECONDS + 4
    assert lag.worst() == pytest.approx(4)


async def test_a_loop_that_is_no_longer_watched_lags_no_more() -> None:
    lag = LoopLag()
    with lag.watching():
        await anyio.lowlevel.checkpoint()
    assert lag._due == float("inf")
    assert lag.worst() < PERIOD_SECONDS
