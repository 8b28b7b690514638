from __future__ import annotations

import csv
import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.events.story import story
from tests.unit.services.events.told import answer, at, prompt, told

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.event_queries import EventPage, EventQuery
from iterm_mcp.models.events import EventKind, EventNumber, KeptEvent
from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.services.events.accounts import PROMPT_CHARACTERS
from iterm_mcp.services.events.conversations import PAGE_EVENTS as PAGE
from iterm_mcp.services.events.conversations import Conversations
from iterm_mcp.services.events.exporting import Exporter
from iterm_mcp.services.events.exporting.exporter import MOST_ON_PAGE
from iterm_mcp.services.events.exporting.markup import MOST_TEXT_CHARACTERS
from iterm_mcp.services.events.exporting.reading import PAGE_EVENTS
from iterm_mcp.services.events.exporting.sheets import write_row
from iterm_mcp.services.events.exporting.words import duration, money
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.event_queries import ChartQuery, ChartRow
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.exports import Export

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e</pre>]]>"
NOW = at(7200)
TEXTS = [ExportFormat.JSON, ExportFormat.JSONL, ExportFormat.CSV, ExportFormat.HTML]


class Pages:
    """Events in memory, by pages."""

    def __init__(self, events: Sequence[Event], damaged: tuple[str, ...] = ()) -> None:
        self._events = [
            KeptEvent(EventNumber(number), at(0), event) for number, event in enumerate(events, 1)
        ]
        self._damaged = damaged
        self.pages = self.largest = 0

    async def query(self, query: EventQuery) -> EventPage:
        self.pages += 1
        self.largest = max(self.largest, query.limit)
        if query.pattern == "(":
            raise InvalidRequestError("no pattern")
        conversation = query.links.conversation
        found = [
            one
            for one in self._events
            if (not conversation or one.event.links.conversation == conversation)
            and (not query.kinds or one.event.kind in query.kinds)
        ]
        if query.newest_first:
            found.reverse()
        start = int(query.cursor or 0)
        end = start + query.limit
        cursor = str(end) if end < len(found) else ""
        return EventPage(tuple(found[start:end]), cursor, damaged=self._damaged)

    async def chart(self, query: ChartQuery) -> tuple[ChartRow, ...]:
        raise NotImplementedError(query)


def many(count: int) -> list[Event]:
    return [prompt(one, f"do {one}") for one in range(count)]


def exporter(events: Sequence[Event], damaged: tuple[str, ...] = ()) -> Exporter:
    return Exporter(Pages(events, damaged), FakeClock(NOW))


def of(event: Event, conversation: str) -> Event:
    links = replace(event.links, conversation=conversation)
    return replace(event, key=f"{conversation}/{event.key}", links=links)


async def whole(export: Export) -> str:
    return b"".join([one async for one in export.chunks]).decode()


class Tags(HTMLParser):
    """What a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: dict[str, list[dict[str, str | None]]] = {}
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.setdefault(tag, []).append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def check_page(page: str) -> Tags:
    """Hold a page to what all promise: it runs nothing and loads nothing."""
    seen = Tags(page)
    assert not {"script", "img", "iframe", "link", "object", "form", "a", "base"} & {*seen.tags}
    for each in seen.tags.values():
        for attributes in each:
            assert not [one for one in attributes if one.startswith("on") or one == "style"]
            assert not {"src", "href", "action"} & {*attributes}
    (policy,) = [
        str(one["content"]) for one in seen.tags["meta"]
        if one.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    style = page.split("<style>", 1)[1].split("</style>", 1)[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "url(" not in style
    assert "@import" not in style
    return seen


async def test_json_lines_tell_each_event_and_then_that_these_were_all() -> None:
    export = await exporter(many(3)).events(EventQuery(), ExportFormat.JSONL)
    *events, last = [json.loads(one) for one in (await whole(export)).splitlines()]
    assert [one["text"] for one in events] == ["do 0", "do 1", "do 2"]
    assert last == {"export": {"events": 3, "complete": True}}
    assert export.name == "iterm-mcp-events-20261101-110000.jsonl"
    assert export.media_type == "application/x-ndjson"


@pytest.mark.parametrize("count", [0, 1, PAGE_EVENTS, PAGE_EVENTS * 2 + 1])
async def test_json_is_one_object_however_many_pages_there_are(count: int) -> None:
    export = await exporter(many(count)).events(EventQuery(), ExportFormat.JSON)
    found = json.loads(await whole(export))
    assert [one["number"] for one in found["events"]] == list(range(1, count + 1))
    assert found["export"] == {"events": count, "complete": True}


async def test_only_one_page_is_read_ahead() -> None:
    pages = Pages([replace(one, text="x" * 5000) for one in many(PAGE_EVENTS * 5)])
    export = await Exporter(pages, FakeClock(NOW)).events(EventQuery(), ExportFormat.JSONL)
    await anext(export.chunks)
    assert pages.pages == 1


@pytest.mark.parametrize("kind", TEXTS)
async def test_what_is_left_out_is_told(kind: ExportFormat) -> None:
    export = await exporter(many(300)).events(EventQuery(), kind, most=250)
    told_there = await whole(export)
    assert "do 249" in told_there
    assert "do 250" not in told_there
    assert re.search(r'"complete":false|and not all: there are more', told_there)


@pytest.mark.parametrize("kind", TEXTS)
async def test_damaged_files_are_told(kind: ExportFormat) -> None:
    told_there = await whole(await exporter(many(2), ("a.db",)).events(EventQuery(), kind))
    assert re.search(r'"damaged":\["a.db"\]|and not all: files are damaged', told_there)


@pytest.mark.parametrize("kind", TEXTS)
async def test_just_as_many_as_may_be_are_all(kind: ExportFormat) -> None:
    told_there = await whole(await exporter(many(5)).events(EventQuery(), kind, most=5))
    assert "not all" not in told_there
    assert '"complete":false' not in told_there


async def test_what_means_nothing_is_refused_before_anything_is_written() -> None:
    with pytest.raises(InvalidRequestError):
        await exporter([]).events(EventQuery(pattern="("), ExportFormat.CSV)
    with pytest.raises(NotFoundError):
        await exporter([]).conversation("c9", ExportFormat.JSON)
    for count in (0, 21):
        with pytest.raises(InvalidRequestError):
            await exporter([]).comparison(["c1"] * count, ExportFormat.JSON)


def cells(line: bytes) -> list[str]:
    (found,) = csv.reader(StringIO(line.decode(), newline=""))
    return found


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0", "\uff1d1", "|x"]
)
def test_no_text_is_a_formula(text: str) -> None:
    (found,) = cells(write_row([text]))
    assert found == f"'{text}"


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4))
def test_cells_come_back_as_they_were_but_for_the_guard(texts: list[str]) -> None:
    found = cells(write_row(["first", *texts]))[1:]
    for one, text in zip(found, texts, strict=True):
        assert one.removeprefix("'") == text.replace("\0", "\ufffd").removeprefix("'")
        assert not one.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_numbers_stay_numbers_and_empty_cells_empty() -> None:
    assert cells(write_row([-1, -0.5, None, "x"])) == ["-1", "-0.5", "", "x"]


async def test_csv_has_what_an_event_has() -> None:
    events = [answer(1, nano=2_500_000, tokens=7), answer(2, nano=None), prompt(3, "=a\n,b")]
    export = await exporter(events).events(EventQuery(), ExportFormat.CSV)
    priced, unpriced, asked = csv.DictReader(StringIO(await whole(export), newline=""))
    assert (priced["dollars"], priced["cost_basis"], priced["input_tokens"]) == (
        "0.0025", "computed", "7",
    )  # fmt: skip
    assert (unpriced["dollars"], unpriced["cost_basis"]) == ("", "unpriced")
    assert (asked["text"], asked["agent"], asked["conversation"]) == ("'=a\n,b", "ada", "c1")


async def test_a_page_of_events_holds_whatever_they_say_as_text() -> None:
    events = [
        told(EventKind.TOOL_FAILED, 1, subject=HOSTILE, text=HOSTILE, took=3.5, more={HOSTILE: 1}),
        answer(2, nano=None),
        answer(3, nano=20_000_000_000),
    ]
    page = await whole(await exporter(events).events(EventQuery(), ExportFormat.HTML))
    seen = check_page(page)
    assert "<script>alert(1)</script><img" in seen.text
    assert "\u202e" not in page
    assert "3.5 s" in seen.text
    assert "cost unknown" in seen.text
    assert "$20.00" in seen.text
    assert "These are all 3 events." in seen.text


async def test_a_page_lists_so_many_events_and_so_much_of_each() -> None:
    events = [prompt(0, "y" * (MOST_TEXT_CHARACTERS + 7)), *many(MOST_ON_PAGE)]
    export = await exporter(events).events(EventQuery(), ExportFormat.HTML)
    page = await whole(export)
    assert "[7 characters more]" in page
    assert page.count("<details>") == MOST_ON_PAGE
    assert "not all: there are more" in page


def hostile_story() -> list[Event]:
    changes: dict[str, Any] = {"subject": HOSTILE, "text": HOSTILE}
    return [
        replace(one, **changes, payload={**one.payload, "title": HOSTILE, "error": HOSTILE})
        for one in story()
    ]


async def test_a_conversation_as_a_page() -> None:
    page = await whole(await exporter(story()).conversation("c1", ExportFormat.HTML))
    seen = check_page(page)
    assert len(seen.tags["rect"]) >= 6
    assert {"turn", "call", "failed", "wait", "subagent"} <= {
        str(one["class"]) for one in seen.tags["rect"]
    }
    for word in ("Timeline", "Turns", "build it", "/w/new.py", "reviewer", "exit code 1"):
        assert word in seen.text


async def test_a_conversation_of_hostile_texts_as_a_page() -> None:
    page = await whole(await exporter(hostile_story()).conversation("c1", ExportFormat.HTML))
    check_page(page)
    hostile = [replace(one, links=replace(one.links, conversation=HOSTILE)) for one in story()]
    export = await exporter(hostile).conversation(HOSTILE, ExportFormat.HTML)
    check_page(await whole(export))
    assert re.fullmatch(r"[A-Za-z0-9.-]+", export.name)


async def test_a_conversation_as_json_tells_what_it_came_to_and_its_events() -> None:
    found = json.loads(await whole(await exporter(story()).conversation("c1", ExportFormat.JSON)))
    assert found["conversation"]["title"] == "first"
    assert found["timeline"]["bars"]
    assert (found["counted_all"], len(found["events"])) == (True, len(story()))
    lines = await whole(await exporter(story()).conversation("c1", ExportFormat.JSONL))
    assert len(lines.splitlines()) == len(story()) + 1


async def test_a_conversation_in_which_nothing_took_time_is_drawn() -> None:
    starts = told(EventKind.CONVERSATION_STARTED, 0)
    check_page(await whole(await exporter([starts]).conversation("c1", ExportFormat.HTML)))
    check_page(await whole(await exporter([prompt(0)]).conversation("c1", ExportFormat.HTML)))


@pytest.mark.parametrize("kind", TEXTS)
async def test_conversations_side_by_side(kind: ExportFormat) -> None:
    other = [of(one, "c2") for one in hostile_story()]
    export = await exporter([*story(), *other]).comparison(["c1", "c2"], kind)
    found = await whole(export)
    match kind:
        case ExportFormat.HTML:
            check_page(found)
        case ExportFormat.JSON:
            assert len(json.loads(found)["comparison"]["accounts"]) == 2
        case ExportFormat.JSONL:
            *steps, last = [json.loads(one) for one in found.splitlines()]
            assert last == {"export": {"steps": len(steps), "complete": True}}
        case ExportFormat.CSV:
            head, *rows = csv.reader(StringIO(found, newline=""))
            assert head[1] == "c1 what"
            assert {len(one) for one in rows} == {9}
            assert rows[0][0] in {"yes", "no"}


@pytest.mark.parametrize("kind", TEXTS)
async def test_what_is_to_be_hidden_is_nowhere(kind: ExportFormat) -> None:
    def hide(event: Event) -> Event:
        return replace(event, text="", subject="", payload={})

    export = exporter(hostile_story())
    for made in (
        await export.events(EventQuery(), kind, hide=hide),
        await export.conversation("c1", kind, hide=hide),
        await export.comparison(["c1"], kind, hide=hide),
    ):
        assert "alert(1)" not in await whole(made)


async def test_a_session_is_told_by_its_events() -> None:
    export = await exporter(many(2)).session("s 1", ExportFormat.JSON)
    found = json.loads(await whole(export))
    assert (found["session"], len(found["events"])) == ("s 1", 2)
    assert export.name.startswith("iterm-mcp-session-s-1-")
    page = await whole(await exporter(many(2)).session("s1", ExportFormat.HTML))
    assert "Session s1" in check_page(page).text


async def test_what_no_terminal_showed_is_no_asciicast() -> None:
    for asked in (
        exporter(many(1)).events(EventQuery(), ExportFormat.ASCIICAST),
        exporter(many(1)).comparison(["c1"], ExportFormat.ASCIICAST),
        exporter(many(1)).conversation("c1", ExportFormat.HTML, turn=1),
    ):
        with pytest.raises(InvalidRequestError):
            await asked


async def test_of_a_long_conversation_one_page_is_held_at_a_time() -> None:
    large = [replace(one, text="x" * 50_000) for one in many(1200)]
    pages = Pages(large)
    counted = await Conversations(pages, FakeClock(NOW)).counted("c1")
    assert pages.largest == PAGE
    assert len(counted.account.turns) == 1200
    assert {len(one.prompt) for one in counted.account.turns} == {PROMPT_CHARACTERS}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "?"), (0.25, "0.2 s"), (61, "1 min 01 s"), (3725, "1 h 02 min")],
)
def test_durations_for_people(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_money_for_people() -> None:
    assert (money(0.01234), money(1234.5)) == ("$0.0123", "$1,234.50")
