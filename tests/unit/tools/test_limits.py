"""A client that loops costs itself, and nobody else."""

from __future__ import annotations

import pytest
from mcp.types import CallToolResult, ImageContent, TextContent
from tests.unit.tools.conftest import text_of
from tests.unit.tools.ruled import Ruled

from iterm_mcp.access import Access
from iterm_mcp.services.buckets import Bucket
from iterm_mcp.testing import FakeClock
from iterm_mcp.tools.clients import CURRENT, MAX_HTTP_SESSIONS, Client, Clients, Rules
from iterm_mcp.tools.limits import LEAST_CHARACTERS, Limits

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


def test_a_bucket_fills_at_its_rate_and_never_over_its_brim() -> None:
    clock = FakeClock()
    bucket = Bucket(2, 10, clock)
    bucket.take(15)
    assert bucket.level() == -5
    assert bucket.seconds_until(1) == 3
    clock.advance(3)
    assert bucket.seconds_until(1) == 0
    clock.advance(100)
    assert bucket.level() == 10


def test_a_bucket_without_a_rate_is_never_empty() -> None:
    bucket = Bucket(0, 0, FakeClock())
    bucket.take(1e9)
    assert bucket.seconds_until(1e9) == 0


@ERAS
async def test_who_calls_too_fast_is_told_how_long_to_wait(mode: str) -> None:
    ruled = Ruled(Rules(calls_per_second=2))
    async with ruled.caller(mode) as caller:
        for _ in range(10):
            await caller.text("look_around")
        refusal = await caller.refusal("look_around")
        assert refusal["code"] == "rate_limited"
        assert "Wait 0.5 s" in refusal["hint"]
        assert (await caller.refusal("end_thing", confirm=True))["code"] == "rate_limited"
        async with ruled.caller(mode) as other:
            await other.text("look_around")
        ruled.clock.advance(0.5)
        await caller.text("look_around")
        assert (await caller.refusal("look_around"))["code"] == "rate_limited"
    assert ruled.toys.ended == []


@ERAS
async def test_a_budget_keeps_the_end_of_a_text_and_its_first_line(mode: str) -> None:
    ruled = Ruled(Rules(output_characters_per_minute=6000))
    ruled.toys.text = "[seal data]\n" + "".join(f"line {number:04}\n" for number in range(900))
    async with ruled.caller(mode) as caller:
        lines = (await caller.text("look_around")).splitlines()
        assert lines[0] == "[seal data]"
        assert "lines left out" in lines[1]
        assert "6000 characters a minute" in lines[1]
        assert lines[-1] == "line 0899"
        assert 5800 < sum(len(line) + 1 for line in lines) < 6200
        refusal = await caller.refusal("look_around")
        assert refusal["code"] == "output_budget"
        assert "Wait" in refusal["hint"]
        assert await caller.text("type_thing") == "typed"  # what acts is not held up
        ruled.clock.advance(60)
        ruled.toys.text = "short"
        assert await caller.text("look_around") == "short"


@ERAS
async def test_data_is_charged_and_never_cut(mode: str) -> None:
    ruled = Ruled(Rules(output_characters_per_minute=3000))
    ruled.toys.text = "x" * 9000
    async with ruled.caller(mode) as caller:
        assert (await caller.data("list_sessions"))["text"] == ruled.toys.text
        refusal = await caller.refusal("list_sessions")
        assert refusal["code"] == "output_budget"


def test_a_text_of_one_long_line_keeps_its_end_and_pictures_stay() -> None:
    limits = Limits(0, 100, FakeClock())
    picture = ImageContent(type="image", data="aGk=", mime_type="image/png")
    text = TextContent(type="text", text="a" * 5000 + "b")
    fitted = limits.fit(CallToolResult(content=[text, picture]))
    assert fitted.content[1] == picture
    assert text_of(fitted).endswith("ab")
    assert LEAST_CHARACTERS < len(text_of(fitted)) < LEAST_CHARACTERS + 150
    assert text_of(fitted).startswith("[1 lines left out here")


def test_of_several_texts_each_has_its_share() -> None:
    limits = Limits(0, 100, FakeClock())
    texts = [TextContent(type="text", text=one) for one in ("short", "h\n" + "x" * 5000)]
    first, second = limits.fit(CallToolResult(content=[*texts])).content
    assert first == texts[0]
    assert isinstance(second, TextContent)
    assert len(second.text) < 1200


def test_clients_of_http_without_a_session_are_known_by_their_names() -> None:
    clients = Clients(Rules(calls_per_second=1), FakeClock())

    def call(name: str, session_id: str = "") -> Client:
        clients.enter_http(session_id, {})
        return clients.calling(name)

    before = CURRENT.set(None)
    try:
        first, again, other = call("claude-code"), call("claude-code"), call("codex")
        nameless, silent, within = call(""), call(""), call("claude-code", "s")
        named_alike = call("s")
    finally:
        CURRENT.reset(before)
    assert first.limits is again.limits
    assert first.unanswered is again.unanswered
    assert nameless.limits is silent.limits
    apart = [first, other, nameless, within, named_alike]
    assert len({id(one.limits) for one in apart}) == len(apart)
    assert len({id(one.unanswered) for one in apart}) == len(apart)


def test_clients_of_http_without_a_session_share_what_they_have_until_they_say_who_they_are() -> (
    None
):
    clients = Clients(Rules(calls_per_second=1), FakeClock())

    def enter(session_id: str, **wish: str) -> Client:
        clients.enter_http(session_id, wish)
        return clients.current()

    before = CURRENT.set(None)
    try:
        first, second, other = enter(""), enter("", tier="read"), enter("s", tools="all")
    finally:
        CURRENT.reset(before)
    assert first.limits is second.limits
    assert first.limits is not other.limits
    assert second.access.values() == {"tier": "read"}


def test_so_many_sessions_are_remembered() -> None:
    clients = Clients(Rules(), FakeClock())
    before = CURRENT.set(None)
    try:
        clients.enter_http("first", {})
        first = clients.current().limits
        for number in range(MAX_HTTP_SESSIONS):
            clients.enter_http(str(number), {})
        clients.enter_http("first", {})
        assert clients.current().limits is not first
        assert clients.current().access.values() == Access().values()
    finally:
        CURRENT.reset(before)
