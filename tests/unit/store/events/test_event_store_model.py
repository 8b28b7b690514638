"""Whatever is done to the store, it answers as a list in memory would."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.made_events import START

from iterm_mcp.models.event_queries import ChartBy, ChartQuery, ChartStep, EventQuery
from iterm_mcp.models.events import Cost, CostBasis, Event, EventKind, Links, TokenUsage
from iterm_mcp.store.events import EventSettings, open_event_store
from iterm_mcp.store.events.verifying import verify_events
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.store.events import EventStore

WORDS = ("alpha", "beta", "gamma", "delta", "alphabet")
texts = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
made = st.builds(
    Event,
    key=st.integers(0, 60).map(str),
    at=st.integers(0, 7200).map(lambda seconds: START + timedelta(seconds=seconds)),
    kind=st.sampled_from([EventKind.TOOL_ENDED, EventKind.TOOL_FAILED, EventKind.MODEL_ANSWERED]),
    source=st.sampled_from(["hook", "transcript"]),
    subject=st.sampled_from(["", "a.py", "b.py", "gamma.py"]),
    text=texts,
    links=st.builds(
        Links,
        agent=st.sampled_from(["", "ada", "grace"]),
        conversation=st.sampled_from(["", "c1", "c2"]),
        model=st.sampled_from(["", "opus"]),
    ),
    payload=st.sampled_from([{}, {"tool": "Bash"}]),
    duration_seconds=st.sampled_from([None, 0.5, 2.0]),
    usage=st.sampled_from([None, TokenUsage(1, 2, 3, 4, 5, 6)]),
    cost=st.sampled_from([
        None, Cost(5_000_000, CostBasis.REPORTED), Cost(7, CostBasis.COMPUTED),
        Cost(0, CostBasis.UNPRICED),
    ]),
)  # fmt: skip
queries = st.builds(
    EventQuery,
    since=st.sampled_from([None, START + timedelta(seconds=2000)]),
    until=st.sampled_from([None, START + timedelta(seconds=5000)]),
    kinds=st.frozensets(st.sampled_from([EventKind.TOOL_ENDED, EventKind.TOOL_FAILED])),
    sources=st.frozensets(st.just("hook")),
    subject=st.sampled_from(["", "a", "gamma"]),
    links=st.builds(
        Links, agent=st.sampled_from(["", "ada"]), conversation=st.sampled_from(["", "c1"])
    ),
    least_dollars=st.sampled_from([None, 0.001]),
    most_dollars=st.sampled_from([None, 1.0]),
    least_seconds=st.sampled_from([None, 1.0]),
    most_seconds=st.sampled_from([None, 1.0]),
    failed=st.sampled_from([None, True, False]),
    words=st.sampled_from(["", "alpha", "alpha beta", '"beta gamma"', "alph*", "GAMMA"]),
    pattern=st.sampled_from(["", "alpha beta", "^beta .*delta", r"\balpha\b", "mm[a-c]", "a|b"]),
    newest_first=st.booleans(),
    limit=st.integers(1, 7),
)
steps = st.lists(
    st.one_of(
        st.lists(made, max_size=25),
        queries.filter(lambda one: one.words or one.links.agent or one.subject),
        st.sampled_from(["rotate", "tend", "reopen"]),
    ),
    min_size=1,
    max_size=8,
)


@dataclass
class Model:
    """What should be in the store, and what was purged from it."""

    kept: dict[int, Event] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    last: int = 0

    def append(self, events: list[Event]) -> int:
        new = 0
        for one in events:
            if one.key not in self.known:
                self.known.add(one.key)
                self.last += 1
                self.kept[self.last] = one
                new += 1
        return new

    def find(self, query: EventQuery) -> list[int]:
        found = [number for number, one in self.kept.items() if matches(query, one)]
        return sorted(found, reverse=query.newest_first)


def matches(query: EventQuery, one: Event) -> bool:
    return (
        (query.since is None or one.at >= query.since)
        and (query.until is None or one.at < query.until)
        and (not query.kinds or one.kind in query.kinds)
        and (not query.sources or one.source in query.sources)
        and one.subject.startswith(query.subject)
        and query.links.agent in {"", one.links.agent}
        and query.links.conversation in {"", one.links.conversation}
        and costs(query, one.cost)
        and within(query.least_seconds, query.most_seconds, one.duration_seconds)
        and query.failed in {None, one.kind is EventKind.TOOL_FAILED}
        and has_words(query.words, one)
        and any(re.search(query.pattern, text, re.MULTILINE) for text in (one.text, one.subject))
    )


def costs(query: EventQuery, cost: Cost | None) -> bool:
    if query.least_dollars is None and query.most_dollars is None:
        return True
    known = None if cost is None or cost.basis is CostBasis.UNPRICED else cost.dollars
    return within(query.least_dollars, query.most_dollars, known)


def within(least: float | None, most: float | None, value: float | None) -> bool:
    if least is None and most is None:
        return True
    return value is not None and (least or 0) <= value <= (1e9 if most is None else most)


def has_words(words: str, one: Event) -> bool:
    columns = [re.findall(r"\w+", text.replace("_", " ")) for text in (one.subject, one.text)]
    tokens = [token for column in columns for token in column]
    if words.startswith('"'):
        phrase = words.strip('"').split()
        return any(
            column[place : place + 2] == phrase
            for column in columns
            for place in range(len(column))
        )
    if words.endswith("*"):
        return any(token.startswith(words[:-1]) for token in tokens)
    return set(words.lower().split()) <= set(tokens)


def hourly(events: list[Event]) -> Counter[tuple[str, str, int]]:
    sums: Counter[tuple[str, str, int]] = Counter()
    for one in events:
        hour = one.at.replace(minute=0, second=0)
        key = (str(hour), one.links.agent)
        sums[*key, 0] += 1
        sums[*key, 1] += one.kind is EventKind.TOOL_FAILED
        sums[*key, 2] += round((one.duration_seconds or 0) * 1e6)
        sums[*key, 3] += one.usage.total if one.usage else 0
        sums[*key, 4] += one.cost.nanodollars if one.cost else 0
        sums[*key, 5] += one.cost is not None and one.cost.basis is CostBasis.UNPRICED
    return +sums


async def charted(events: EventStore, step: ChartStep) -> Counter[tuple[str, str, int]]:
    query = ChartQuery(START, START + timedelta(hours=3), step, (ChartBy.AGENT,))
    sums: Counter[tuple[str, str, int]] = Counter()
    for row in await events.chart(query):
        key = (str(row.at.replace(minute=0)), row.values[0])
        sums[*key, 0] += row.sums.count
        sums[*key, 1] += row.sums.failures
        sums[*key, 2] += round(row.sums.duration_seconds * 1e6)
        sums[*key, 3] += row.sums.usage.total
        sums[*key, 4] += row.sums.reported_nanodollars + row.sums.computed_nanodollars
        sums[*key, 5] += row.sums.unpriced
    return +sums


async def all_pages(events: EventStore, query: EventQuery) -> list[tuple[int, Event]]:
    found: list[tuple[int, Event]] = []
    while True:
        page = await events.query(query)
        found += [(one.number, one.event) for one in page.events]
        assert len(page.events) <= query.limit
        if not page.cursor:
            return found
        query = replace(query, cursor=page.cursor)


async def check(events: EventStore, model: Model, asked: list[EventQuery]) -> None:
    for query in asked:
        expected = model.find(query)
        assert await all_pages(events, query) == [(one, model.kept[one]) for one in expected]
        count = await events.count(query, 1000)
        assert (count.number, count.exact) == (len(expected), True)
    for step in ChartStep:
        assert await charted(events, step) == hourly(list(model.kept.values()))
    followed = [(one.number, one.event) for one in await events.read_after(0, 10_000)]
    assert followed == sorted(model.kept.items())


async def play(folder: str, steps: list[object], asked: list[EventQuery]) -> None:
    clock, model, left = FakeClock(), Model(), list(steps)
    chosen = EventSettings(partition_bytes=250_000, upkeep_seconds=3600)
    while left:
        async with open_event_store(folder, clock, chosen) as events:
            while left and (step := left.pop(0)) != "reopen":
                if isinstance(step, list):
                    kept = await events.append(step)
                    assert kept.new == model.append(step)
                elif isinstance(step, EventQuery):
                    purged = await events.purge(step)
                    gone = model.find(step)
                    assert purged.events == len(gone)
                    for number in gone:
                        del model.kept[number]
                elif step == "rotate":
                    clock.advance(86_400)
                elif step == "tend":
                    await events.tend()
                await check(events, model, asked)
    report = await anyio.to_thread.run_sync(verify_events, Path(folder))
    assert report.problems == ()
    assert report.events == len(model.kept)


def run(steps: list[object], asked: list[EventQuery]) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as folder:
        anyio.run(play, f"{folder}/events", steps, asked)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps, st.lists(queries, max_size=3))
def test_the_store_is_as_a_list(steps: list[object], asked: list[EventQuery]) -> None:
    run(steps, asked)


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps, st.lists(queries, max_size=4))
def test_the_store_is_as_a_list_at_length(steps: list[object], asked: list[EventQuery]) -> None:
    run(steps, asked)
