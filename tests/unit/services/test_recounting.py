from __future__ import annotations

import pytest
from tests.waiting import eventually

from iterm_mcp.errors import StoreError
from iterm_mcp.services.background import beside
from iterm_mcp.services.recounting import OVERDUE_SECONDS, SHARE, Recount
from iterm_mcp.testing import FakeClock
from iterm_mcp.testing.gate import Gate


class Counted:
    """Something that is counted, and how often it was."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.answer, self.takes, self.asked = 7, 0.0, 0
        self.problem: Exception | None = None
        self.pauses: list[float] = []
        self.recount = Recount("things", self.ask, self.clock, 5.0, self.pause)

    async def ask(self) -> int:
        self.asked += 1
        self.clock.advance(self.takes)
        if self.problem is not None:
            raise self.problem
        return self.answer

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == 3:
            raise EndError


class EndError(Exception):
    """Ends what would go on for ever."""


async def test_nothing_is_known_before_the_first_time() -> None:
    counted = Counted()
    assert counted.recount.last is None
    assert not counted.recount.failed
    await counted.recount.count()
    assert counted.recount.last == 7


async def test_what_cannot_be_counted_is_withheld_until_it_can() -> None:
    counted = Counted()
    await counted.recount.count()
    counted.problem = StoreError("the database is away")
    for problem in (counted.problem, OSError("no right")):
        counted.problem = problem
        await counted.recount.count()
        assert (counted.recount.last, counted.recount.failed) == (None, True)
    counted.problem, counted.answer = None, 8
    await counted.recount.count()
    assert (counted.recount.last, counted.recount.failed) == (8, False)


async def test_who_does_not_answer_in_time_is_taken_not_to() -> None:
    clock, gate = FakeClock(), Gate()

    async def ask() -> int:
        await gate.wait_opened()
        return 7

    recount = Recount("things", ask, clock, 5.0)
    async with beside(recount.run):
        await eventually(lambda: recount._asked_at is not None)
        clock.advance(OVERDUE_SECONDS)
        assert not recount.failed
        clock.advance(1)
        assert (recount.last, recount.failed) == (None, True)
        gate.open()
        await eventually(lambda: recount.last == 7)
        assert not recount.failed


async def test_it_rests_the_longer_the_longer_counting_takes() -> None:
    counted = Counted()
    counted.takes = 2.0
    with pytest.raises(EndError):
        await counted.recount.run()
    assert counted.pauses == [2.0 * SHARE] * 3
    quick = Counted()
    with pytest.raises(EndError):
        await quick.recount.run()
    assert quick.pauses == [5.0] * 3
    assert quick.asked == 3


async def test_a_bug_is_no_trouble_of_whom_it_asks() -> None:
    async def ask() -> int:
        raise ZeroDivisionError

    recount = Recount("things", ask, FakeClock(), 5.0)
    with pytest.raises(ZeroDivisionError):
        await recount.count()
    assert not recount.failed
