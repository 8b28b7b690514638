"""Links to files: who makes them, who reads them, and what an attacker gets."""

from __future__ import annotations

import json
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import pytest
from tests.unit.services.events import told
from tests.unit.services.events.exporting.test_exporter import check_page
from tests.unit.services.events.story import story
from tests.unit.web.api.opened import Side, error_of, open_side

from iterm_mcp.models.events import EventKind, Links
from iterm_mcp.services.events.exporting.recordings import Recorded
from iterm_mcp.web import shares as public

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.unit.web.asgi import Answer

EVIL = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\r\nSet-Cookie: a=b\r\n\r\n<b>\u202e"
)
SECRET = "ghp_" + "a1B2" * 9


async def kept(side: Side) -> None:
    await side.events.append([*story(), told.prompt(50, f"{EVIL} {SECRET}")])


@pytest.fixture(scope="module")
async def telling(still: Side) -> Side:
    """The module's own side, which has something to tell."""
    await kept(still)
    return still


async def shared(side: Side, **given: object) -> dict[str, Any]:
    made = await side.post("/v1/shares", {"conversation": "c1"} | given)
    assert made.status == 200, made.body
    return made.json()


def path_of(made: dict[str, Any]) -> str:
    return str(made["url"]).removeprefix("http://127.0.0.1:7717")


async def visit(side: Side, path: str, method: str = "GET", *headers: tuple[str, str]) -> Answer:
    return await side.ask(method, path, None, *headers, token=None)


async def test_a_share_is_read_without_a_token_and_runs_nothing(side: Side) -> None:
    await kept(side)
    made = await shared(side)
    assert (made["what"], made["format"], made["redacted"]) == ("conversation c1", "html", True)
    assert "this machine alone" in made["note"]
    assert "taken out" in made["note"]
    found = await visit(side, path_of(made))
    assert found.status == 200
    page = found.body.decode()
    check_page(page)
    assert SECRET not in page
    assert "\u202e" not in page
    assert (await side.get("/v1/shares")).json()["shares"][0]["views"] == 1


async def test_what_a_browser_is_told_with_a_share(side: Side) -> None:
    await kept(side)
    found = (await visit(side, path_of(await shared(side)))).headers
    policy = found["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "sandbox" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert (found["x-content-type-options"], found["referrer-policy"]) == ("nosniff", "no-referrer")
    assert (found["cache-control"], found["x-frame-options"]) == ("no-store", "DENY")
    assert found["content-disposition"].startswith("inline; ")
    assert "set-cookie" not in found


@pytest.mark.parametrize("kind", ["json", "html"])
async def test_heads_and_bodies_agree(side: Side, kind: str) -> None:
    await kept(side)
    made = await shared(side, format=kind)
    head, whole = [await visit(side, path_of(made), method) for method in ("HEAD", "GET")]
    assert (head.status, head.body) == (200, b"")
    assert len(whole.body) == made["size_bytes"]
    assert head.headers == whole.headers | {"content-length": head.headers["content-length"]}


async def test_one_answer_to_all_that_opens_nothing(side: Side) -> None:
    await kept(side)
    first, second = await shared(side, hours=1.0), await shared(side)
    await side.ask("DELETE", f"/v1/shares/{second['share_id']}")
    side.clock.advance(3600)
    token = path_of(first)
    answers = [
        await visit(side, path)
        for path in (
            token, path_of(second), "/s/imsh_wrong", token[:-1] + "_", "/s/..", "/s/%2e%2e",
            "/s/" + "a" * 8000, "/s/imsh_\x00", "/s/state.db",
        )
    ]  # fmt: skip
    assert {one.status for one in answers} == {404}
    assert len({one.body for one in answers}) == 1
    assert len({json.dumps(one.headers, sort_keys=True) for one in answers}) == 1
    assert "content-security-policy" in answers[0].headers


@pytest.mark.parametrize(
    "path", ["/s/../v1/events", "/s/a/b", "/s/", "/s", "/s//etc/passwd", "/s/x/../../healthz"]
)
async def test_nothing_else_is_reached_through_the_open_door(telling: Side, path: str) -> None:
    found = await visit(telling, path)
    assert found.status in {401, 404, 307}
    assert b"do it" not in found.body


async def test_only_reading_is_open(side: Side) -> None:
    await kept(side)
    path = path_of(await shared(side))
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert (await visit(side, path, method)).status == 401
    assert (await visit(side, "/v1/shares")).status == 401
    foreign = await visit(side, path, "GET", ("origin", "https://evil.example"))
    assert foreign.status == 403


async def test_parameters_widen_nothing(side: Side) -> None:
    await kept(side)
    await side.events.append([told.told(EventKind.LOG_REPORTED, 99, text="of another")])
    path = path_of(await shared(side, format="json", conversation="", filter={"words": "build"}))
    plain = await visit(side, path)
    for query in ("?words=another", "?format=html", "?redact=false&saved=x", "?most=99&cursor=1"):
        assert (await visit(side, path + query)).body == plain.body
    assert b"of another" not in plain.body
    ranged = await visit(side, path, "GET", ("range", "bytes=0-1"), ("if-none-match", "*"))
    assert (ranged.status, ranged.body) == (200, plain.body)


async def test_no_header_is_made_of_what_was_said(side: Side) -> None:
    name = "c\r\nSet-Cookie: a=b\r\n\r\n<script>"
    event = told.prompt(1, "x")
    links = Links(conversation=name)
    await side.events.append([type(event)("k", event.at, event.kind, "t", links=links)])
    found = await visit(side, path_of(await shared(side, conversation=name)))
    assert found.status == 200
    assert "set-cookie" not in found.headers
    for value in found.headers.values():
        assert "\r" not in value
        assert "\n" not in value
    check_page(found.body.decode())


async def test_guessing_is_slowed_and_reading_goes_on(side: Side) -> None:
    await kept(side)
    path = path_of(await shared(side))
    answers = [(await visit(side, f"/s/imsh_{number}")) for number in range(30)]
    assert [one.status for one in answers].count(404) == public.MISSES_AT_ONCE
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await visit(side, path)).status == 200
    side.clock.advance(1)
    assert (await visit(side, "/s/imsh_again")).status == 404


async def test_reading_is_slowed_too(side: Side) -> None:
    await kept(side)
    path = path_of(await shared(side))
    statuses = [(await visit(side, path, "HEAD")).status for _ in range(50)]
    assert statuses.count(200) == public.READS_AT_ONCE
    assert statuses[-1] == 429


async def test_a_file_that_goes_while_it_is_opened_is_nothing(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(side)
    path = path_of(await shared(side))

    async def gone(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(public, "open_file", gone)
    assert error_of(await visit(side, path)) == (404, "no_share")


async def test_who_may_make_links(side: Side) -> None:
    await kept(side)
    reader, typist = await side.token("read"), await side.token("mutate")
    body = {"conversation": "c1"}
    assert error_of(await side.post("/v1/shares", body, token=reader)) == (403, "scope_refused")
    assert (await side.post("/v1/shares", body, token=typist)).status == 200
    bare = body | {"redact": False}
    assert error_of(await side.post("/v1/shares", bare, token=typist)) == (403, "scope_refused")
    made = await side.post("/v1/shares", bare)
    assert "NOT redacted" in made.json()["note"]
    listed = (await side.get("/v1/shares", token=reader)).json()["shares"]
    assert [(one["made_by"], one["redacted"]) for one in listed] == [
        ("mutate", True), ("admin", False),
    ]  # fmt: skip
    assert "imsh_" not in json.dumps(listed)


async def test_no_answer_with_a_link_is_kept(side: Side) -> None:
    await kept(side)
    found = await side.post("/v1/shares", {"conversation": "c1"}, ("idempotency-key", "k"))
    assert error_of(found) == (400, "bad_key")
    made = await side.post("/v1/shares", {"conversation": "c1"})
    assert made.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "given",
    [
        {}, {"conversation": "c1", "session": "s"}, {"saved": "x", "filter": {}},
        {"session": "s", "turn": 1}, {"conversation": "c1", "since": "2026-01-01T00:00:00Z"},
        {"conversation": "c1", "hours": 721.0}, {"conversation": "c1", "hours": 0.0},
        {"conversation": "c1", "format": "pdf"}, {"conversation": "c1", "redact": "no"},
        {"filter": {"pattern": "("}}, {"conversation": "c1", "turn": 1},
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_shared_is_refused(telling: Side, given: dict[str, object]) -> None:
    assert error_of(await telling.post("/v1/shares", given))[0] == 400


async def test_a_saved_filter_and_a_session_are_shared(side: Side) -> None:
    await kept(side)
    await side.ask("PUT", "/v1/filters/prompts", {"kind": ["PromptSubmitted"]})
    made = await shared(side, conversation="", saved="prompts", format="json")
    await side.ask("PUT", "/v1/filters/prompts", {})
    found = json.loads((await visit(side, path_of(made))).body)
    assert {one["kind"] for one in found["events"]} == {"PromptSubmitted"}
    made = await shared(side, conversation="", session="s9", format="json")
    assert json.loads((await visit(side, path_of(made))).body)["events"] == []
    assert error_of(await side.post("/v1/shares", {"saved": "none"}))[0] == 404
    assert error_of(await side.ask("DELETE", "/v1/shares/99"))[0] == 404


class Shelf:
    """One recording in memory, with a secret in it."""

    async def list(self) -> Sequence[Recorded]:
        return [Recorded("r", "s1", told.at(-10), told.at(60))]

    async def cut(self, name: str, begin: float, end: float) -> IO[bytes]:
        assert (name, begin < end) == ("r", True)
        head = b'{"version": 3, "term": {"cols": 80, "rows": 24}}\n'
        return BytesIO(head + f'[0.1, "o", "{SECRET}"]\n[0.1, "i", "{SECRET}"]\n'.encode())


async def test_what_a_terminal_showed_is_shared_with_its_secrets_starred(tmp_path: Path) -> None:
    async with open_side(tmp_path, recordings=Shelf()) as side:
        made = await shared(side, conversation="", session="s1", format="asciicast", redact=False)
        assert made["redacted"]
        found = await visit(side, path_of(made))
    assert found.headers["content-type"] == "application/x-asciicast"
    assert found.headers["content-disposition"].startswith("attachment; ")
    assert SECRET.encode() not in found.body
    assert b"*" * len(SECRET) in found.body
