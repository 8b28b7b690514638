"""What may be asked, and what is answered to what may not."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st
from tests.made_events import START, make_events

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.event_queries import ChartBy, ChartQuery, ChartStep, EventQuery
from iterm_mcp.models.events import Event, EventKind, Links
from iterm_mcp.store.events import charts, readers, searching
from iterm_mcp.store.events.literals import required_words
from iterm_mcp.store.events.words import full_text_query

if TYPE_CHECKING:
    from iterm_mcp.store.events import EventStore


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ("one two", '"one" AND "two"'),
        ('"one two" three', '"one two" AND "three"'),
        ("begin*", '"begin"*'),
        ('"one beg"*', '"one beg"*'),
        ('say "unended phrase', '"say" AND "unended phrase"'),
        ('a"b', '"a""b"'),
        ("NOT one -- AND ( * )", '"NOT" AND "one" AND "AND"'),
        ("nul\0l", '"nul l"'),
    ],
)
def test_nothing_that_is_typed_is_an_operator(words: str, query: str) -> None:
    assert full_text_query(words) == query


@pytest.mark.parametrize("words", ["-- ***", "x" * 1001, "a " * 33])
def test_words_that_are_none_or_too_many_are_refused(words: str) -> None:
    with pytest.raises(InvalidRequestError):
        full_text_query(words)


@given(st.text(max_size=40))
async def test_whatever_is_typed_is_no_error_of_the_index(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE search USING fts5(text)")
    try:
        query = full_text_query(text)
    except InvalidRequestError:
        return
    connection.execute("SELECT * FROM search WHERE search MATCH ?", (query,)).fetchall()


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"error: timeout \d+", ["timeout"]),
        (r"^hello wor", ["hello", "wor*"]),
        (r"foo barx* baz", ["bar*", "baz*"]),
        (r"say (hello) world again", ["world", "again*"]),
        (r"a\.needle\.b", ["needle"]),
        (r" ab{3} cde f", ["cde"]),
        (r"x [abc] needle y", ["needle"]),
        (r"a [^]]z] needle y", ["needle"]),
        (r"a [\]] needle y", ["needle"]),
        (r"a {needle", []),
        (r"\btimeout\b", []),
        (r"timeout", []),
        (r"a needle (b|c)", []),
        (r"(?i) needle ", []),
        (r"\Q needle \E", []),
        (r"[[:alpha:]] needle ", []),
    ],
)
def test_only_words_that_are_certain_narrow_a_pattern(pattern: str, words: list[str]) -> None:
    assert required_words(pattern) == words


PARTS = st.sampled_from(
    ["a", "abc", "abcd", " ", ".", "-", "é", r"\w", r"\.", r"\b", "^", "$", "[a-c]", "(abc)?",
     "(?:abc )", "x*", "b+", "{2}", "?", "(a", ")", "|", r"\d"]
)  # fmt: skip


@given(
    st.lists(PARTS, max_size=8).map("".join),
    st.text(alphabet="abcdx .-é1_", max_size=30),
)
def test_a_word_that_a_pattern_requires_stands_in_all_that_it_finds(
    pattern: str, text: str
) -> None:
    options = re2.Options()
    options.log_errors = False
    options.one_line = False
    try:
        found = re2.compile(f"(?m){pattern}", options).search(text)
    except re2.error:
        return
    required = required_words(pattern)
    if found is None or not required:
        return
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE search USING fts5(text)")
    connection.execute("INSERT INTO search VALUES (?)", (text,))
    query = full_text_query(" ".join(required))
    assert connection.execute("SELECT 1 FROM search WHERE search MATCH ?", (query,)).fetchone(), (
        required,
        text,
    )


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(limit=0),
        EventQuery(limit=1001),
        EventQuery(since=START.replace(tzinfo=None)),
        EventQuery(words="--"),
        EventQuery(sources=frozenset(map(str, range(101)))),
        EventQuery(pattern="("),
        EventQuery(cursor="nonsense"),
        EventQuery(cursor="é"),
    ],
)
async def test_a_question_that_cannot_be_is_refused(events: EventStore, query: EventQuery) -> None:
    with pytest.raises(InvalidRequestError):
        await events.query(query)


async def test_a_cursor_is_of_its_question_alone(events: EventStore) -> None:
    await events.append(make_events(20))
    page = await events.query(EventQuery(limit=5))
    more = EventQuery(limit=7, cursor=page.cursor)
    assert [one.number for one in (await events.query(more)).events] == list(range(15, 8, -1))
    for other in (replace(more, words="a"), replace(more, newest_first=False)):
        with pytest.raises(InvalidRequestError, match="no cursor of this query"):
            await events.query(other)


async def test_every_link_is_asked_for(events: EventStore) -> None:
    names = list(Links.__slots__)
    made = [
        Event(name, START, EventKind.HOOK_FIRED, "s", links=Links(**{name: "this"}))
        for name in names
    ]
    await events.append(made)
    for name in names:
        page = await events.query(EventQuery(links=Links(**{name: "this"})))
        assert [one.event.key for one in page.events] == [name]


async def test_a_pattern_stops_in_time_and_goes_on_with_the_cursor(
    events: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_SCANNED", 256)
    made = make_events(1000)
    await events.append(made)
    query = EventQuery(pattern=r"w\d\d\d\d w\d\d\d\d w\d\d\d w", limit=1000)
    found, pages, cursor = [], 0, ""
    while True:
        page = await events.query(replace(query, cursor=cursor))
        assert page.scanned <= 256
        assert page.complete is not bool(page.cursor)
        found += [one.event.text for one in page.events]
        pages, cursor = pages + 1, page.cursor
        if not cursor:
            break
    expected = [one.text for one in reversed(made) if re2.search(query.pattern, one.text)]
    assert found == expected
    assert pages >= 4
    assert expected


async def test_a_page_ends_when_its_texts_are_too_much(
    events: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PAGE_BYTES", 5000)
    await events.append(make_events(50))
    page = await events.query(EventQuery())
    assert 5 < len(page.events) < 20
    rest = await events.query(EventQuery(cursor=page.cursor, pattern=""))
    assert rest.events[0].number == page.events[-1].number - 1
    assert 0 < len(await events.read_after(0)) <= 50


async def test_a_search_without_an_end_is_ended(
    events: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "STATEMENT_SECONDS", -1.0)
    monkeypatch.setattr(readers, "_STEPS", 1)
    await events.append(make_events(200))
    with pytest.raises(StoreError, match="searched for more than") as caught:
        await events.query(EventQuery(subject="nothing"))
    assert caught.value.code == "events_query_too_long"


async def test_counting_ends_at_a_number(events: EventStore) -> None:
    await events.append(make_events(100))
    query = EventQuery(pattern=r"w40\d ")
    assert (await events.count(EventQuery(), 60)).number == 60
    assert not (await events.count(EventQuery(), 60)).exact
    every = await events.count(query)
    assert every.exact
    assert 3 < every.number < 60
    assert (await events.count(EventQuery(), 100)).exact


async def test_a_chart_adds_up_and_leaves_out_what_is_not_asked_for(events: EventStore) -> None:
    made = make_events(400)
    await events.append(made)
    until = START + timedelta(hours=1)
    (one,) = await events.chart(ChartQuery(START, until, None))
    assert (one.at, one.values, one.sums.count) == (START, (), 400)
    assert one.sums.failures == sum(each.kind is EventKind.TOOL_FAILED for each in made)
    by = await events.chart(ChartQuery(START, until, ChartStep.HOUR, (ChartBy.CONVERSATION,)))
    assert sum(row.sums.count for row in by) == 400
    only = ((ChartBy.AGENT, "ada"), (ChartBy.KIND, "ModelAnswered"))
    (ada,) = await events.chart(ChartQuery(START, until, None, (ChartBy.AGENT,), only))
    answers = [
        each for each in made
        if each.links.agent == "ada" and each.kind is EventKind.MODEL_ANSWERED
    ]  # fmt: skip
    assert ada.values == ("ada",)
    assert ada.sums.usage.total == sum(each.usage.total for each in answers if each.usage)
    later = START + timedelta(days=1)
    assert await events.chart(ChartQuery(later, later, None)) == ()


@pytest.mark.parametrize(
    "query",
    [
        ChartQuery(START, START, ChartStep.MINUTE, (ChartBy.CONVERSATION,)),
        ChartQuery(START.replace(tzinfo=None), START),
    ],
)
async def test_a_chart_that_cannot_be_is_refused(events: EventStore, query: ChartQuery) -> None:
    with pytest.raises(InvalidRequestError):
        await events.chart(query)


async def test_a_chart_that_is_too_large_is_refused(
    events: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "MAX_ROWS", 3)
    await events.append(make_events(100))
    query = ChartQuery(START, START + timedelta(hours=1), by=(ChartBy.AGENT,))
    with pytest.raises(InvalidRequestError, match="more than 3 values"):
        await events.chart(query)
