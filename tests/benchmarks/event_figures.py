"""The store of events: how fast it keeps them, and how fast it answers while it has many."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.plain_events import keep_one_by_one
from tests.made_events import START, stream_events

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.event_queries import ChartBy, ChartQuery, ChartStep, EventQuery
from iterm_mcp.models.events import Event, EventKind, Links
from iterm_mcp.store.events import EventSettings, open_event_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from iterm_mcp.store.events import EventStore

PRODUCERS = 8
PIECE = 500
"""Events of one call."""
HELD = 20_000
"""Events that are made before the clock runs; making them is no part of the figure. More are the
same again, of other days and conversations."""
QUARTERS = 4
ROUNDS = 40
PLAIN_EVENTS = 2000

KEEPING = "an event kept, full text on"
PLAIN = "plain: one INSERT and commit an event"


def measure(events: int, files: int) -> Iterator[Figure]:
    """Yield all figures.

    Args:
        events: How many the store has when it is asked.
        files: About how many files they stand in.
    """
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as folder:
        size = max(2_000_000, events * 1300 // files)
        yield from anyio.run(_measure, f"{folder}/events", events, size)
        yield from _plain(Path(folder) / "plain.db")


async def _measure(folder: str, count: int, partition_bytes: int) -> list[Figure]:
    settings = EventSettings(partition_bytes=partition_bytes)
    figures: list[Figure] = []
    async with open_event_store(folder, SystemClock(), settings) as store:
        figures += await _keep(store, count)
        figures += await _ask(store)
        figures += await _alone(store)
    return figures


async def _keep(store: EventStore, count: int) -> list[Figure]:
    """Keep all of them by several callers at once, as fast as they are taken."""
    made = list(islice(stream_events(), HELD))
    seconds = cpu = 0.0
    memory = [_memory()]
    held: list[Event] = []
    kept = 0
    commits: list[float] = []
    while kept < count:
        held = [_again(one, kept // HELD) for one in made[: count - kept]]
        began, began_cpu = time.perf_counter(), time.process_time()
        pieces = iter([held[start : start + PIECE] for start in range(0, len(held), PIECE)])

        async def produce(pieces: Iterator[list[Event]] = pieces) -> None:
            for piece in pieces:
                at = time.perf_counter()
                await store.append(piece)
                commits.append((time.perf_counter() - at) * 1e3)

        async with anyio.create_task_group() as group:
            for _ in range(PRODUCERS):
                group.start_soon(produce)
        seconds += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
        kept += len(held)
        if kept * QUARTERS >= count * len(memory):
            memory.append(_memory())
        sys.stderr.write(f"\r{kept:,} events, {kept / seconds:,.0f}/s ")
    sys.stderr.write("\n")
    last = held[-1000:]
    began = time.perf_counter()
    repeated = await store.append(last)
    again = (time.perf_counter() - began) / len(last) * 1e6
    assert repeated.repeated == len(last)
    stats = store.stats()
    note = f" ({count:,} events, {len(stats.partitions)} files)"
    return [
        Figure(KEEPING, seconds / count * 1e6, "us", PLAIN, 100, note),
        Figure("an event kept, of the processors", cpu / count * 1e6, "us"),
        Figure("500 events kept, p95 of 8 callers", percentile(commits, 0.95), "ms"),
        Figure("an event told again", again, "us", KEEPING),
        Figure("an event on the disk", stats.size_bytes / count, "bytes"),
        Figure(
            "more memory after all events than after a quarter", memory[-1] - memory[1], "MiB", "",
            100, f" (before, and after each quarter: {', '.join(f'{one:.0f}' for one in memory)})",
        ),
    ]  # fmt: skip


def _again(event: Event, day: int) -> Event:
    """Return an event of a later day: making all texts anew takes longer than keeping them."""
    links = replace(event.links, conversation=f"{event.links.conversation}-{day}")
    at = event.at + timedelta(days=day)
    return replace(event, key=f"{event.key}-{day}", at=at, links=links)


async def _ask(store: EventStore) -> list[Figure]:
    (newest,) = (await store.query(EventQuery(limit=1))).events
    conversation = newest.event.links.conversation
    half = START + (newest.event.at - START) / 2
    failed = frozenset({EventKind.TOOL_FAILED})
    words = "timeout"
    rounds: list[tuple[str, float, EventQuery]] = [
        ("the latest 100", 50, EventQuery()),
        ("of a conversation", 50, EventQuery(links=Links(conversation=conversation))),
        ("of a kind and a time", 50, EventQuery(kinds=failed, until=half)),
        ("with a common word", 50, EventQuery(words=words)),
        ("with a rare word", 50, EventQuery(words="w31337")),
        ("with two words", 50, EventQuery(words="timeout w123")),
        ("with a phrase", 50, EventQuery(words='"timeout retry"')),
        ("with a word that begins so", 50, EventQuery(words="w4999*")),
        ("with a word, of a session", 50, EventQuery(words=words, links=Links(session="s-3"))),
        ("with a word, of a conversation", 50,
         EventQuery(words=words, links=Links(conversation=conversation))),
        ("by a pattern with a word", 300, EventQuery(pattern=r"the timeout \w+ w\d+")),
        ("by a pattern alone, one page", 300, EventQuery(pattern=r"w77\d w5\d\d")),
        ("by a cost", 300, EventQuery(least_dollars=0.0999)),
    ]  # fmt: skip
    figures = []
    for name, aim, query in rounds:
        took, note = await _times(store, query)
        name95 = f"100 events {name}, p95"
        figures.append(Figure(name95, percentile(took, 0.95), "ms", "", aim, note))
    chart = ChartQuery(half - timedelta(hours=6), half, ChartStep.MINUTE, (ChartBy.KIND,))
    took = await _timed(lambda: store.chart(chart))
    figures.append(Figure("a chart of six hours by the minute, p95", percentile(took, 0.95), "ms"))
    return figures


async def _times(store: EventStore, query: EventQuery) -> tuple[list[float], str]:
    page = await store.query(query)
    began = time.process_time()
    took = await _timed(lambda: store.query(query))
    cpu = (time.process_time() - began) / ROUNDS * 1e3
    more = "" if page.complete else ", more to look at"
    half = percentile(took, 0.5)
    return took, f" ({len(page.events)} found{more}; p50 {half:.1f}, processors {cpu:.1f})"


async def _timed(ask: Callable[[], Awaitable[object]]) -> list[float]:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1e3)
    return took


async def _alone(store: EventStore) -> list[Figure]:
    """Keep single events, each waited for; a follower hears of each."""
    made = [replace(one, key=f"alone-{one.key}") for one in islice(stream_events(7), ROUNDS)]
    took, heard = [], []
    async with aclosing(store.after(store.newest)) as stream:
        for one in made:
            began = time.perf_counter()
            await store.append([one])
            took.append((time.perf_counter() - began) * 1e3)
            await anext(stream)
            heard.append((time.perf_counter() - began) * 1e3)
    return [
        Figure("one event kept alone, p50", percentile(took, 0.5), "ms"),
        Figure("one event kept and heard by a follower, p50", percentile(heard, 0.5), "ms"),
    ]


def _plain(path: Path) -> Iterator[Figure]:
    events = list(islice(stream_events(), PLAIN_EVENTS))
    seconds = keep_one_by_one(path, events)
    yield Figure(PLAIN, seconds / len(events) * 1e6, "us", "", None, " (same schema, no server)")


def _memory() -> float:
    """Return the memory that is this process's own now, in MiB: files that are mapped are not."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) / (1 << 10)
