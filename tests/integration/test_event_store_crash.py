"""A store of events that is killed at any moment, or whose disk is full, loses nothing it kept."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.store.events import open_event_store
from iterm_mcp.store.events.verifying import verify_events

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCERS = 4
LEAST_ACKNOWLEDGED = 3
"""By each producer, before the killing."""

APPEND = """
import sys, anyio
from tests.made_events import make_events
from dataclasses import replace
from iterm_mcp.clock import SystemClock
from iterm_mcp.store.events import EventSettings, open_event_store

folder, start = sys.argv[1], int(sys.argv[2])
some = make_events(200)

async def produce(events, who):
    number = start
    while True:
        batch = [replace(some[(number + i) % 200], key=f"{who}-{number + i}") for i in range(20)]
        await events.append(batch)
        number += 20
        print(who, number, flush=True)

async def main():
    settings = EventSettings(partition_bytes=1_000_000)
    async with open_event_store(folder, SystemClock(), settings) as events:
        async with anyio.create_task_group() as group:
            for who in range(4):
                group.start_soon(produce, events, who)

anyio.run(main)
"""

FILL = """
import resource, sys, anyio
from tests.made_events import make_events
from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import StoreError
from iterm_mcp.store.events import open_event_store

async def main():
    made, kept = make_events(6000), 0
    async with open_event_store(sys.argv[1], SystemClock()) as events:
        await events.append(made[:100])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
        kept = 100
        try:
            while kept < 6000:
                await events.append(made[kept:kept + 100])
                kept += 100
        except StoreError as error:
            print("refused", kept, error.code, bool(error.hint), flush=True)
        again = 0
        try:
            await events.append(made[kept:kept + 100])
        except StoreError as error:
            again = 1
        print("again", again, bool(events.stats().problem), flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        result = await events.append(made)
        print("room", result.new, result.repeated, events.stats().problem == "", flush=True)

anyio.run(main)
"""


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as home:
        yield str(Path(home) / "events")


def append_and_kill(folder: str, start: int, dice: random.Random) -> dict[str, int]:
    """Append until a random moment, kill -9, and return up to where each producer was told."""
    told = {str(who): 0 for who in range(PRODUCERS)}
    count = 0
    least = PRODUCERS * LEAST_ACKNOWLEDGED
    moment = dice.randrange(least, least * 8)
    with subprocess.Popen(
        [sys.executable, "-c", APPEND, folder, str(start)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            who, _, number = line.rstrip("\n").partition(" ")
            if who not in told or not number.isdigit():  # the log speaks here too
                continue
            if not line.endswith("\n"):  # cut off by the kill: nobody was told of it
                continue
            told[who] = int(number)
            count += 1
            if count == moment:
                process.kill()
    assert count >= moment, "it ended by itself"
    return told


async def keys_of(folder: str) -> list[str]:
    async with open_event_store(folder, SystemClock()) as events:
        keys: list[str] = []
        query = EventQuery(newest_first=False, limit=1000)
        while True:
            page = await events.query(query)
            assert page.damaged == ()
            keys += [one.event.key for one in page.events]
            if not page.cursor:
                return keys
            query = EventQuery(newest_first=False, limit=1000, cursor=page.cursor)


async def kill_many_times(folder: str, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    told = {str(who): 0 for who in range(PRODUCERS)}
    for number in range(kills):
        # Whoever starts again tells the last ones again, as a source would.
        start = max(0, min(told.values()) - 40)
        now = await anyio.to_thread.run_sync(append_and_kill, folder, start, dice)
        told = {who: max(before, now.get(who, 0)) for who, before in told.items()}
        if number % 20 == 19 or number == kills - 1:
            keys = await keys_of(folder)
            assert len(keys) == len(set(keys)), f"kept twice after {number + 1} kills"
            expected = {f"{who}-{one}" for who, upto in told.items() for one in range(upto)}
            assert expected <= set(keys), f"lost after {number + 1} kills"
    report = await anyio.to_thread.run_sync(verify_events, Path(folder))
    assert report.problems == ()


async def test_kill_9_loses_nothing_that_was_acknowledged_and_keeps_nothing_twice(
    folder: str,
) -> None:
    await kill_many_times(folder, 4, 1)


@pytest.mark.long
@pytest.mark.timeout(3000)
async def test_kill_9_two_hundred_times(folder: str) -> None:
    await kill_many_times(folder, 200, 2)


async def test_a_full_disk_refuses_and_recovers(folder: str) -> None:
    """The disk is full by a limit on the size of files, which the process itself lifts again."""
    result = await anyio.run_process(
        [sys.executable, "-c", FILL, folder], cwd=Path(__file__).parents[2], stderr=None
    )
    lines = [line.split() for line in result.stdout.decode().splitlines()]
    refused, again, room = (one for one in lines if one[0] in {"refused", "again", "room"})
    kept = int(refused[1])
    assert (refused[2:], again) == (["events_unavailable", "True"], ["again", "1", "True"])
    assert room == ["room", str(6000 - kept), str(kept), "True"]
    assert len(await keys_of(folder)) == 6000
