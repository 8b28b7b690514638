"""Damage, a full disk, a disk that may not be written to: told, survived, nothing lost."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.made_events import make_events

from iterm_mcp.errors import StoreError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Links
from iterm_mcp.store.events import EventSettings, open_event_store, readers
from iterm_mcp.store.events.schema import create

if TYPE_CHECKING:
    from iterm_mcp.store.events import EventStore
    from iterm_mcp.testing import FakeClock

QUIET = EventSettings(upkeep_seconds=3600)
SMALL = EventSettings(partition_bytes=300_000, upkeep_seconds=3600)


def spoil(path: Path, *, start: int = 4096) -> None:
    """Overwrite all pages but the first ones."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(start)
        file.write(os.urandom(size - start))


def writing(events: EventStore) -> sqlite3.Connection:
    """Return the connection that writes."""
    connection = events._writer._connection
    assert connection is not None
    return connection


def spoil_table(path: Path, name: str) -> None:
    """Overwrite the first page of a table."""
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (page,) = connection.execute(sql, (name,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def make_newer(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "20260101-000000000000001.db"
    create(path)
    change(path, "PRAGMA user_version = 99")
    return path


def remove_index(folder: str) -> None:
    for one in Path(folder).glob("keys.index*"):
        one.unlink()


def leave_half(path: Path) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"half")
    return path


async def numbers(events: EventStore) -> list[int]:
    found, cursor = [], ""
    while True:
        page = await events.query(EventQuery(newest_first=False, limit=1000, cursor=cursor))
        found += [int(one.number) for one in page.events]
        cursor = page.cursor
        if not cursor:
            return found


async def test_a_full_disk_refuses_and_when_there_is_room_all_goes_on(events: EventStore) -> None:
    made = make_events(3000)
    await events.append(made[:1000])
    (pages,) = writing(events).execute("PRAGMA page_count").fetchone()
    writing(events).execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(StoreError, match="full") as caught:
        await events.append(made[:2000])
    assert (caught.value.code, "Free some disk space" in caught.value.hint) == (
        "events_unavailable",
        True,
    )
    assert "full" in events.stats().problem
    assert events.stats().waiting_events == 0
    assert await numbers(events) == list(range(1, 1001))
    writing(events).execute("PRAGMA max_page_count = 1000000")
    kept = await events.append(made)
    assert (kept.new, kept.repeated, events.stats().problem) == (2000, 1000, "")
    assert await numbers(events) == list(range(1, 3001))


async def test_a_disk_that_may_not_be_written_to_refuses(events: EventStore) -> None:
    made = make_events(20)
    await events.append(made[:10])
    writing(events).execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="readonly") as caught:
        await events.append(made)
    assert "the right to write" in caught.value.hint
    assert await numbers(events) == list(range(1, 11))
    writing(events).execute("PRAGMA query_only = OFF")
    assert (await events.append(made)).new == 10


async def test_a_damaged_old_file_is_set_aside_and_the_others_are_read(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(1000)
    async with open_event_store(folder, clock, SMALL) as events:
        for start in range(0, 1000, 100):
            await events.append(made[start : start + 200])
        files = events.stats().partitions
    spoil(Path(folder) / files[1].name)
    lost = set(range(files[1].first, files[1].last + 1))
    async with open_event_store(folder, clock, SMALL) as events:
        found = await numbers(events)
        page = await events.query(EventQuery(limit=1000, newest_first=False))
        stats = events.stats()
        kept = await events.append(make_events(5, seed=2))
    assert set(found) >= set(range(1, 1001)) - lost
    assert found == sorted(set(found))
    assert [one.state for one in stats.partitions].count("damaged") == 1
    assert page.damaged == (f"{files[1].name}.damaged",)
    assert (kept.new, kept.last) == (5, 1005)


async def test_a_damaged_live_file_is_followed_by_another_and_numbers_never_go_back(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(900)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(made[:500])
        live = Path(folder) / events.stats().partitions[-1].name
    spoil(live)
    async with open_event_store(folder, clock, QUIET) as events:
        kept = await events.append(made[500:])
        assert kept.new == 400
        assert kept.last > 10_000_000
        assert sorted(await numbers(events))[-400:] == list(range(kept.last - 399, kept.last + 1))
        assert events.stats().partitions[0].name == f"{live.name}.damaged"
    async with open_event_store(folder, clock, QUIET) as events:  # and after a restart
        assert (await events.append(make_events(1, seed=3))).last == kept.last + 1


async def test_damage_that_reading_finds_makes_the_writer_go_on_elsewhere(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(600)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(made)
        live = Path(folder) / events.stats().partitions[-1].name
    spoil_table(live, "bodies")
    async with open_event_store(folder, clock, QUIET) as events:
        page = await events.query(EventQuery())
        assert page.events == ()
        assert page.damaged == (live.name,)
        kept = await events.append(make_events(3, seed=5))
        assert kept.new == 3
        assert [one.state for one in events.stats().partitions] == ["damaged", "live"]
        assert len((await events.query(EventQuery(limit=3))).events) == 3


async def test_a_file_that_is_no_database_at_all_is_set_aside(
    folder: str, clock: FakeClock
) -> None:
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(make_events(10))
        live = Path(folder) / events.stats().partitions[-1].name
    live.write_bytes(b"not a database" * 1000)
    async with open_event_store(folder, clock, QUIET) as events:
        assert (await events.append(make_events(10))).new == 10


async def test_a_newer_programs_file_is_left_alone(folder: str, clock: FakeClock) -> None:
    path = await anyio.to_thread.run_sync(make_newer, Path(folder))
    with pytest.raises(StoreError, match="have version 99") as caught:
        async with open_event_store(folder, clock):
            pass
    assert caught.value.code == "events_version"
    assert path.exists()


async def test_the_index_of_keys_is_made_again_when_it_is_damaged_or_gone(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(600)
    async with open_event_store(folder, clock, SMALL) as events:
        for start in range(0, 600, 100):
            await events.append(made[start : start + 100])
        await events.tend()
    index = Path(folder) / "keys.index"
    assert index.exists()
    spoil(index, start=0)
    async with open_event_store(folder, clock, SMALL) as events:
        assert (await events.append(made)).new == 0
        await events.tend()
        assert (await events.append(made)).new == 0
    remove_index(folder)
    async with open_event_store(folder, clock, SMALL) as events:
        assert (await events.append(made)).new == 0


async def test_a_part_of_a_file_that_a_crash_left_is_removed(folder: str, clock: FakeClock) -> None:
    left = leave_half(Path(folder) / "20260101-000000000000001.part")
    async with open_event_store(folder, clock) as events:
        assert (await events.append(make_events(2))).new == 2
    assert not left.exists()


async def test_a_folder_that_cannot_be_is_told(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as caught:
        async with open_event_store(str(tmp_path / "file" / "events"), clock):
            pass
    assert caught.value.code == "events_unavailable"


async def test_a_block_that_lost_its_bytes_is_told_and_the_rest_is_read(
    folder: str, clock: FakeClock
) -> None:
    made = make_events(250)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(made)
        clock.advance(86_400)
        await events.append(make_events(1, seed=9))
        await events.tend()
        name = events.stats().partitions[0].name
        change(Path(folder) / name, "UPDATE blocks SET data = x'00' WHERE last = 192")
        page = await events.query(EventQuery(limit=150, since=datetime(2000, 1, 1, tzinfo=UTC)))
        assert page.damaged == (f"{name}.damaged",)
        assert [one.number for one in page.events] == [251, *range(250, 192, -1)]
        other = await events.query(EventQuery(links=Links(agent="nobody")))
        assert other.events == ()


async def test_upkeep_that_cannot_be_done_is_told_once_and_tried_again(
    folder: str, clock: FakeClock
) -> None:
    in_the_way = Path(folder) / "keys.index"
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(make_events(20))
        await anyio.to_thread.run_sync(in_the_way.mkdir)
        await anyio.to_thread.run_sync(events._writer.seal)
        await events.tend()
        assert events._upkeep.problem
        assert events.stats().partitions[0].state == "sealed"
        await anyio.to_thread.run_sync(in_the_way.rmdir)
        await events.tend()
        assert not events._upkeep.problem
        assert events.stats().partitions[0].state == "cold"
        assert (await events.append(make_events(21))).new == 1


async def test_damage_that_upkeep_finds_sets_the_file_aside(folder: str, clock: FakeClock) -> None:
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(make_events(200))
        await anyio.to_thread.run_sync(events._writer.seal)
        path = Path(folder) / events.stats().partitions[0].name
    await anyio.to_thread.run_sync(spoil_table, path, "bodies")
    async with open_event_store(folder, clock, QUIET) as events:
        await events.tend()
        assert events.stats().partitions[0].state == "damaged"
        assert (await events.append(make_events(1, seed=2))).new == 1


async def test_few_connections_wait_for_the_next_question(
    folder: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MAX_IDLE", 2)
    async with open_event_store(folder, clock, QUIET) as events:
        for seed in range(4):
            await events.append(make_events(3, seed=seed))
            await anyio.to_thread.run_sync(events._writer.seal)
        assert len(await numbers(events)) == 12
        assert len(events._readers._idle) == 2
