"""The same key, the same answer; nothing is done twice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
from tests.unit.web.api.opened import TOKEN, error_of, open_side
from tests.unit.web.asgi import ask

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.web.api.opened import Side

KEY = ("idempotency-key", "one")


async def sessions(side: Side) -> int:
    return len((await side.get("/v1/sessions")).json()["sessions"])


async def test_the_same_key_gives_the_same_answer_and_does_nothing_more(side: Side) -> None:
    first = await side.post("/v1/sessions", {"name": "x"}, KEY)
    again = await side.post("/v1/sessions", {"name": "x"}, KEY)
    assert (again.status, again.body) == (200, first.body)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await sessions(side) == 1


async def test_an_answer_outlives_the_daemon(tmp_path: Path) -> None:
    async with open_side(tmp_path) as side:
        first = await side.ask("PUT", "/v1/notes/a", {"value": "1"}, KEY)
    async with open_side(tmp_path) as side:
        again = await side.ask("PUT", "/v1/notes/a", {"value": "1"}, KEY)
    assert (again.status, again.body) == (first.status, first.body)


async def test_an_error_is_answered_again_too(side: Side) -> None:
    first = await side.post("/v1/sessions/nobody/text", {"text": "x"}, KEY)
    again = await side.post("/v1/sessions/nobody/text", {"text": "x"}, KEY)
    assert error_of(first) == error_of(again) == (404, "session_not_found")
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_key_is_for_one_request(side: Side) -> None:
    await side.post("/v1/sessions", {"name": "x"}, KEY)
    for path, body in (("/v1/sessions", {"name": "y"}), ("/v1/results", {"name": "x"})):
        assert error_of(await side.post(path, body, KEY)) == (422, "key_reused")


async def test_each_token_has_its_own_keys(side: Side) -> None:
    token = await side.token("mutate")
    await side.post("/v1/sessions", {"name": "x"}, KEY)
    other = await side.post("/v1/sessions", {"name": "x"}, KEY, token=token)
    assert "idempotency-replayed" not in other.headers
    assert await sessions(side) == 2


async def test_a_key_is_forgotten_after_a_day(side: Side) -> None:
    await side.post("/v1/sessions", {"name": "x"}, KEY)
    side.clock.advance(timedelta(hours=25).total_seconds())
    await side.post("/v1/sessions", {"name": "x"}, KEY)
    assert await sessions(side) == 2


async def test_a_request_under_way_is_not_begun_again(side: Side) -> None:
    gate = side.terminal.hold("open_session")
    first: list[int] = []

    async def ask() -> None:
        first.append((await side.post("/v1/sessions", {"name": "x"}, KEY)).status)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await gate.wait_arrived()
        again = await side.post("/v1/sessions", {"name": "x"}, KEY)
        gate.open()
    assert error_of(again) == (409, "answer_unknown")
    assert first == [200]


async def test_no_secret_is_kept_for_a_key(side: Side) -> None:
    body = {"name": "x", "scope": "read"}
    assert error_of(await side.post("/v1/tokens", body, KEY)) == (400, "bad_key")
    long = ("idempotency-key", "k" * 201)
    assert error_of(await side.post("/v1/sessions", {}, long)) == (400, "bad_key")


async def test_a_refused_body_leaves_the_key_free(side: Side) -> None:
    huge = await side.ask("POST", "/v1/sessions", b" " * (3 << 20), KEY)
    assert error_of(huge) == (413, "too_large")
    assert (await side.post("/v1/sessions", {"name": "x"}, KEY)).status == 200


async def test_reading_needs_no_key_and_minds_none(side: Side) -> None:
    first = await side.get("/v1/sessions", KEY)
    await side.post("/v1/sessions", {"name": "x"})
    assert (await side.get("/v1/sessions", KEY)).body != first.body


async def test_a_body_that_grows_too_large_is_refused_and_the_key_is_free(side: Side) -> None:
    large = b'{"value": "' + b"x" * (2 << 20) + b'"}'
    answer = await ask(  # its length is not told before
        side.app, "/v1/notes/a", KEY, method="PUT", token=TOKEN, body=large
    )
    assert error_of(answer) == (413, "too_large")

    assert (await side.ask("PUT", "/v1/notes/a", {"value": "1"}, KEY)).status == 200
