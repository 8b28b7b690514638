"""Tokens: told once, kept as digests, good for what they say and no longer than they may."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread
from tests.unit.web.api.opened import TOKEN, error_of, open_side

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.web.api.opened import Side


def everything(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in folder.glob("state.db*"))


async def test_a_token_is_shown_once_and_never_again(side: Side, tmp_path: Path) -> None:
    text = await side.token("read", "ci")
    listed = await side.get("/v1/tokens")
    assert [one["name"] for one in listed.json()["tokens"]] == ["ci"]
    assert text.encode() not in listed.body
    kept = await to_thread.run_sync(everything, tmp_path)
    assert text.encode() not in kept
    assert b"ci" in kept


async def test_a_token_outlives_the_daemon(tmp_path: Path) -> None:
    async with open_side(tmp_path) as side:
        text = await side.token("read")
    async with open_side(tmp_path) as side:
        assert (await side.get("/v1/sessions", token=text)).status == 200


async def test_a_rotated_token_has_a_new_text_and_the_old_one_is_nothing(side: Side) -> None:
    old = await side.token("read", "a b/c")
    made = await side.post("/v1/tokens/a b/rotate")
    assert error_of(made) == (404, "token_not_found")
    await side.token("mutate", "plain")
    new = (await side.post("/v1/tokens/plain/rotate")).json()
    assert new["scope"] == "mutate"
    assert (await side.get("/v1/sessions", token=new["token"])).status == 200
    assert (await side.get("/v1/sessions", token=old)).status == 200


async def test_the_old_text_of_a_rotated_token_is_refused(side: Side) -> None:
    old = await side.token("read")
    await side.post("/v1/tokens/read/rotate")
    assert error_of(await side.get("/v1/sessions", token=old)) == (401, "unauthorized")


async def test_a_revoked_token_is_refused_at_once(side: Side) -> None:
    text = await side.token("admin", "boss")
    assert (await side.ask("DELETE", "/v1/tokens/boss", token=text)).status == 200
    assert error_of(await side.get("/v1/sessions", token=text)) == (401, "unauthorized")
    assert error_of(await side.ask("DELETE", "/v1/tokens/boss"))[0] == 404


async def test_a_token_ends_by_its_time(side: Side) -> None:
    made = await side.post("/v1/tokens", {"name": "short", "scope": "read", "days": 1})
    text = made.json()["token"]
    assert (await side.get("/v1/sessions", token=text)).status == 200
    side.clock.advance(timedelta(days=1).total_seconds())
    assert error_of(await side.get("/v1/sessions", token=text)) == (401, "unauthorized")


@pytest.mark.parametrize("scope", ["read", "mutate", "destructive"])
async def test_only_admins_make_and_see_tokens(side: Side, scope: str) -> None:
    text = await side.token(scope)
    body = {"name": "more", "scope": "read"}
    for answer in (
        await side.get("/v1/tokens", token=text),
        await side.post("/v1/tokens", body, token=text),
        await side.post(f"/v1/tokens/{scope}/rotate", token=text),
        await side.ask("DELETE", f"/v1/tokens/{scope}", token=text),
    ):
        assert error_of(answer) == (403, "scope_refused")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "", "scope": "read"}, (400, "bad_arguments")),
        ({"name": "x", "scope": "root"}, (400, "bad_arguments")),
        ({"name": "x", "scope": "read", "days": 0}, (400, "bad_arguments")),
        ({"name": "x", "scope": "read", "more": 1}, (400, "bad_arguments")),
        ({"name": "admin", "scope": "read"}, (400, "invalid_request")),
        ({"name": "a\nb", "scope": "read"}, (400, "invalid_request")),
        ({"name": "taken", "scope": "read"}, (409, "conflict")),
    ],
)
async def test_what_cannot_be_a_token_is_refused(
    side: Side, body: dict[str, object], expected: tuple[int, str]
) -> None:
    await side.token("read", "taken")
    assert error_of(await side.post("/v1/tokens", body)) == expected


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", "bearer " + TOKEN, "Basic " + TOKEN, "Bearer  " + TOKEN,
     "Bearer " + TOKEN + "x", "Bearer \xff"],
)  # fmt: skip
async def test_what_is_no_token_is_no_token(still: Side, shown: str) -> None:
    answer = await still.ask("GET", "/v1/sessions", None, ("authorization", shown), token=None)
    assert error_of(answer) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_no_path_under_v1_is_open_but_the_document(still: Side) -> None:
    opened = {"/docs", "/docs/{name}", "/openapi.json"}
    for path in sorted((await still.api.application.made()).state.paths):
        if path.removeprefix("/v1") in opened:
            continue
        for method in ("GET", "POST"):
            answer = await still.ask(method, path, token=None)
            assert answer.status == 401, (method, path)


@pytest.mark.parametrize("path", ["/v1/docs/../sessions", "/v1/docs/%2e%2e/sessions", "/v1//docs",
                                  "/v1/docs/LICENSE", "/v1/docs/..%2f..%2ftoken"])  # fmt: skip
async def test_nothing_is_reached_beside_the_pages_of_the_document(still: Side, path: str) -> None:
    answer = await still.ask("GET", path, token=None)
    assert answer.status in {401, 404}
