from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from structlog.testing import capture_logs
from tests.unit.services.events.told import prompt

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.events import EventKind, EventNumber, Kept
from iterm_mcp.services.events.recorder import (
    GATHER_SECONDS,
    MOST_AT_ONCE,
    MOST_TRIES,
    Recorder,
)
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.events import Event


class Shelf:
    """Takes events, after having failed so often."""

    def __init__(self, failures: int = 0) -> None:
        self.events: list[Event] = []
        self.failures = failures
        self.batches: list[int] = []
        self.open = anyio.Event()
        self.open.set()

    async def take(self, events: Sequence[Event]) -> Kept:
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise StoreError("full")
        if any(one.text == "bad" for one in events):
            raise InvalidRequestError("bad", hint="Do not.")
        self.events += events
        self.batches.append(len(events))
        return Kept(len(events), 0, EventNumber(len(self.events)))


async def until(shelf: Shelf, count: int) -> None:
    with anyio.fail_after(5):
        while len(shelf.events) < count:
            await anyio.lowlevel.checkpoint()


async def at_once(seconds: float) -> None:
    assert seconds > 0
    await anyio.lowlevel.checkpoint()


async def test_events_are_kept_in_their_order_and_many_at_once() -> None:
    shelf, events = Shelf(), [prompt(one) for one in range(MOST_AT_ONCE + 7)]
    recorder = Recorder(shelf, FakeClock())
    async with recorder.running():
        recorder.record(*events)
        await until(shelf, len(events))
        recorder.record(prompt(0.5))
        await until(shelf, len(events) + 1)
    assert shelf.events == [*events, prompt(0.5)]
    assert shelf.batches == [MOST_AT_ONCE, 7, 1]
    assert (recorder.waiting, recorder.dropped) == (0, 0)


async def test_what_comes_soon_after_another_is_kept_together() -> None:
    shelf, over = Shelf(), anyio.Event()

    async def gather(seconds: float) -> None:
        assert seconds == GATHER_SECONDS
        await over.wait()

    recorder = Recorder(shelf, FakeClock(), pause=gather)
    async with recorder.running():
        recorder.record(prompt(1))
        await until(shelf, 1)
        for one in range(2, 6):
            recorder.record(prompt(one))
            await anyio.lowlevel.checkpoint()
        over.set()
        await until(shelf, 5)
    assert shelf.batches == [1, 4]


async def test_a_store_that_is_full_is_tried_again_and_nothing_is_lost() -> None:
    shelf = Shelf(failures=3)
    recorder = Recorder(shelf, FakeClock(), pause=at_once)
    async with recorder.running():
        recorder.record(prompt(1), prompt(2))
        await until(shelf, 2)
    assert shelf.events == [prompt(1), prompt(2)]


async def test_what_has_no_room_is_dropped_counted_and_told() -> None:
    shelf = Shelf()
    shelf.open = anyio.Event()
    recorder = Recorder(shelf, FakeClock(), most=3)
    async with recorder.running():
        recorder.record(*(prompt(one) for one in range(5)))
        assert recorder.dropped == 2
        shelf.open.set()
        await until(shelf, 4)
    *kept, lost = shelf.events
    assert kept == [prompt(0), prompt(1), prompt(2)]
    assert lost.kind is EventKind.LOG_REPORTED
    assert lost.payload["attributes"] == {"events": 2}
    assert recorder.dropped == 2


async def test_what_can_never_be_kept_makes_room_for_what_can() -> None:
    shelf = Shelf(failures=MOST_TRIES)
    recorder = Recorder(shelf, FakeClock(), pause=at_once)
    async with recorder.running():
        recorder.record(*(prompt(one) for one in range(MOST_AT_ONCE)))
        recorder.record(prompt(9000))
        await until(shelf, 2)
    assert shelf.events[0] == prompt(9000)
    assert recorder.dropped == MOST_AT_ONCE


async def test_an_event_that_cannot_be_is_dropped_alone() -> None:
    shelf = Shelf()
    recorder = Recorder(shelf, FakeClock(), pause=at_once)
    async with recorder.running():
        recorder.record(prompt(1), prompt(2, "bad"), prompt(3))
        await until(shelf, 3)
    assert shelf.events[:2] == [prompt(1), prompt(3)]
    assert shelf.events[2].subject == "events_dropped"
    assert recorder.dropped == 1


async def test_at_the_end_all_that_waits_is_kept() -> None:
    shelf = Shelf()
    recorder = Recorder(shelf, FakeClock())
    async with recorder.running():
        recorder.record(*(prompt(one) for one in range(MOST_AT_ONCE * 2)))
    assert len(shelf.events) == MOST_AT_ONCE * 2
    assert recorder.waiting == 0


async def test_at_the_end_of_a_store_that_fails_it_does_not_hang() -> None:
    recorder = Recorder(Shelf(failures=100), FakeClock(), pause=at_once)
    with anyio.fail_after(5), capture_logs() as logs:
        async with recorder.running():
            recorder.record(prompt(1))
    assert recorder.waiting == 1
    assert logs[-1]["event"] == "own_events_lost"


async def test_a_cancelled_daemon_keeps_each_event_once() -> None:
    shelf = Shelf()
    shelf.open = anyio.Event()
    recorder = Recorder(shelf, FakeClock())
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with recorder.running():
                recorder.record(prompt(1))
                await anyio.lowlevel.checkpoint()
                await anyio.lowlevel.checkpoint()
                group.start_soon(_open, shelf)
                scope.cancel()
    assert shelf.events == [prompt(1)]


async def _open(shelf: Shelf) -> None:
    shelf.open.set()
