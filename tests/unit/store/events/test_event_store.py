"""The store of events: what is kept is found again, in order, once."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.made_events import START, make_events

from iterm_mcp.errors import ConflictError, InvalidRequestError, StoreError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import (
    MAX_BODY_BYTES,
    Cost,
    CostBasis,
    Event,
    EventKind,
    Links,
    TokenUsage,
)
from iterm_mcp.store.events import EventSettings, open_event_store

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json
    from iterm_mcp.store.events import EventStore
    from iterm_mcp.testing import FakeClock

WHOLE = Event(
    key="claude.hook/a%2Fb/1",
    at=START,
    kind=EventKind.TOOL_FAILED,
    source="claude.hook",
    subject="größe.py",
    text='it said "no" \ud800 and \x00 ended',
    links=Links(*(f"link-{number}" for number in range(12))),
    payload={"tool": "Bash", "deep": [1, {"two": None}], "ü": "é"},
    duration_seconds=1.25,
    usage=TokenUsage(1, 2, 3, 4, 5, 6),
    cost=Cost(7, CostBasis.REPORTED),
)


def deep(levels: int) -> Json:
    value: Json = []
    for _ in range(levels):
        value = [value]
    return value


async def test_an_event_comes_back_as_it_was(events: EventStore, clock: FakeClock) -> None:
    kept = await events.append([WHOLE])
    page = await events.query(EventQuery())
    assert (kept.new, kept.repeated, kept.last) == (1, 0, 1)
    (found,) = page.events
    assert found.kept_at == clock.now()
    assert found.event == replace(WHOLE, text=WHOLE.text.replace("\ud800", "?"))
    assert (page.cursor, page.complete) == ("", True)


async def test_an_event_that_says_little_comes_back_too(events: EventStore) -> None:
    little = Event(key="k", at=START, kind=EventKind.HOOK_FIRED, source="s")
    await events.append([little])
    assert [one.event for one in (await events.query(EventQuery())).events] == [little]


async def test_the_same_event_is_kept_once_in_one_call_and_in_many(events: EventStore) -> None:
    first = await events.append([WHOLE, replace(WHOLE, text="told again")])
    again = await events.append([replace(WHOLE, at=START + timedelta(days=1))])
    assert (first.new, first.repeated) == (1, 1)
    assert (again.new, again.repeated, again.last) == (0, 1, 1)


async def test_nothing_is_nothing(events: EventStore) -> None:
    assert (await events.append([])).new == 0


async def test_the_store_goes_on_where_it_was(folder: str, clock: FakeClock) -> None:
    made = make_events(30)
    async with open_event_store(folder, clock) as events:
        await events.append(made[:20])
    async with open_event_store(folder, clock) as events:
        kept = await events.append(made)
        page = await events.query(EventQuery(newest_first=False))
    assert (kept.new, kept.repeated, kept.last) == (10, 20, 30)
    assert [one.number for one in page.events] == list(range(1, 31))
    assert [one.event.key for one in page.events] == [one.key for one in made]


async def test_a_file_is_followed_by_another_and_keys_are_known_in_all(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(1200)
    async with open_event_store(folder, clock, EventSettings(partition_bytes=300_000)) as events:
        for start in range(0, 1200, 100):
            await events.append(made[start : start + 100])
        clock.advance(86_400)
        again = await events.append(made)
        files = events.stats().partitions
        found = [
            one.number
            for one in (await events.query(EventQuery(limit=1000, newest_first=False))).events
        ]
    assert (again.new, again.repeated) == (0, 1200)
    assert len(files) > 5
    assert {one.state for one in files[:-1]} <= {"sealed", "cold"}
    assert files[-1].state == "live"
    assert [one.first for one in files[1:]] == [one.last + 1 for one in files[:-1]]
    assert found == list(range(1, 1001))


async def test_pages_go_through_all_once_while_more_is_kept(folder: str, clock: FakeClock) -> None:
    made = make_events(400)
    async with open_event_store(folder, clock, EventSettings(partition_bytes=200_000)) as events:
        await events.append(made[:200])
        seen, cursor = [], ""
        while True:
            page = await events.query(EventQuery(limit=30, cursor=cursor))
            seen += [one.number for one in page.events]
            await events.append(made[200 + len(seen) : 210 + len(seen)])
            cursor = page.cursor
            if not cursor:
                break
    assert seen == list(range(200, 0, -1))


async def test_a_follower_hears_all_that_is_kept_from_where_it_was(events: EventStore) -> None:
    made = make_events(50)
    await events.append(made[:20])
    heard: list[str] = []
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group, aclosing(events.after(5)) as stream:
            group.start_soon(events.append, made[20:])
            async for some in stream:
                heard += [one.event.key for one in some]
                if len(heard) == 45:
                    break
            assert events.stats().followers == 1
    assert heard == [one.key for one in made[5:]]
    assert events.stats().followers == 0


async def test_a_folder_has_one_store(folder: str, clock: FakeClock, events: EventStore) -> None:
    del events
    with pytest.raises(ConflictError, match="in use by process"):
        async with open_event_store(folder, clock):
            pass


@pytest.mark.parametrize(
    "event",
    [
        replace(WHOLE, key=""),
        replace(WHOLE, key="k" * 513),
        replace(WHOLE, key="half a character: \ud83d"),
        replace(WHOLE, subject="s" * 513),
        replace(WHOLE, text="t" * MAX_BODY_BYTES),
        replace(WHOLE, text="é" * (MAX_BODY_BYTES // 2)),
        replace(WHOLE, at=START.replace(tzinfo=None)),
        replace(WHOLE, usage=TokenUsage(input=-1)),
        replace(WHOLE, usage=TokenUsage(output=1 << 60)),
        replace(WHOLE, cost=Cost(1 << 60, CostBasis.COMPUTED)),
        replace(WHOLE, duration_seconds=float("nan")),
        replace(WHOLE, payload={"value": float("nan")}),
        replace(WHOLE, payload={"value": deep(100_000)}),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_all_that_came_with_it(
    events: EventStore, event: Event
) -> None:
    fine = replace(WHOLE, key="fine")
    with pytest.raises(InvalidRequestError, match="cannot be kept"):
        await events.append([fine, event])
    assert (await events.query(EventQuery())).events == ()
    assert events.stats().refused == 2


async def test_a_closed_store_takes_nothing(folder: str, clock: FakeClock) -> None:
    async with open_event_store(folder, clock) as events:
        pass
    with pytest.raises(StoreError) as caught:
        await events.append([WHOLE])
    assert caught.value.code == "events_closed"


async def test_the_figures_tell_what_happened(events: EventStore, clock: FakeClock) -> None:
    made = make_events(40)
    await events.append(made)
    await events.append(made[:10])
    clock.advance(1)
    stats = events.stats()
    assert (stats.kept, stats.repeated, stats.refused) == (40, 10, 0)
    assert (stats.waiting_events, stats.waiting_bytes, stats.lag_seconds) == (0, 0, 0.0)
    assert stats.kept_per_second == 40
    assert stats.size_bytes > 40_000
    assert (stats.newest, stats.problem) == (40, "")
