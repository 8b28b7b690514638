"""Answers that are kept are those that would be found: whatever happens makes them be made anew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from anyio import to_thread
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.events import told

from iterm_mcp.models.event_queries import ChartBy, ChartQuery, ChartStep, EventQuery
from iterm_mcp.models.events import EventKind
from iterm_mcp.store.events import open_event_store
from iterm_mcp.store.known_answers import KnownAnswers

if TYPE_CHECKING:
    import pytest

    from iterm_mcp.store.events import EventStore
    from iterm_mcp.testing import FakeClock

ALL = EventQuery()
PROMPTS = EventQuery(kinds=frozenset({EventKind.PROMPT_SUBMITTED}))
FAILURES = EventQuery(kinds=frozenset({EventKind.TOOL_FAILED, EventKind.TURN_FAILED}))


async def test_an_event_makes_another_answer_of_what_may_find_it(events: EventStore) -> None:
    await events.append([told.prompt(1, "one")])
    before = [events.version(one) for one in (ALL, PROMPTS, FAILURES)]
    await events.append([told.prompt(2, "two")])
    after = [events.version(one) for one in (ALL, PROMPTS, FAILURES)]

    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    assert [events.version(one) for one in (ALL, PROMPTS, FAILURES)] == after


async def test_a_purge_makes_another_answer_of_everything(events: EventStore) -> None:
    await events.append([told.prompt(1, "one")])
    before = [events.version(one) for one in (ALL, FAILURES)]
    await events.purge(PROMPTS)

    assert events.version(ALL) != before[0]
    assert events.version(FAILURES) != before[1]


async def test_a_file_that_is_forgotten_makes_another_answer(events: EventStore) -> None:
    await events.append([told.prompt(1, "one")])
    await events.purge(FAILURES)  # ends the file
    await events.append([told.prompt(2, "two")])
    before = events.version(FAILURES)
    await to_thread.run_sync(events._catalogue.drop, events._catalogue.partitions[0])

    assert events.version(FAILURES) != before


async def test_a_file_that_is_set_aside_makes_another_answer(events: EventStore) -> None:
    await events.append([told.prompt(1, "one")])
    before = events.version(FAILURES)
    events._catalogue.partitions[0].suspect = True
    await events.append([told.prompt(2, "two")])

    assert events.version(FAILURES) != before


async def test_a_chart_is_read_again_only_when_something_has_happened(
    events: EventStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = told.START + timedelta(days=1, minutes=30)
    query = ChartQuery(clock.now(), until, ChartStep.HOUR, (ChartBy.AGENT,))
    read = events._searching.read
    reads: list[object] = []

    def counted(partition: object, *more: object) -> object:
        reads.append(partition)
        return read(partition, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(events._searching, "read", counted)
    await events.append([told.prompt(1, "one")])
    (first,) = await events.chart(query)
    later = ChartQuery(query.since, query.until + timedelta(seconds=1), query.step, query.by)
    assert await events.chart(later) == (first,)
    assert (first.sums.count, len(reads)) == (1, 1)

    await events.append([told.prompt(2, "two")])
    assert sum(row.sums.count for row in await events.chart(query)) == 2
    await events.purge(PROMPTS)
    assert await events.chart(query) == ()


async def test_a_store_that_is_opened_again_knows_nothing(folder: str, clock: FakeClock) -> None:
    async with open_event_store(folder, clock) as events:
        await events.append([told.prompt(1, "one")])
    async with open_event_store(folder, clock) as events:
        assert events.version(PROMPTS)[-1] == 0
        before = events.version(PROMPTS)
        await events.append([told.prompt(2, "two")])
        assert events.version(PROMPTS) != before


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), max_size=60))
def test_what_is_found_is_what_was_kept_last_of_that_version(
    steps: list[tuple[int, int, bool]],
) -> None:
    """And no more answers are kept than there may be."""
    known: KnownAnswers[str] = KnownAnswers(3)
    kept: dict[int, tuple[int, str]] = {}
    for place, (question, version, keeps) in enumerate(steps):
        if keeps:
            known.keep(question, version, str(place))
            kept[question] = version, str(place)
            continue
        found = known.find(question, version)
        assert found is None or (version, found) == kept[question]
    assert sum(known.find(one, version) is not None for one, (version, _) in kept.items()) <= 3
    if steps and steps[-1][2]:
        question = steps[-1][0]
        assert known.find(question, kept[question][0]) == kept[question][1]
