"""Callers who bring too much wait, and are told when it takes too long; none waits for ever."""

from __future__ import annotations

import sqlite3
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.made_events import START, make_events
from tests.waiting import eventually

from iterm_mcp.errors import StoreError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.store.events import EventsBusyError, EventSettings, open_event_store
from iterm_mcp.store.events.recent import MAX_BYTES, RecentEvents
from iterm_mcp.store.events.rows import to_row
from iterm_mcp.store.events.waiting_events import WaitingEvents

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.models.events import KeptEvent
    from iterm_mcp.store.events import EventStore
    from iterm_mcp.testing import FakeClock

ROWS = [to_row(one) for one in make_events(40)]


async def test_who_brings_too_much_waits_until_there_is_room() -> None:
    waiting = WaitingEvents(max_events=10, max_bytes=1 << 20)
    order: list[str] = []

    async def put(name: str, count: int) -> None:
        await waiting.put(ROWS[:count], 0.0, within_seconds=30)
        order.append(name)

    await put("first", 10)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for name, count in (("large", 8), ("small", 1), ("last", 5)):
                group.start_soon(put, name, count)
                await anyio.wait_all_tasks_blocked()
            assert order == ["first"]
            waiting.release(waiting.take(2000))
            await anyio.wait_all_tasks_blocked()
            assert order == ["first", "large", "small"]
            waiting.release(waiting.take(8))
            await anyio.wait_all_tasks_blocked()
            assert order == ["first", "large", "small", "last"]
    assert waiting.events == 6


async def test_what_is_more_than_the_limit_is_taken_when_nothing_else_waits() -> None:
    waiting = WaitingEvents(max_events=10, max_bytes=100)
    await waiting.put(ROWS, 0.0, within_seconds=1)
    with pytest.raises(EventsBusyError) as caught:
        await waiting.put(ROWS[:1], 0.0, within_seconds=0.01)
    assert (caught.value.code, caught.value.retry_after_seconds > 0) == ("events_busy", True)
    waiting.release(waiting.take(1))
    await waiting.put(ROWS[:1], 0.0, within_seconds=0.01)


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    waiting = WaitingEvents(max_events=10, max_bytes=1 << 20)
    await waiting.put(ROWS[:10], 0.0, within_seconds=1)
    done = anyio.Event()

    async def put() -> None:
        await waiting.put(ROWS[:2], 0.0, within_seconds=30)
        done.set()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            leaving = anyio.CancelScope()

            async def leave() -> None:
                with leaving:
                    await waiting.put(ROWS[:10], 0.0, within_seconds=30)

            group.start_soon(leave)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(put)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel()
            waiting.release(waiting.take(2000))
            await done.wait()
    assert waiting.events == 2


async def test_a_store_that_cannot_write_refuses_in_time_and_counts(
    folder: str, clock: FakeClock
) -> None:
    chosen = EventSettings(max_waiting_events=20, append_seconds=0.05, upkeep_seconds=3600)
    async with open_event_store(folder, clock, chosen) as events:
        await events.append(make_events(5))
        path = events._catalogue.partitions[0].path
        locked = await anyio.to_thread.run_sync(lock, path)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(events.append, make_events(20, seed=2))
                await eventually(lambda: events.stats().waiting_events == 20, within_seconds=60)
                clock.advance(2)
                with pytest.raises(EventsBusyError):
                    await events.append(make_events(3, seed=3))
                await anyio.to_thread.run_sync(locked.close)
        assert events.stats().refused == 3
        assert (await events.append(make_events(3, seed=3))).new == 3


def lock(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection


async def test_who_is_cancelled_may_hand_over_again(folder: str, clock: FakeClock) -> None:
    made = make_events(30)
    async with open_event_store(folder, clock) as events:
        await events.append(make_events(1, seed=2))
        locked = await anyio.to_thread.run_sync(lock, events._catalogue.partitions[0].path)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(events.append, made)
                await eventually(lambda: events.stats().waiting_events == 30, within_seconds=60)
                scope.cancel()
        await anyio.to_thread.run_sync(locked.close)
        kept = await events.append(made)
        assert kept.new + kept.repeated == 30
        assert len((await events.query(EventQuery(limit=100))).events) == 31


async def test_many_callers_at_once_are_all_told_of_their_own(events: EventStore) -> None:
    made = make_events(300)
    told: dict[int, int] = {}

    async def append(start: int) -> None:
        # Each event is told by two callers.
        told[start] = (await events.append(made[start : start + 60])).new

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for start in range(0, 300, 30):
                group.start_soon(append, start)
    assert sum(told.values()) == 300
    assert len(told) == 10


async def test_closing_writes_what_was_handed_over(folder: str, clock: FakeClock) -> None:
    made = make_events(3000)
    async with anyio.create_task_group() as group, open_event_store(folder, clock) as events:
        await events.append(make_events(1, seed=2))
        locked = await anyio.to_thread.run_sync(lock, events._catalogue.partitions[0].path)
        group.start_soon(events.append, made)
        await eventually(lambda: events.stats().waiting_events == 3000, within_seconds=60)
        group.start_soon(anyio.to_thread.run_sync, locked.close)
    async with open_event_store(folder, clock) as events:
        assert events.newest == 3001


async def test_a_follower_of_a_store_that_closes_is_let_go(folder: str, clock: FakeClock) -> None:
    heard: list[int] = []

    async def follow(events: EventStore) -> None:
        async with aclosing(events.after(0)) as stream:
            async for some in stream:
                heard.extend(one.number for one in some)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group, open_event_store(folder, clock) as events:
            group.start_soon(follow, events)
            await events.append(make_events(3))
            await eventually(lambda: heard == [1, 2, 3], within_seconds=60)


async def test_one_who_is_far_behind_reads_the_files(folder: str, clock: FakeClock) -> None:
    chosen = EventSettings(partition_bytes=2_000_000, upkeep_seconds=3600)
    async with open_event_store(folder, clock, chosen) as events:
        made = make_events(2600)
        for start in range(0, 2600, 400):
            await events.append(made[start : start + 400])
        heard: list[KeptEvent] = []
        with anyio.fail_after(30):
            async with aclosing(events.after(0)) as stream:
                async for some in stream:
                    heard += some
                    if len(heard) >= 2600:
                        break
    assert [one.event for one in heard] == made


async def test_memory_of_recent_events_is_bounded(events: EventStore) -> None:
    await events.append(make_events(10))
    kept = await events.read_after(0)
    recent = RecentEvents()
    recent.add(kept, [MAX_BYTES // 4] * 10)
    assert recent.after(0, 100) is None
    assert recent.after(6, 100) == kept[6:]
    assert recent.after(6, 2) == kept[6:8]
    recent.add([], [])
    assert recent.newest == 10


async def test_the_newest_events_are_the_same_from_memory_and_from_the_disk(
    events: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await events.append(make_events(50))
    plain, bounded = EventQuery(limit=20), EventQuery(limit=20, since=START - timedelta(days=1))
    from_disk = (await events.query(bounded)).events
    with monkeypatch.context() as patched:
        patched.setattr(events, "_searching", None)  # the disk cannot be asked
        page = await events.query(plain)
    rest = await events.query(replace(plain, limit=100, cursor=page.cursor))

    assert page.events == from_disk
    assert [one.number for one in page.events + rest.events] == list(range(50, 0, -1))


async def test_what_was_purged_is_not_answered_from_memory(events: EventStore) -> None:
    await events.append(make_events(50))
    newest = (await events.query(EventQuery(limit=1))).events[0]
    await events.purge(EventQuery(kinds=frozenset({newest.event.kind})))
    left = await events.query(EventQuery(limit=5))

    assert left.events
    assert all(one.event.kind is not newest.event.kind for one in left.events)


async def test_a_bug_in_the_writer_is_seen_and_nobody_is_left_waiting(
    folder: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_batches: object) -> None:
        raise ValueError("a bug")

    async def meet() -> None:
        async with open_event_store(folder, clock) as events:
            monkeypatch.setattr(events._writer, "write", broken)
            with pytest.raises(StoreError, match="cut off"):
                await events.append(make_events(1))
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await meet()
    assert caught.group_contains(ValueError, match="a bug")
