"""Copies of the events, and the verbs that look after their files."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.made_events import START, make_events
from typer.testing import CliRunner, Result

from iterm_mcp.cli.events import app
from iterm_mcp.errors import ConflictError, InvalidRequestError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.paths import find_paths
from iterm_mcp.store.events import EventSettings, open_event_store
from iterm_mcp.store.events.copies import back_up_events, restore_events
from iterm_mcp.store.events.surveying import survey_events
from iterm_mcp.store.events.verifying import verify_events
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.store.events import EventStore

SMALL = EventSettings(partition_bytes=250_000, upkeep_seconds=3600)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "home"))
    return find_paths().events


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def keep(folder: str, count: int, seed: int = 1) -> None:
    async def work() -> None:
        async with open_event_store(folder, FakeClock(), SMALL) as events:
            made = make_events(count, seed=seed)
            for start in range(0, count, 50):
                await events.append(made[start : start + 50])

    anyio.run(work)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def files(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.db"))


async def test_a_copy_is_of_one_moment_while_more_is_kept(
    folder: str, clock: FakeClock, tmp_path: Path
) -> None:
    made = make_events(600)
    target = tmp_path / "copies" / "one"
    async with open_event_store(folder, clock, SMALL) as events:
        for start in range(0, 300, 50):
            await events.append(made[start : start + 50])

        async def more() -> None:
            for start in range(300, 600, 20):
                await events.append(made[start : start + 20])

        async with anyio.create_task_group() as group:
            group.start_soon(more)
            backup = await events.back_up(str(target))
    report = await anyio.to_thread.run_sync(verify_events, target)
    assert report.problems == ()
    assert 300 <= backup.newest <= 600
    assert report.events == backup.newest
    with pytest.raises(ConflictError):
        await anyio.to_thread.run_sync(back_up_events, Path(folder), target, START)


def test_what_was_copied_comes_back_and_numbers_go_on(folder: str, tmp_path: Path) -> None:
    keep(folder, 200)
    back_up_events(Path(folder), tmp_path / "copy", START)
    keep(folder, 100, seed=2)
    done = restore_events(Path(folder), tmp_path / "copy", START)
    assert (done.newest, done.events) == (200, 200)
    assert done.before is not None
    assert verify_events(done.before).events == 300
    assert verify_events(Path(folder)).problems == ()

    async def look() -> None:
        async with open_event_store(folder, FakeClock(), SMALL) as events:
            found = await events.query(EventQuery(newest_first=False, limit=1000))
            assert [one.event for one in found.events] == make_events(200)
            kept = await events.append([*make_events(200), *make_events(1, seed=3)])
            assert (kept.new, kept.last) == (1, 301)

    anyio.run(look)


async def test_nothing_is_restored_under_a_running_store(
    folder: str, events: EventStore, tmp_path: Path
) -> None:
    await events.append(make_events(3))
    await events.back_up(str(tmp_path / "copy"))
    with pytest.raises(ConflictError, match="in use by process"):
        await anyio.to_thread.run_sync(restore_events, Path(folder), tmp_path / "copy", START)


def test_a_copy_that_is_none_or_not_sound_changes_nothing(folder: str, tmp_path: Path) -> None:
    keep(folder, 120)
    back_up_events(Path(folder), tmp_path / "copy", START)
    change(files(str(tmp_path / "copy"))[0], "UPDATE hours SET count = count + 1")
    with pytest.raises(InvalidRequestError, match="damaged"):
        restore_events(Path(folder), tmp_path / "copy", START)
    files(str(tmp_path / "copy"))[0].unlink()
    with pytest.raises(InvalidRequestError, match="not whole"):
        restore_events(Path(folder), tmp_path / "copy", START)
    with pytest.raises(InvalidRequestError, match="no copy"):
        restore_events(Path(folder), tmp_path / "nothing", START)
    assert verify_events(Path(folder)).events == 120


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE hours SET count = count + 1", "the sums of hours"),
        ("UPDATE minutes SET output = 1 WHERE rowid IS NULL OR 1", "the sums of minutes"),
        ("DELETE FROM events WHERE number = 7", "40 numbers were given, and there are 39"),
        ("DELETE FROM bodies WHERE number = 37", "event 37 has lost its body"),
        ("UPDATE bodies SET key = 'other' WHERE number = 37", "event 37 has another event's key"),
        ("DELETE FROM search_data WHERE id > 10", "the index of words"),
        ("INSERT INTO search (search) VALUES ('delete-all')", "is not found by its word"),
        ("INSERT INTO purged SELECT hash FROM events LIMIT 1", "are kept twice"),
    ],
)
def test_what_is_not_sound_is_found(folder: str, statement: str, problem: str) -> None:
    keep(folder, 40)
    change(files(folder)[0], statement.replace(" WHERE rowid IS NULL OR 1", ""))
    result = run("verify")
    assert result.exit_code == 1
    assert problem in result.stderr


def test_files_that_do_not_follow_each_other_are_found(folder: str) -> None:
    keep(folder, 200)
    first, second, *_ = files(folder)
    first.unlink()
    second.rename(second.with_name(f"{second.name}.damaged"))
    keep(folder, 1, seed=5)
    assert "found damaged" in run("verify").stderr
    third, *_ = files(folder)
    third.with_name(third.name.replace("20260101", "20260102")).write_bytes(third.read_bytes())
    assert "begin in the file before" in run("verify").stderr


def test_the_verbs_say_what_they_did(folder: str, tmp_path: Path) -> None:
    assert "no events yet" in run("verify").stdout
    keep(folder, 200)
    assert "200 events in" in run("verify").stdout
    told = run("stats").stdout.splitlines()
    assert told[-1].startswith("200 events, ")
    assert "2026-01-01 09:00:00 to" in told[0]
    listed = json.loads(run("stats", "--json").stdout)
    assert sum(one["events"] for one in listed) == 200
    copied = run("backup", str(tmp_path / "copy"))
    assert "up to event 200" in copied.stdout
    assert run("backup", str(tmp_path / "copy")).exit_code == 1
    restored = run("restore", str(tmp_path / "copy"))
    assert "200 events, up to number 200, are in place" in restored.stdout
    assert run("restore", str(tmp_path)).exit_code == 1


def test_a_damaged_file_is_shown_and_left_out_of_the_copy(folder: str, tmp_path: Path) -> None:
    keep(folder, 120)
    path = files(folder)[0]
    path.write_bytes(b"nothing" * 2000)
    assert next(one.state for one in survey_events(Path(folder))) == "unreadable"
    assert "unreadable" in run("stats").stdout
    keep(folder, 1, seed=4)
    copied = run("backup", str(tmp_path / "copy"))
    assert "is damaged, and not in the copy" in copied.stderr
    assert copied.exit_code == 0


def test_files_on_a_disk_that_is_not_written_to_are_read(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(folder, 60)
    monkeypatch.setattr(os, "access", lambda *_: False)
    result = run("verify")
    assert "60 events in 1 files are sound" in result.stdout
    assert "no room for the check of the index of words" in result.stdout
    assert not list(Path(folder).glob("*-shm"))
