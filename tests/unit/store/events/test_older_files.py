"""Files that an older program wrote are read as they are, and go on when they are written to."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread
from tests.made_events import make_events

from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.store.events import EventSettings, open_event_store
from iterm_mcp.store.events.bodies import BodyLostError, pack, unpack
from iterm_mcp.store.events.partition import partition_files
from iterm_mcp.store.events.schema import VERSION
from iterm_mcp.store.events.verifying import verify_events

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeClock

QUIET = EventSettings(upkeep_seconds=3600)
BODIES = [(5, "k", "grüße", None), (9, "l", "", '{"a":null}')]


def as_it_was(block: bytes) -> bytes:
    """Return a block as the first version made it."""
    rows = [[number, *body] for number, body in unpack(block).items()]
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode(), 1)


def make_older(folder: str) -> int:
    """Turn all files into those of the first version; return how many blocks they have."""
    count = 0
    for path in partition_files(Path(folder)):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for last, data in connection.execute("SELECT last, data FROM blocks").fetchall():
                older = (as_it_was(data), last)
                connection.execute("UPDATE blocks SET data = ? WHERE last = ?", older)
                count += 1
            connection.execute("PRAGMA user_version = 1")
    return count


def versions(folder: str) -> list[int]:
    found = []
    for path in partition_files(Path(folder)):
        with closing(sqlite3.connect(path)) as connection:
            found += connection.execute("PRAGMA user_version").fetchone()
    return found


async def test_older_files_are_read_and_gone_on_with(folder: str, clock: FakeClock) -> None:
    made = make_events(300)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(made[:100])
        clock.advance(86_400)
        await events.append(made[100:200])
    assert await to_thread.run_sync(make_older, folder) == 6
    async with open_event_store(folder, clock, QUIET) as events:
        before = await events.query(EventQuery(newest_first=False, limit=1000))
        kept = await events.append(made)
        page = await events.query(EventQuery(newest_first=False, limit=1000))
        words = await events.query(EventQuery(words=made[3].text.split()[0], limit=1000))
        pattern = await events.query(EventQuery(pattern=r"\w\w w\d+", limit=1000))
        await events.tend()
    assert [one.event for one in before.events] == made[:200]
    assert (kept.new, kept.repeated) == (100, 200)
    assert [one.event for one in page.events] == made
    assert 4 in {one.number for one in words.events}
    assert len(pattern.events) > 100
    assert await to_thread.run_sync(versions, folder) == [VERSION, VERSION]
    assert (await to_thread.run_sync(verify_events, Path(folder))).problems == ()


async def test_an_older_file_grows_cold_and_can_be_purged(folder: str, clock: FakeClock) -> None:
    made = make_events(150)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(made)
        await events.purge(EventQuery(words="nowhere"))
    await to_thread.run_sync(make_older, folder)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.tend()
        gone = await events.purge(EventQuery(subject=made[0].subject))
        page = await events.query(EventQuery(newest_first=False, limit=1000))
    rest = [one for one in made if not one.subject.startswith(made[0].subject)]
    assert gone.events == len(made) - len(rest) > 0
    assert [one.event for one in page.events] == rest
    assert (await to_thread.run_sync(verify_events, Path(folder))).problems == ()


def test_a_block_is_the_same_in_both_forms() -> None:
    block = pack(BODIES)
    assert unpack(block) == unpack(as_it_was(block)) == {body[0]: body[1:] for body in BODIES}


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", pack(BODIES)[:-4], as_it_was(pack(BODIES))[:-4], zlib.compress(b"[1")],
    ids=["empty", "junk", "cut", "older_and_cut", "no_json"],
)
def test_a_block_that_is_broken_is_told(data: bytes) -> None:
    with pytest.raises(BodyLostError, match="cannot be unpacked"):
        unpack(data)


@pytest.mark.parametrize(
    "payload",
    [
        {"none": None},
        {"null": "null"},
        {"large": 1 << 80},
        {"small": 1e-300, "tenth": 0.1, "whole": 1e22},
        {"half": "\ud83d"},
        {"nested": [[{"a": [True, False]}]] * 3},
    ],
    ids=["none", "null", "large", "floats", "half_a_character", "nested"],
)
async def test_a_payload_comes_back_to_the_last_digit(
    folder: str, clock: FakeClock, payload: dict[str, object]
) -> None:
    (made,) = make_events(1)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append([replace(made, payload=payload)])  # type: ignore[arg-type]
    async with open_event_store(folder, clock, QUIET) as events:
        (found,) = (await events.query(EventQuery())).events
    expected = {"half": "?"} if "half" in payload else payload
    assert found.event.payload == expected
