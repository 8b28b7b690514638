"""Files that are full become small, the oldest are forgotten, and what is purged is gone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.made_events import START, make_events
from tests.waiting import eventually

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Event, EventKind, Links
from iterm_mcp.store.events import EventSettings, open_event_store
from iterm_mcp.store.events.cooling import FREED_PAGES, free_pages
from iterm_mcp.store.events.partition import Partition, PartitionState
from iterm_mcp.store.events.retention import too_old_or_too_much
from iterm_mcp.store.events.schema import create, open_for_writing, transaction
from iterm_mcp.store.events.verifying import verify_events

if TYPE_CHECKING:
    from iterm_mcp.store.events import EventStore
    from iterm_mcp.testing import FakeClock

QUIET = EventSettings(upkeep_seconds=3600)
SECRET = "xylophone-7781-quagmire"


async def found_all(events: EventStore) -> list[Event]:
    page = await events.query(EventQuery(newest_first=False, limit=1000))
    return [one.event for one in page.events]


async def test_a_cold_file_is_smaller_and_answers_the_same(folder: str, clock: FakeClock) -> None:
    made = make_events(450)
    async with open_event_store(folder, clock, QUIET) as events:
        for start in range(0, 450, 10):  # as hooks come: too few at once for a block
            await events.append(made[start : start + 10])
        clock.advance(86_400)
        await events.append([replace(made[0], key="next day")])
        hot = events.stats().partitions[0]
        words = await events.query(EventQuery(words="timeout retry", limit=1000))
        pattern = await events.query(EventQuery(pattern=r"retry w\d+ \w+", limit=1000))
        await events.tend()
        cold = events.stats().partitions[0]
        assert (hot.state, cold.state) == ("sealed", "cold")
        assert cold.size_bytes < 0.8 * hot.size_bytes
        assert (await found_all(events))[:450] == made
        assert (await events.query(EventQuery(words="timeout retry", limit=1000))) == words
        again = await events.query(EventQuery(pattern=r"retry w\d+ \w+", limit=1000))
        assert again.events == pattern.events
        assert len(again.events) > 5
        assert (await events.append(made)).new == 0
    assert (await anyio.to_thread.run_sync(verify_events, Path(folder))).problems == ()


async def test_few_and_many_at_once_are_found_alike_before_and_after_it_grows_cold(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(300)
    batches = (5, 40, 3, 64, 31, 1, 100, 33, 23)  # what fills a block is packed when it comes
    async with open_event_store(folder, clock, QUIET) as events:
        start = 0
        for many in batches:
            await events.append(made[start : start + many])
            start += many
        assert start == 300
        assert await found_all(events) == made
        await events.purge(EventQuery(links=Links(agent=made[7].links.agent)))
        rest = [one for one in made if one.links.agent != made[7].links.agent]
        assert await found_all(events) == rest
        await events.tend()
        assert events.stats().partitions[0].state == "cold"
        assert await found_all(events) == rest
    assert (await anyio.to_thread.run_sync(verify_events, Path(folder))).problems == ()


async def test_what_is_too_old_is_forgotten_and_may_come_again(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(30)
    chosen = EventSettings(keep_seconds=3 * 86_400, upkeep_seconds=3600)
    async with open_event_store(folder, clock, chosen) as events:
        for day in range(3):
            await events.append(made[day * 10 : day * 10 + 10])
            clock.advance(86_400)
            await events.tend()
        assert len(events.stats().partitions) == 3
        clock.advance(86_400 * 1.5)
        await events.tend()
        assert await found_all(events) == made[20:]
        assert (events.stats().dropped_partitions, events.stats().dropped_events) == (2, 20)
        kept = await events.append(made)
        assert (kept.new, kept.last) == (20, 50)
        # The live file stays, however old it is.
        clock.advance(86_400 * 100)
        await events.tend()
        assert await found_all(events) == made[:20]


async def test_what_is_too_much_is_forgotten_oldest_first(folder: str, clock: FakeClock) -> None:
    made = make_events(300)
    chosen = EventSettings(keep_bytes=900_000, upkeep_seconds=3600)
    async with open_event_store(folder, clock, chosen) as events:
        for day in range(6):
            await events.append(made[day * 50 : day * 50 + 50])
            clock.advance(86_400)
        await events.tend()
        stats = events.stats()
        left = await found_all(events)
    assert 0 < len(left) < 300
    assert left == made[-len(left) :]
    assert stats.size_bytes <= 900_000
    assert stats.dropped_events == 300 - len(left)


def test_the_live_file_is_never_forgotten() -> None:
    live = Partition(Path("a"), "20260101", 1, 5, PartitionState.LIVE, kept_at=1, size=100)
    cold = replace_state(live, PartitionState.COLD)
    assert too_old_or_too_much([cold, live], before=2, max_bytes=1) == [cold]
    assert too_old_or_too_much([cold, live], before=0, max_bytes=200) == []
    assert too_old_or_too_much([cold, live], before=0, max_bytes=199) == [cold]


def replace_state(partition: Partition, state: PartitionState) -> Partition:
    return replace(partition, state=state)


@pytest.mark.parametrize("cold", [False, True])
async def test_what_is_purged_stands_in_no_file_any_more_and_does_not_come_again(
    folder: str, clock: FakeClock, *, cold: bool
) -> None:
    made = make_events(150)
    secret = [
        Event(f"secret-{number}", START, EventKind.PROMPT_SUBMITTED, "s", text=f"it is {SECRET}")
        for number in range(3)
    ]
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append([*made[:100], *secret, *made[100:]])
        if cold:
            clock.advance(86_400)
            await events.append([replace(made[0], key="next day")])
            await events.tend()
        stream = events.after(0)
        assert len(await anext(stream)) > 150
        await stream.aclose()
        purged = await events.purge(EventQuery(words=SECRET))
        assert (purged.events, purged.damaged) == (3, ())
        assert (await events.query(EventQuery(words=SECRET))).events == ()
        assert not [one for one in await events.read_after(0) if SECRET in one.event.text]
        assert (await events.append(secret)).new == 0
    assert not await anyio.to_thread.run_sync(files_with, folder, SECRET.encode())
    assert not await anyio.to_thread.run_sync(files_with, folder, b"quagmire")
    report = await anyio.to_thread.run_sync(verify_events, Path(folder))
    assert (report.problems, report.events) == ((), 151 if cold else 150)


def files_with(folder: str, wanted: bytes) -> list[str]:
    return [one.name for one in Path(folder).iterdir() if wanted in one.read_bytes()]


async def test_a_number_that_was_purged_is_not_given_again(folder: str, clock: FakeClock) -> None:
    last = replace(make_events(1)[0], key="last", links=Links(agent="gone"))
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append([*make_events(5), last])
        await events.purge(EventQuery(links=Links(agent="gone")))
    async with open_event_store(folder, clock, QUIET) as events:
        assert (await events.append(make_events(1, seed=2))).last == 7


async def test_everything_is_not_purged_by_an_empty_question(events: EventStore) -> None:
    await events.append(make_events(3))
    with pytest.raises(InvalidRequestError, match="remove all"):
        await events.purge(EventQuery())
    assert len(await found_all(events)) == 3


async def test_upkeep_goes_on_by_itself_when_a_file_is_full(folder: str, clock: FakeClock) -> None:
    made = make_events(60)
    async with open_event_store(folder, clock) as events:
        await events.append(made[:50])
        clock.advance(86_400)
        await events.append(made[50:])
        await eventually(
            lambda: events.stats().partitions[0].state, lambda one: one == "cold", within_seconds=60
        )


def test_free_pages_go_back_to_the_disk_many_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "20260101-000000000000001.db"
    create(path)
    with closing(open_for_writing(path)) as connection:
        with transaction(connection):
            bodies = ((number, "k", "t" * 4000, None) for number in range(1, 1201))
            connection.executemany("INSERT INTO bodies VALUES (?, ?, ?, ?)", bodies)
            connection.execute("DELETE FROM bodies")
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        steps = sum(1 for _ in free_pages(connection))
        left = connection.execute("PRAGMA freelist_count").fetchone()
    assert free > 1000
    assert steps == -(-free // FREED_PAGES)
    assert left == (0,)
