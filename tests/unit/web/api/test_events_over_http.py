"""Events over HTTP: in pages, under saved filters, as they come; conversations and costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.unit.services.events import told
from tests.unit.web.api.opened import TOKEN, error_of
from tests.unit.web.asgi import HOST

from iterm_mcp.models.event_queries import EventQuery

if TYPE_CHECKING:
    from starlette.types import Message
    from tests.unit.web.api.opened import Side

    from iterm_mcp.models.events import Event

STORY: tuple[Event, ...] = (
    told.prompt(0, "mend the build"),
    *told.call("c1", 1, 2),
    told.answer(3),
    told.turn_end(4),
)


async def kept(side: Side) -> None:
    side.clock.advance((told.START - side.clock.now()).total_seconds() + 3600)
    await side.events.append(STORY)


async def test_events_come_in_pages_that_go_on(side: Side) -> None:
    await kept(side)
    first = (await side.get("/v1/events?limit=2&order=oldest")).json()
    numbers = [one["number"] for one in first["events"]]
    rest = (await side.get(f"/v1/events?order=oldest&cursor={first['cursor']}")).json()
    numbers += [one["number"] for one in rest["events"]]
    assert numbers == sorted(numbers)
    assert len(numbers) == len(STORY)


async def test_filters_hold_together(side: Side) -> None:
    await kept(side)
    found = await side.get("/v1/events?kind=PromptSubmitted&kind=ToolStarted&words=build")
    assert [one["text"] for one in found.json()["events"]] == ["mend the build"]
    none = await side.get("/v1/events?kind=ToolStarted&words=build")
    assert none.json()["events"] == []
    pattern = await side.get("/v1/events?pattern=b.ild&ignore_case=true")
    assert len(pattern.json()["events"]) == 1


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "kind=Nothing", "since=0.5", "since=2026-01-01T00:00:00",
     "least_dollars=nan", "nope=1", "cursor=x", "pattern=(", "saved=missing",
     "least_seconds=-1", "failed=perhaps"],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused(still: Side, query: str) -> None:
    status, _ = error_of(await still.get(f"/v1/events?{query}"))
    assert status == (404 if "missing" in query else 400)


async def test_who_knows_an_answer_is_not_sent_it_again(side: Side) -> None:
    await kept(side)
    first = await side.get("/v1/events")
    known = ("if-none-match", first.headers["etag"])
    again = await side.get("/v1/events", known)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    await side.events.append([told.prompt(9, "more")])
    assert (await side.get("/v1/events", known)).status == 200


async def test_an_answer_is_that_of_the_moment_in_which_it_is_asked(side: Side) -> None:
    async def texts(query: str) -> list[str]:
        answer = await side.get(f"/v1/events?{query}")
        return [one["text"] for one in answer.json()["events"]]

    await kept(side)
    prompts, failures = "kind=PromptSubmitted&limit=2", "kind=TurnFailed"
    for _ in range(2):  # made, and known
        assert await texts(prompts) == ["mend the build"]
        assert await texts(failures) == []
    await side.events.append([told.prompt(9, "more")])
    assert await texts(prompts) == ["more", "mend the build"]
    await side.events.purge(EventQuery(words="more"))
    assert await texts(prompts) == ["mend the build"]
    long = f"{prompts}&subject=" + "x" * 512
    assert await texts(long) == []
    assert error_of(await side.get(f"/v1/events?{long}x")) == (400, "bad_arguments")


async def test_a_saved_filter_is_added_to(side: Side) -> None:
    await kept(side)
    saved = await side.ask("PUT", "/v1/filters/prompts", {"kind": ["PromptSubmitted"]})
    assert saved.status == 200, saved.body
    listed = (await side.get("/v1/filters")).json()["filters"]
    assert [(one["name"], one["query"]) for one in listed] == [
        ("prompts", {"kind": ["PromptSubmitted"]})
    ]
    found = (await side.get("/v1/events?saved=prompts")).json()["events"]
    assert {one["kind"] for one in found} == {"PromptSubmitted"}
    assert (await side.get("/v1/events?saved=prompts&words=nothing")).json()["events"] == []
    assert (await side.ask("DELETE", "/v1/filters/prompts")).status == 200
    assert error_of(await side.ask("DELETE", "/v1/filters/prompts")) == (404, "filter_not_found")


async def test_a_conversation_is_told_in_every_form(side: Side) -> None:
    await kept(side)
    conversation = STORY[0].links.conversation
    base = f"/v1/conversations/{conversation}"
    account = (await side.get(base)).json()
    assert account["conversation"] == conversation
    assert len(account["turns"]) == 1
    assert [one["tool"] for one in account["calls"]] == ["Bash"]
    assert (await side.get(f"{base}/timeline")).json()["bars"]
    cost = (await side.get(f"{base}/cost")).json()
    assert cost["basis"] in {"computed", "unpriced"}
    assert (cost["reported"], cost["difference_percent"]) == (None, None)
    assert (await side.get(f"{base}/graph?expanded=true")).json()["nodes"]
    compared = await side.get(
        f"/v1/compare?conversation={conversation}&conversation={conversation}"
    )
    assert compared.json()["similarity"] == [1.0, 1.0]
    listed = (await side.get("/v1/conversations?since=2020-01-01T00:00:00Z")).json()
    assert [one["conversation"] for one in listed["conversations"]] == [conversation]
    assert error_of(await side.get("/v1/conversations/none"))[0] == 404


async def test_costs_are_told_apart(side: Side) -> None:
    await kept(side)
    query = "since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z&by=day&by=model"
    report = (await side.get(f"/v1/costs?{query}")).json()
    assert report["by"] == ["day", "model"]
    assert report["total"]["count"] >= 1
    backwards = "since=2030-01-01T00:00:00Z&until=2020-01-01T00:00:00Z"
    assert error_of(await side.get(f"/v1/costs?{backwards}")) == (400, "invalid_request")


class Reader:
    """A client of the stream, which reads when it is told to."""

    def __init__(self, side: Side, path: str, *headers: tuple[str, str]) -> None:
        self._side = side
        self._path, _, self._query = path.partition("?")
        self._headers = [("host", HOST), ("authorization", f"Bearer {TOKEN}"), *headers]
        self._hung_up = anyio.Event()
        self._ready, self._parts = anyio.create_memory_object_stream[bytes](0)
        self.status = 0
        self.text = ""

    async def run(self) -> None:
        scope = {
            "type": "http", "method": "GET", "path": self._path, "root_path": "",
            "query_string": self._query.encode(), "scheme": "http", "http_version": "1.1",
            "headers": [(k.encode(), v.encode()) for k, v in self._headers],
            "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
        }  # fmt: skip
        with self._ready, self._parts:
            await self._side.app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            await self._ready.send(message.get("body", b""))

    async def read_until(self, what: str) -> str:
        """Read on until something was told; return all that was told."""
        with anyio.fail_after(20):
            while what not in self.text:
                self.text += (await self._parts.receive()).decode()
        return self.text

    def hang_up(self) -> None:
        self._hung_up.set()

    def events(self) -> list[dict[str, Any]]:
        parts = [one for one in self.text.split("\n\n") if "event: event" in one]
        return [json.loads(one.split("data: ")[1]) for one in parts]


async def test_the_stream_tells_what_is_there_and_then_what_comes(side: Side) -> None:
    await kept(side)
    reader = Reader(side, "/v1/events/stream?snapshot=2")
    async with anyio.create_task_group() as group:
        group.start_soon(reader.run)
        await reader.read_until("event: live")
        assert [one["number"] for one in reader.events()] == [4, 5]
        await side.events.append([told.prompt(9, "one more")])
        await reader.read_until("one more")
        reader.hang_up()
    assert reader.status == 200
    assert [one["number"] for one in reader.events()] == [4, 5, 6]


@pytest.mark.parametrize("by", ["header", "parameter"])
async def test_who_comes_back_is_told_what_it_missed(side: Side, by: str) -> None:
    await kept(side)
    header = [("last-event-id", "3")] if by == "header" else []
    reader = Reader(side, f"/v1/events/stream{'' if header else '?after=3'}", *header)
    async with anyio.create_task_group() as group:
        group.start_soon(reader.run)
        await reader.read_until("id: 5")
        reader.hang_up()
    assert [one["number"] for one in reader.events()] == [4, 5]


async def test_a_stream_tells_only_what_its_filter_finds(side: Side) -> None:
    await kept(side)
    reader = Reader(side, "/v1/events/stream?words=wanted&snapshot=0")
    async with anyio.create_task_group() as group:
        group.start_soon(reader.run)
        await reader.read_until("event: live")
        await side.events.append([told.prompt(8, "other"), told.prompt(9, "wanted one")])
        await side.events.append([told.prompt(10, "wanted two")])
        await reader.read_until("wanted two")
        reader.hang_up()
    assert [one["text"] for one in reader.events()] == ["wanted one", "wanted two"]


async def test_many_large_events_are_sent_in_parts(side: Side) -> None:
    await side.events.append([told.prompt(at, "x" * 30_000) for at in range(7)])
    reader = Reader(side, "/v1/events/stream?snapshot=7")
    parts: list[int] = []
    async with anyio.create_task_group() as group:
        group.start_soon(reader.run)
        with anyio.fail_after(20):
            while "event: live" not in reader.text:
                part = await reader._parts.receive()
                reader.text += part.decode()
                parts.append(len(part))
        reader.hang_up()
    assert [one["number"] for one in reader.events()] == [1, 2, 3, 4, 5, 6, 7]
    assert max(parts) < 100_000 < sum(parts) / 2


async def test_who_saw_nothing_else_comes_back_to_where_the_stream_began(side: Side) -> None:
    await kept(side)
    reader = Reader(side, "/v1/events/stream?words=wanted&snapshot=0")
    async with anyio.create_task_group() as group:
        group.start_soon(reader.run)
        await reader.read_until("event: live")
        reader.hang_up()
    assert "id: 5\nevent: live\n" in reader.text
    await side.events.append([told.prompt(8, "wanted meanwhile")])
    again = Reader(side, "/v1/events/stream?words=wanted", ("last-event-id", "5"))
    async with anyio.create_task_group() as group:
        group.start_soon(again.run)
        await again.read_until("wanted meanwhile")
        again.hang_up()


@pytest.mark.parametrize("query", ["pattern=(", "snapshot=-1", "after=x", "saved=missing"])
async def test_a_stream_that_cannot_be_is_refused_before_it_begins(still: Side, query: str) -> None:
    assert error_of(await still.get(f"/v1/events/stream?{query}"))[0] in {400, 404}
    last = ("last-event-id", "not-a-number")
    assert error_of(await still.get("/v1/events/stream", last))[0] == 400
