"""Requests that are made to be taken for others, as bytes over a real connection."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.web.api.opened import TOKEN, Side, open_side

from iterm_mcp.web.server import bind_loopback, open_http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECONDS = 10
SMUGGLED = (
    b"DELETE /v1/notes/kept HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NOTE = "/v1/notes/kept"


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[Side, str]]:
    """Serve the HTTP side on a real port, with one note in it; yields the port's address."""
    async with (
        open_side(folder) as side,
        open_http(side.app, bind_loopback(0, exact=True)) as url,
    ):
        assert (await side.ask("PUT", NOTE, {"value": "kept"})).status == 200
        yield side, url.removeprefix("http://")


async def say(address: str, request: bytes, *, token: str = TOKEN) -> bytes:
    """Return all that is answered to some bytes, until the server hangs up."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    sent = request.replace(b"{host}", address.encode()).replace(b"{token}", token.encode())
    writer.write(sent)
    with anyio.fail_after(SECONDS):
        answer = await reader.read(-1)
    writer.close()
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(one[:3]) for one in answer.split(b"HTTP/1.1 ")[1:]]


def posted(headers: bytes, body: bytes) -> bytes:
    """Return a request for a tool that has more to it than it should."""
    return (
        b"POST /v1/tools/list_sessions HTTP/1.1\r\nHost: {host}\r\n"
        b"Authorization: Bearer {token}\r\n" + headers + b"\r\n" + body
    )


@pytest.mark.parametrize(
    "request_bytes",
    [
        posted(b"Content-Length: 2\r\nContent-Length: 60\r\n", b"{}" + SMUGGLED),
        posted(b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED),
        posted(CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n" + SMUGGLED),
        posted(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
        posted(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED),
        posted(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
        posted(b"Content-Length : 0\r\n", SMUGGLED),
        posted(b"Content-Length: -1\r\n", SMUGGLED),
        posted(b"Content-Length: +0\r\n", SMUGGLED),
        posted(b"Content-Length: 0x2\r\n", b"{}" + SMUGGLED),
        posted(b"Content-Length: 99999999999999999999\r\n", SMUGGLED),
        posted(CHUNKED, b"-1\r\n\r\n" + SMUGGLED),
        posted(CHUNKED, b"ffffffffffffffffff\r\n\r\n" + SMUGGLED),
        posted(CHUNKED, b"2\r\n{}x0\r\n\r\n" + SMUGGLED),
        posted(b"X: a\x00b\r\n", SMUGGLED),
        posted(b"X: a\rDELETE / HTTP/1.1\r\n", SMUGGLED),
    ],
    ids=[
        "two lengths", "a length and chunks", "chunks and a length", "an unknown encoding",
        "chunks within another encoding", "a blank before the encoding's colon",
        "a blank before the length's colon", "less than nothing", "a sign", "a hexadecimal length",
        "a length beyond all numbers", "a chunk of less than nothing",
        "a chunk beyond all numbers", "a chunk that is longer than it says", "a zero byte",
        "a lone carriage return",
    ],
)  # fmt: skip
async def test_a_request_whose_end_is_in_doubt_is_the_last_of_its_connection(
    tmp_path: Path, request_bytes: bytes
) -> None:
    async with serving(tmp_path) as (side, address):
        found = statuses(await say(address, request_bytes))
        left = await side.get(NOTE)

    assert found
    assert found[-1] == 400
    assert left.status == 200, "the request within the request was done"


async def test_what_follows_a_whole_request_is_a_request_of_its_own(tmp_path: Path) -> None:
    async with serving(tmp_path) as (side, address):
        last = SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        whole = posted(b"Content-Length: 2\r\n", b"{}")
        assert statuses(await say(address, whole + last)) == [200, 200]
        assert (await side.get(NOTE)).status == 404

        again = await say(address, whole + last, token="another")
        assert statuses(again) == [401, 401]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/v1/hooks/../notes/kept", 404),
        (b"/v1/hooks/..%2fnotes%2fkept", 404),
        (b"/v1/docs/../notes/kept", 404),
        (b"/v1/docs/%2e%2e/notes/kept", 404),
        (b"//v1/notes/kept", 401),
        (b"/V1/notes/kept", 401),
        (b"/v1/notes/kept%00", 401),
        (b"/v1/notes/kept;/healthz", 401),
        (b"/healthz/../v1/notes/kept", 401),
        (b"/healthz?/v1/notes/kept", 200),
        (b"http://evil.example/v1/notes/kept", 401),
    ],
)
async def test_no_writing_of_a_path_opens_what_wants_a_token(
    tmp_path: Path, target: bytes, status: int
) -> None:
    async with serving(tmp_path) as (_side, address):
        wanted = 401 if target.startswith(b"/v1/hooks") else status
        asked = b"GET " + target + b" HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        answer = await say(address, asked)

    assert statuses(answer) == [wanted]
    assert b"untrusted" not in answer


@pytest.mark.parametrize(
    "hosts",
    [
        [b"evil.example"],
        [b"127.0.0.1.evil.example"],
        [b"evil.example@127.0.0.1:1"],
        [b"evil.example", b"{host}"],
        [b"{host}", b"evil.example"],
        [],
    ],
    ids=["another", "one that begins so", "a user", "another first", "another last", "none"],
)
async def test_only_who_names_this_machine_once_is_answered(
    tmp_path: Path, hosts: list[bytes]
) -> None:
    async with serving(tmp_path) as (_side, address):
        told = b"".join(b"Host: " + one + b"\r\n" for one in hosts)
        answer = await say(
            address,
            b"GET /v1/notes/kept HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"
            b"Connection: close\r\n" + told + b"\r\n",
        )

    assert statuses(answer) in ([400], [421])


async def test_nobody_says_for_another_where_a_request_comes_from(tmp_path: Path) -> None:
    seen: list[tuple[object, str]] = []

    async with open_side(tmp_path) as side:

        async def noting(scope: dict[str, object], receive: object, send: object) -> None:
            seen.append((scope["client"], str(scope["scheme"])))
            await side.app(scope, receive, send)  # type: ignore[arg-type]

        async with open_http(noting, bind_loopback(0, exact=True)) as url:  # type: ignore[arg-type]
            answer = await say(
                url.removeprefix("http://"),
                b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 9.9.9.9\r\n"
                b"X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n",
            )

    assert statuses(answer) == [200]
    assert [(client[0], scheme) for client, scheme in seen] == [  # type: ignore[index]
        ("127.0.0.1", "http")
    ]
